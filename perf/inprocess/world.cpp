#include "perf/inprocess/world.h"

#include <algorithm>
#include <string>

namespace portcullis::perf {

using namespace policy;

namespace {

constexpr std::uint16_t kFullPort = 443, kAvPort = 3478, kMediaPort = 50000;
constexpr std::uint32_t kFirstClient4 = 0x14000000;  // 20.0.0.0
constexpr unsigned kPortsPerClient = 16;
constexpr std::uint16_t kFirstClientPort = 20000;

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

struct FamilyWorld {
    const char* wan;      // ours
    const char* gateway;  // on the wan
    const char* dmz;      // ours
    unsigned wan_length;
    const char* full_vip;
    const char* av_vip;
    const char* first_full_node;  // and three more behind it
    const char* first_av_node;
};
constexpr FamilyWorld kIpv4{"192.0.2.1",    "192.0.2.254",  "203.0.113.1",  24,
                            "203.0.113.10", "203.0.113.30", "203.0.113.11", "203.0.113.31"};
constexpr FamilyWorld kIpv6{
    "2001:db8:2::1",    "2001:db8:2::fe",   "2001:db8:113::1",  64,
    "2001:db8:113::10", "2001:db8:113::30", "2001:db8:113::11", "2001:db8:113::31"};

const FamilyWorld& world(Family family) {
    return family == Family::ipv4 ? kIpv4 : kIpv6;
}

IpAddress plus(const char* first, unsigned index) {
    auto bytes = ip(first).bytes();
    bytes[15] = static_cast<std::uint8_t>(bytes[15] + index);
    return IpAddress::from_bytes(bytes);
}

void add_family(Policy& policy, Family family) {
    const FamilyWorld& here = world(family);
    const auto length = static_cast<std::uint8_t>(here.wan_length);
    policy.interfaces[kWan].addresses.push_back({ip(here.wan), length});
    policy.interfaces[kDmz].addresses.push_back({ip(here.dmz), length});
    policy.interfaces[kWan].answered.push_back(ip(here.wan));
    for (const char* own : {here.dmz, here.full_vip, here.av_vip})
        policy.interfaces[kDmz].answered.push_back(ip(own));
    policy.routes.push_back({Prefix::all(family), ip(here.gateway), kWan});
    policy.addresses.push_back({Prefix::host(ip(here.wan)), AddressKind::own, Zone::internet});
    for (const char* own : {here.dmz, here.full_vip, here.av_vip})
        policy.addresses.push_back({Prefix::host(ip(own)), AddressKind::own, Zone::edge_external});
    policy.addresses.push_back(
        {Prefix::make(ip(here.dmz), length), AddressKind::member, Zone::edge_external});
}

Rule allow(std::string id, Family family, Transport transport, const IpAddress& to,
           PortRange ports) {
    Rule rule;
    rule.id = std::move(id);
    rule.family = family;
    rule.transport = transport;
    rule.from = Zone::internet;
    rule.to = Zone::edge_external;
    rule.destinations = {Prefix::host(to)};
    rule.destination_ports = ports;
    rule.idle_seconds = 1800;
    rule.reason = "a benchmark";
    return rule;
}

void add_service(Policy& policy, const std::string& name, Family family, Transport transport,
                 const char* vip, std::uint16_t port, NatKind nat, const char* first_node) {
    Service service;
    service.name = name;
    service.vip = ip(vip);
    service.transport = transport;
    service.port = port;
    service.nat = nat;
    for (unsigned i = 0; i < kNodes; ++i)
        service.nodes.push_back({"node" + std::to_string(i), plus(first_node, i), 1});
    policy.services.push_back(service);
    Rule rule = allow(name, family, transport, service.vip, {port, port});
    rule.service = static_cast<std::uint32_t>(policy.services.size() - 1);
    rule.nat = nat;
    rule.av_path = nat == NatKind::dnat;
    policy.rules.push_back(rule);
}

void add_services(Policy& policy, Family family, Transport transport) {
    const FamilyWorld& here = world(family);
    const std::string suffix =
        "/" + std::string(to_string(transport)) + (family == Family::ipv4 ? "" : "/ipv6");
    add_service(policy, "access-443" + suffix, family, transport, here.full_vip, kFullPort,
                NatKind::full, here.first_full_node);
    add_service(policy, "av-3478" + suffix, family, transport, here.av_vip, kAvPort, NatKind::dnat,
                here.first_av_node);
    policy.rules.push_back(allow("media" + suffix, family, transport, plus(here.first_av_node, 0),
                                 {kMediaPort, 59999}));
}

// One partner each, in both families, that may reach a port of the VIP which nobody asks for.
void add_partners(Policy& policy, unsigned rules) {
    std::vector<Rule> partners;
    for (unsigned i = 0; policy.rules.size() + partners.size() < rules; ++i) {
        const Family family = i % 2 == 0 ? Family::ipv4 : Family::ipv6;
        Rule rule = allow("partner-" + std::to_string(i), family, Transport::tcp,
                          ip(world(family).full_vip), {5061, 5061});
        rule.action = Action::deny;
        rule.origin = Origin::site;
        if (family == Family::ipv4)
            rule.sources = {Prefix::host(IpAddress::from_v4(0x0b000000 + i * 7))};
        else
            rule.sources = {Prefix::host(plus("2001:db8:ffff::1", i % 250))};
        partners.push_back(rule);
    }
    policy.rules.insert(policy.rules.begin(), partners.begin(), partners.end());
}

}  // namespace

Policy bench_policy(unsigned rules) {
    Policy policy;
    policy.topology_name = "bench";
    policy.release = "lync-2013";
    ZoneSet internet, edge;
    internet.add(Zone::internet);
    edge.add(Zone::edge_external);
    policy.interfaces = {{"wan", "wan", 0, 9000, internet, {}, {}},
                         {"dmz", "dmz", 0, 9000, edge, {}, {}}};
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        add_family(policy, family);
        for (const Transport transport : {Transport::udp, Transport::tcp})
            add_services(policy, family, transport);
    }
    std::ranges::sort(policy.interfaces[kDmz].answered);
    std::ranges::sort(policy.interfaces[kWan].answered);
    std::ranges::stable_sort(policy.addresses, [](const AddressClass& a, const AddressClass& b) {
        return a.prefix.length() > b.prefix.length();
    });
    add_partners(policy, rules);
    return policy;
}

