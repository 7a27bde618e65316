#include "perf/stages/scene.h"

#include <algorithm>
#include <random>
#include <string>

#include "dataplane/stages/inspect.h"
#include "nic/eal.h"
#include "perf/stages/frame.h"
#include "tests/support/hand_made_policy.h"

namespace portcullis::perf {

using namespace dataplane;
using policy::NatKind;
using policy::Policy;
using policy::Prefix;
using policy::Transport;
using policy::Zone;

namespace {

constexpr std::uint16_t kWan = 0, kDmz = 1, kDmzVlan = 10;
constexpr MacAddress kWanMac{0x02, 0, 0, 0, 0, 1}, kDmzMac{0x02, 0, 0, 0, 0, 2};
constexpr std::uint16_t kAccessPort = 443, kAvPort = 3478, kDirectPort = 50000;
constexpr std::uint16_t kSitePort = 8000;
// Where the two ends of a TCP handshake start to count.
constexpr std::uint32_t kClientSequence = 1000, kNodeSequence = 5000;
// Beyond the time in which connections are picked up after a start.
constexpr Millis kNow = 1'000'000;

IpAddress ip(const std::string& text) {
    const auto address = IpAddress::parse(text);
    must(address.has_value(), text);
    return *address;
}

// 0x0a000000 is 10.0.0.0/8; in IPv6 the same number stands in the last four bytes.
IpAddress numbered(policy::Family family, std::uint32_t v4, const char* v6, std::uint32_t number) {
    if (family == policy::Family::ipv4) return IpAddress::from_v4(v4 + number);
    auto bytes = ip(v6).bytes();
    for (unsigned i = 0; i < 4; ++i) bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    return IpAddress::from_bytes(bytes);
}

IpAddress in_family(policy::Family family, const char* v4, const char* v6) {
    return ip(family == policy::Family::ipv4 ? v4 : v6);
}

policy::Rule allow(policy::Family family, std::string id, const IpAddress& destination,
                   policy::PortRange ports) {
    policy::Rule rule;
    rule.id = std::move(id);
    rule.transport = Transport::udp;
    rule.family = family;
    rule.from = Zone::internet;
    rule.to = Zone::edge_external;
    rule.destinations = {Prefix::host(destination)};
    rule.destination_ports = ports;
    rule.idle_seconds = 300;
    rule.reason = "a benchmark";
    return rule;
}

// What the small policy lacks: dnat in IPv6, and UDP to a node itself in both families.
void add_services(Policy& policy) {
    const IpAddress av = ip("2001:db8:113::30");
    policy.addresses.insert(policy.addresses.begin(),
                            {Prefix::host(av), policy::AddressKind::own, Zone::edge_external});
    policy::Service service;
    service.name = "av-3478/udp/ipv6";
    service.vip = av;
    service.transport = Transport::udp;
    service.port = kAvPort;
    service.nat = NatKind::dnat;
    service.nodes = {{"edge1", ip("2001:db8:113::31"), 1}, {"edge2", ip("2001:db8:113::32"), 1}};
    policy.services.push_back(service);
    policy::Rule rule = allow(policy::Family::ipv6, service.name, av, {kAvPort, kAvPort});
    rule.nat = NatKind::dnat;
    rule.service = static_cast<std::uint32_t>(policy.services.size() - 1);
    policy.rules.push_back(rule);
    const auto direct = [&](const char* id, const IpAddress& node) {
        policy.rules.push_back(allow(node.family(), id, node, {kDirectPort, 59999}));
    };
    direct("direct", ip("203.0.113.31"));
    direct("direct/ipv6", ip("2001:db8:113::31"));
}

// Partners and their ports: each rule another network and another port, as a long list of site rules
// is.
policy::Rule site_rule(policy::Family family, unsigned number) {
    const auto port = static_cast<std::uint16_t>(kSitePort + number % 100);
    policy::Rule rule = allow(family, "site-" + std::to_string(number),
                              in_family(family, "203.0.113.11", "2001:db8:113::11"), {port, port});
    rule.origin = policy::Origin::site;
    const IpAddress network = numbered(family, 0x14000000, "2001:db8:5117::", number << 8);
    rule.sources = {Prefix::make(network, family == policy::Family::ipv4 ? 24 : 120)};
    return rule;
}

}  // namespace

Policy policy_of(unsigned rules, policy::Family family) {
    Policy policy = portcullis::test::small_policy();
    add_services(policy);
    for (unsigned i = 0; policy.rules.size() < rules; ++i)
        policy.rules.push_back(site_rule(family, i));
    return policy;
}

FlowKey client_key(Service service, std::uint32_t client) {
    FlowKey key;
    key.source = numbered(service.family, 0x0b000000, "2001:db8:c11e::", client);
    key.source_port = static_cast<std::uint16_t>(1024 + client * 7 % 60000);
    key.interface = wire_id({kWan, 0});
    key.protocol = static_cast<std::uint8_t>(Transport::udp);
    switch (service.nat) {
        case NatKind::full:
            key.protocol = static_cast<std::uint8_t>(Transport::tcp);
            key.destination = in_family(service.family, "203.0.113.10", "2001:db8:113::10");
            key.destination_port = kAccessPort;
            break;
        case NatKind::dnat:
            key.destination = in_family(service.family, "203.0.113.30", "2001:db8:113::30");
            key.destination_port = kAvPort;
            break;
        default:
            key.destination = in_family(service.family, "203.0.113.31", "2001:db8:113::31");
            key.destination_port = static_cast<std::uint16_t>(kDirectPort + client % 10000);
    }
    return key;
}

FlowKey key_of_rule(policy::Family family, unsigned rule) {
    FlowKey key;
    key.source = numbered(family, 0x14000000, "2001:db8:5117::", rule << 8 | 5);
    key.source_port = 5060;
    key.destination = in_family(family, "203.0.113.11", "2001:db8:113::11");
    key.destination_port = static_cast<std::uint16_t>(kSitePort + rule % 100);
    key.interface = wire_id({kWan, 0});
    key.protocol = static_cast<std::uint8_t>(Transport::udp);
    return key;
}

void shuffle(std::span<FlowKey> keys) {
    std::mt19937_64 random(4711);  // NOLINT: the same order every time
    std::shuffle(keys.begin(), keys.end(), random);
}

Scene::Scene(std::uint32_t session_capacity, unsigned rules)
    : Scene(session_capacity, policy_of(rules)) {}

Scene::Scene(std::uint32_t session_capacity, const Policy& policy) : macs_{kWanMac, kDmzMac} {
    static unsigned scenes = 0;
    pool_ = must(nic::make_pool("scene" + std::to_string(scenes++), 1023, kMbufPrivateBytes, 1518));
    for (rte_mbuf*& packet : packets_) {
        packet = rte_pktmbuf_alloc(pool_);
        must(packet != nullptr, "no packet buffer");
    }
    config_.capacity = session_capacity;
    config_.hash_key = {1, 2, 3, 4};
    sessions_ = must(Sessions::create(config_));
    inspector_ = must(inspect::Inspector::create({}));
    auto runtime =
        must(RuntimePolicy::build(policy, {}, next_generation(), {"wan", "dmz"}, nullptr, 42));
    policy_ = must(ActivePolicy::make(std::move(runtime), config_, 1));
    sessions_->take_ports(*policy_->ports[0]);
    sessions_->tell(this);

    learn({kWan, 0}, ip("192.0.2.254"));
    learn({kWan, 0}, ip("2001:db8:2::fe"));
    for (const char* node : {"11", "12", "31", "32"}) {
        learn({kDmz, kDmzVlan}, ip(std::string("203.0.113.") + node));
        learn({kDmz, kDmzVlan}, ip(std::string("2001:db8:113::") + node));
    }
    context_.policy = policy_->policy.get();
    context_.hits = &policy_->hits;
    context_.protocols = &policy_->protocols;
    context_.scratch = &policy_->scratch[0];
    context_.conformance = &policy_->conformance;
    context_.inspector = inspector_.get();
    context_.now = kNow;
    for (const MacAddress& mac : macs_) mac_words_.push_back(mac_word(mac));
    context_.macs = mac_words_;
    context_.sessions = sessions_.get();
    context_.neighbours = &neighbours_;
    context_.counters = &counters_;
    context_.denies = &denies_;
    context_.answers = &answers_;
    context_.echo_limit = &echo_limit_;
}

Scene::~Scene() {
    for (rte_mbuf* packet : packets_) rte_pktmbuf_free(packet);
    rte_mempool_free(pool_);
}

void Scene::ended_undecided(dataplane::Session& session) {
    leave_inspection(session, context_);
}

void Scene::learn(Attachment at, const IpAddress& next_hop) {
    const NeighbourId id = neighbours_.add(at, next_hop);
    neighbours_.set(id, NeighbourState::reachable, {0x02, 0, 0, 0, 0, 0xfe});
}

void Scene::load(std::span<const FlowKey> keys, unsigned frame_bytes, std::uint8_t flags) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const FlowKey& key = keys[i];
        const Attachment at = attachment_of(key.interface);
        const bool from_node = at.device == kDmz;
        Segment segment{flags, kClientSequence, kNodeSequence + 1};
        if (flags != kTcpSyn) ++segment.sequence;
        if (from_node) segment = {flags, kNodeSequence, kClientSequence + 1};
        if (from_node && (flags & kTcpSyn) == 0) ++segment.sequence;
        if ((flags & kTcpAck) == 0) segment.ack = 0;
        rte_mbuf& packet = *packets_[i];
        packet.data_off = RTE_PKTMBUF_HEADROOM;
        const unsigned length = write_frame(rte_pktmbuf_mtod(&packet, std::uint8_t*), key,
                                            macs_[at.device], frame_bytes, segment);
        packet.data_len = static_cast<std::uint16_t>(length);
        packet.pkt_len = length;
        burst_.mbuf[i] = &packet;
        burst_.ingress[i] = {at.device, 0};
    }
    burst_.reset(static_cast<unsigned>(keys.size()));
    answers_.start_burst(0, context_.now);
}

