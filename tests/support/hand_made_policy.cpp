#include "tests/support/hand_made_policy.h"

#include <algorithm>
#include <random>
#include <string>

namespace portcullis::test {

using namespace policy;

namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}
Prefix net(const char* text) {
    return Prefix::parse(text).value();
}

ZoneSet zones(std::initializer_list<Zone> list) {
    ZoneSet set;
    for (const Zone zone : list) set.add(zone);
    return set;
}

void sort_longest_first(std::vector<AddressClass>& addresses) {
    std::ranges::sort(addresses, [](const AddressClass& a, const AddressClass& b) {
        return a.prefix.length() != b.prefix.length() ? a.prefix.length() > b.prefix.length()
                                                      : a.prefix < b.prefix;
    });
    const auto same = [](const AddressClass& a, const AddressClass& b) {
        return a.prefix == b.prefix;
    };
    addresses.erase(std::unique(addresses.begin(), addresses.end(), same), addresses.end());
}

Rule allow(std::string id, Zone from, Zone to, PortRange ports, std::vector<Prefix> destinations) {
    Rule rule;
    rule.id = std::move(id);
    rule.from = from;
    rule.to = to;
    rule.family = destinations.front().family();
    rule.destinations = std::move(destinations);
    rule.destination_ports = ports;
    rule.idle_seconds = 1800;
    rule.reason = "a test";
    return rule;
}

}  // namespace

Policy small_policy() {
    Policy policy;
    policy.topology_name = "small";
    policy.release = "lync-2013";

    Interface wan{"wan", "wan", 0, 1500, zones({Zone::internet}), {}, {}};
    wan.addresses = {{ip("192.0.2.1"), 24}, {ip("2001:db8:2::1"), 64}};
    wan.answered = {ip("192.0.2.1"), ip("2001:db8:2::1")};
    Interface dmz{"dmz", "dmz", 10, 1500, zones({Zone::edge_external}), {}, {}};
    dmz.addresses = {{ip("203.0.113.1"), 24}, {ip("2001:db8:113::1"), 64}};
    dmz.answered = {ip("203.0.113.1"), ip("203.0.113.10"), ip("203.0.113.30"),
                    ip("2001:db8:113::1"), ip("2001:db8:113::10")};
    for (Interface* interface : {&wan, &dmz}) std::ranges::sort(interface->answered);
    policy.interfaces = {wan, dmz};
    policy.routes = {{Prefix::all(Family::ipv4), ip("192.0.2.254"), 0},
                     {Prefix::all(Family::ipv6), ip("2001:db8:2::fe"), 0}};

    for (const char* own : {"192.0.2.1", "2001:db8:2::1"})
        policy.addresses.push_back({net(own), AddressKind::own, Zone::internet});
    for (const char* own :
         {"203.0.113.1", "203.0.113.10", "203.0.113.30", "2001:db8:113::1", "2001:db8:113::10"})
        policy.addresses.push_back({net(own), AddressKind::own, Zone::edge_external});
    for (const char* members : {"203.0.113.0/24", "2001:db8:113::/64"})
        policy.addresses.push_back({net(members), AddressKind::member, Zone::edge_external});
    for (const char* bogon : {"10.0.0.0/8", "127.0.0.0/8", "fe80::/10"})
        policy.addresses.push_back({net(bogon), AddressKind::bogon, Zone::internet});
    sort_longest_first(policy.addresses);

    const auto service = [&](const char* name, const char* vip, Transport transport,
                             std::uint16_t port, NatKind nat, std::vector<Node> nodes) {
        Service added;
        added.name = name;
        added.vip = ip(vip);
        added.transport = transport;
        added.port = port;
        added.nat = nat;
        added.nodes = std::move(nodes);
        policy.services.push_back(added);
        Rule rule = allow(name, Zone::internet, Zone::edge_external, {port, port}, {net(vip)});
        rule.transport = transport;
        rule.service = static_cast<std::uint32_t>(policy.services.size() - 1);
        rule.nat = nat;
        policy.rules.push_back(rule);
    };
    service("access-443/tcp", "203.0.113.10", Transport::tcp, 443, NatKind::full,
            {{"edge1", ip("203.0.113.11"), 1}, {"edge2", ip("203.0.113.12"), 1}});
    service("access-443/tcp/ipv6", "2001:db8:113::10", Transport::tcp, 443, NatKind::full,
            {{"edge1", ip("2001:db8:113::11"), 1}, {"edge2", ip("2001:db8:113::12"), 1}});
    service("av-3478/udp", "203.0.113.30", Transport::udp, 3478, NatKind::dnat,
            {{"edge1", ip("203.0.113.31"), 1}, {"edge2", ip("203.0.113.32"), 1}});
    policy.rules.push_back(allow("av-direct", Zone::internet, Zone::edge_external, {50000, 59999},
                                 {net("203.0.113.31"), net("203.0.113.32")}));
    Rule out = allow("edge-http-out", Zone::edge_external, Zone::internet, {80, 80},
                     {Prefix::all(Family::ipv4)});
    out.destinations.clear();
    out.sources = {net("203.0.113.11"), net("203.0.113.12")};
    policy.rules.push_back(out);
    return policy;
}