Target target_of(const Options& options) {
    const FamilyWorld& here = world(options.family);
    switch (options.nat) {
        case NatKind::full:
            return {ip(here.full_vip), kFullPort, true};
        case NatKind::dnat:
            return {ip(here.av_vip), kAvPort, true};
        default:
            return {plus(here.first_av_node, 0), kMediaPort, false};
    }
}

IpAddress gateway(Family family) {
    return ip(world(family).gateway);
}

IpAddress node(const Options& options, unsigned index) {
    const FamilyWorld& here = world(options.family);
    return plus(options.nat == NatKind::full ? here.first_full_node : here.first_av_node, index);
}

Client client_of(std::uint32_t flow, Family family) {
    const std::uint32_t host = kFirstClient4 + flow / kPortsPerClient;
    const auto port = static_cast<std::uint16_t>(kFirstClientPort + flow % kPortsPerClient);
    if (family == Family::ipv4) return {IpAddress::from_v4(host), port};
    std::array<std::uint8_t, 16> bytes{0x2a, 0x00, 0x14, 0x50};
    for (unsigned i = 0; i < 4; ++i)
        bytes[12 + i] = static_cast<std::uint8_t>(host >> (24 - 8 * i));
    return {IpAddress::from_bytes(bytes), port};
}

std::uint32_t flow_of(const IpAddress& client, std::uint16_t port) {
    std::uint32_t host = 0;
    for (unsigned i = 12; i < 16; ++i) host = host << 8 | client.bytes()[i];
    return (host - kFirstClient4) * kPortsPerClient + (port - kFirstClientPort);
}

}  // namespace portcullis::perf
