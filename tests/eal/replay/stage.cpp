#include "tests/eal/replay/stage.h"

#include <algorithm>
#include <stdexcept>

#include "control/identify/judge.h"

namespace portcullis::dataplane::test {

namespace {

using control::identify::classes;
using policy::NatKind;
using policy::Prefix;
using policy::ProtocolClass;
using policy::Transport;
using policy::Zone;

constexpr std::uint16_t kFirstPort = 20000;
constexpr std::uint16_t kPortsOfAKind = 100;
constexpr std::uint32_t kIdleSeconds = 1800;

IpAddress vip(NatKind nat, Family family) {
    const bool v4 = family == Family::ipv4;
    if (nat == NatKind::dnat) return ip(v4 ? "203.0.113.30" : "2001:db8:113::30");
    return ip(v4 ? "203.0.113.10" : "2001:db8:113::10");
}
IpAddress node(Family family) {
    return ip(family == Family::ipv4 ? "203.0.113.11" : "2001:db8:113::11");
}
IpAddress far_server(Family family) {
    return ip(family == Family::ipv4 ? "198.51.100.80" : "2001:db8:51::80");
}
// Who is talked to.
IpAddress target(NatKind nat, Family family) {
    if (nat == NatKind::snat) return far_server(family);
    return nat == NatKind::none ? node(family) : vip(nat, family);
}

std::uint16_t port_of(NatKind nat, ProtocolClass protocol) {
    const auto kind = std::ranges::find(kNatKinds, nat) - std::begin(kNatKinds);
    const auto index = std::ranges::find(classes(), protocol) - classes().begin();
    return static_cast<std::uint16_t>(kFirstPort + kind * kPortsOfAKind + index);
}

void add_rule(policy::Policy& policy, NatKind nat, std::uint32_t conformance, Family family) {
    const auto protocol = policy.conformance[conformance].protocol;
    const bool outward = nat == NatKind::snat;
    policy::Rule rule;
    rule.id = policy.conformance[conformance].name + "-" + std::string(to_string(nat)) +
              (family == Family::ipv4 ? "" : "-ipv6");
    rule.transport = policy::is_stream(protocol) ? Transport::tcp : Transport::udp;
    rule.family = family;
    rule.from = outward ? Zone::edge_external : Zone::internet;
    rule.to = outward ? Zone::internet : Zone::edge_external;
    rule.destinations = {Prefix::host(target(nat, family))};
    rule.destination_ports = {port_of(nat, protocol), port_of(nat, protocol)};
    rule.idle_seconds = kIdleSeconds;
    rule.nat = nat;
    rule.conformance = conformance;
    rule.reason = "a replay";
    if (nat != NatKind::none) {
        policy::Service service;
        service.name = rule.id;
        service.vip = vip(nat, family);
        service.transport = rule.transport;
        service.nat = nat;
        if (!outward) {
            service.port = port_of(nat, protocol);
            service.nodes = {{"node", node(family), 1}};
        }
        rule.service = static_cast<std::uint32_t>(policy.services.size());
        policy.services.push_back(service);
    }
    policy.rules.push_back(rule);
}

policy::Policy policy_of_all_classes() {
    policy::Policy policy = ::portcullis::test::small_policy();
    policy.services.clear();
    policy.rules.clear();
    policy.addresses.insert(
        policy.addresses.begin(),
        {Prefix::host(ip("2001:db8:113::30")), policy::AddressKind::own, Zone::edge_external});
    if (const auto added = control::identify::add_every_class(policy); !added)
        throw std::runtime_error(added.error());
    for (std::uint32_t index = 0; index < policy.conformance.size(); ++index)
        for (const NatKind nat : kNatKinds)
            for (const Family family : {Family::ipv4, Family::ipv6})
                add_rule(policy, nat, index, family);
    return policy;
}

// Of the Internet, or the node itself.
IpAddress initiator(NatKind nat, Family family, std::uint32_t number) {
    if (nat == NatKind::snat) return node(family);
    const std::uint32_t host = number % 0xffffff;
    if (family == Family::ipv4) return IpAddress::from_v4(0x5c000000U + host + 1);
    std::array<std::uint8_t, 16> bytes{0x2a, 0x00};
    for (unsigned i = 0; i < 4; ++i) bytes[2 + i] = static_cast<std::uint8_t>(host >> (24 - 8 * i));
    bytes[15] = 1;
    return IpAddress::from_bytes(bytes);
}

}  // namespace

Stage::Stage() {
    RigOptions options;
    options.already_running = 200'000;  // nothing is picked up any more
    rig_ = std::make_unique<Rig>(options);
    rig_->publish(policy_of_all_classes());
}

Scene Stage::scene(NatKind nat, ProtocolClass protocol, Family family) {
    constexpr std::uint32_t kLowestPort = 1024, kPorts = 60'000;
    Scene made;
    made.nat = nat;
    made.transport = policy::is_stream(protocol) ? Transport::tcp : Transport::udp;
    made.initiator_device = nat == NatKind::snat ? kDmz : kWan;
    made.initiator = initiator(nat, family, scenes_);
    made.initiator_port = static_cast<std::uint16_t>(kLowestPort + scenes_ % kPorts);
    made.target = target(nat, family);
    made.target_port = port_of(nat, protocol);
    ++scenes_;
    return made;
}

void Stage::clear(const Scene& scene) {
    FlowKey key;
    key.source = scene.initiator;
    key.destination = scene.target;
    key.source_port = scene.initiator_port;
    key.destination_port = scene.target_port;
    key.interface = scene.initiator_device == kWan ? wire_id({kWan, 0}) : wire_id({kDmz, kDmzVlan});
    key.protocol = static_cast<std::uint8_t>(scene.transport);
    Worker& worker = rig_->worker(0);
    if (Session* session = worker.sessions().find(key).session; session != nullptr)
        worker.sessions().end(*session, worker.now());
    (void)rig_->sent(kWan);
    (void)rig_->sent(kDmz);
    (void)rig_->punted();
}

}  // namespace portcullis::dataplane::test