void Scene::run_before(std::string_view stage) {
    for (const Stage& each : pipeline()) {
        if (each.name == stage) return;
        each.run(burst_, context_);
    }
    must(false, "the pipeline has no such stage");
}

void Scene::run(std::string_view stage) {
    const auto stages = pipeline();
    const auto found = std::ranges::find(stages, stage, &Stage::name);
    must(found != stages.end(), "the pipeline has no such stage");
    found->run(burst_, context_);
}

void Scene::send(std::span<const FlowKey> keys, std::uint8_t flags, bool first) {
    load(keys, 60, flags);
    run_pipeline(burst_, context_);
    const auto sent = static_cast<std::size_t>(std::popcount(burst_.live));
    must(sent == keys.size(), first ? "a session was refused" : "an answer was refused");
}

std::vector<FlowKey> Scene::establish(Service service, std::uint32_t count) {
    std::vector<FlowKey> keys;
    keys.reserve(std::size_t{2} * count);
    const bool tcp = service.nat == NatKind::full;
    std::vector<FlowKey> clients, nodes;
    for (std::uint32_t client = 0; client < count;) {
        clients.clear();
        nodes.clear();
        for (; clients.size() < kBurstSize && client < count; ++client)
            clients.push_back(client_key(service, client));
        send(clients, kTcpSyn, true);
        for (const FlowKey& key : clients)
            nodes.push_back(sessions_->find(key).session->key[index_of(Direction::responder)]);
        send(nodes, kTcpSyn | kTcpAck, false);
        if (tcp) send(clients, kTcpAck, false);
        keys.insert(keys.end(), clients.begin(), clients.end());
        keys.insert(keys.end(), nodes.begin(), nodes.end());
    }
    shuffle(keys);
    return keys;
}

}  // namespace portcullis::perf