namespace {

class Dice {
  public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool one_in(unsigned n) { return below(n) == 0; }

    // Few distinct addresses, so that prefixes nest and rules overlap.
    Prefix prefix(Family family) {
        if (family == Family::ipv4) {
            const std::uint32_t base = below(2) == 0 ? 0x0a000000 : 0xcb007100;
            const unsigned length = one_in(3) ? 32 : 8 + below(25);
            return Prefix::make(IpAddress::from_v4(base | below(64) << below(20)), length);
        }
        std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
        bytes[below(12) + 4] = static_cast<std::uint8_t>(below(8));
        bytes[15] = static_cast<std::uint8_t>(below(16));
        const unsigned length = one_in(3) ? 128 : 20 + below(109);
        return Prefix::make(IpAddress::from_bytes(bytes), length);
    }
    std::vector<Prefix> prefixes(Family family) {
        std::vector<Prefix> list;
        if (one_in(3)) return list;
        for (unsigned i = 0; i <= below(4); ++i) list.push_back(prefix(family));
        std::ranges::sort(list);
        list.erase(std::unique(list.begin(), list.end()), list.end());
        return list;
    }
    PortRange ports() {
        static constexpr std::uint16_t kEdges[] = {0,     53,    80,    443,   1024,  3478,
                                                   49152, 50000, 57500, 57501, 59999, 65535};
        if (one_in(3)) return {};
        const std::uint16_t a = kEdges[below(12)];
        const std::uint16_t b = one_in(2) ? a : kEdges[below(12)];
        return {std::min(a, b), std::max(a, b)};
    }
    // Mostly two of the six, so that many rules are of the same pair.
    Zone zone() {
        const unsigned any = below(kZoneCount);
        return static_cast<Zone>(one_in(4) ? any : any % 2);
    }

  private:
    std::mt19937_64 random_;
};

}  // namespace

Policy random_policy(std::uint64_t seed, unsigned rules) {
    Dice dice(seed);
    Policy policy;
    policy.topology_name = "random";
    policy.release = "lync-2013";
    policy.interfaces = {
        {"wan", "wan", 0, 1500, zones({Zone::internet}), {}, {}},
        {"dmz",
         "dmz",
         10,
         1500,
         zones({Zone::edge_external, Zone::rp_external, Zone::edge_internal}),
         {},
         {}},
        {"lan", "dmz", 20, 1500, zones({Zone::rp_internal, Zone::corporate}), {}, {}},
    };
    for (unsigned i = 0; i < 60; ++i) {
        const Family family = dice.one_in(2) ? Family::ipv4 : Family::ipv6;
        const auto kind = static_cast<AddressKind>(dice.one_in(3) ? 1 + dice.below(2) : 0);
        policy.addresses.push_back({dice.prefix(family), kind, dice.zone()});
    }
    sort_longest_first(policy.addresses);
    for (unsigned i = 0; i < rules; ++i) {
        Rule rule;
        rule.id = "rule-" + std::to_string(i);
        rule.origin = Origin::site;
        rule.family = dice.one_in(2) ? Family::ipv4 : Family::ipv6;
        rule.transport = dice.one_in(8)   ? Transport::icmp
                         : dice.one_in(2) ? Transport::tcp
                                          : Transport::udp;
        rule.action = dice.one_in(3) ? Action::deny : Action::allow;
        rule.covers_own = rule.action == Action::deny && dice.one_in(2);
        rule.from = dice.zone();
        rule.to = dice.zone();
        rule.sources = dice.prefixes(rule.family);
        rule.destinations = dice.prefixes(rule.family);
        rule.source_ports = dice.ports();
        rule.destination_ports = dice.ports();
        policy.rules.push_back(rule);
    }
    return policy;
}

}  // namespace portcullis::test
