// A hand-made policy with one rule of each kind, small enough to judge in the head.
//
//   0 wan    internet                    192.0.2.1/24, 2001:db8:0:2::1/64   default gateways
//   1 dmz-x  edge-external, rp-external  203.0.113.1/24
//   2 dmz-i  edge-internal               10.20.0.1/24
//   3 lan    corporate                   10.30.0.1/16                       10.40.0.0/16 behind
//   .254
#pragma once

#include <algorithm>
#include <string_view>

#include "rules/policy/policy.h"

namespace portcullis::policy::testing {

inline IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}
inline Prefix net(std::string_view text) {
    return Prefix::parse(text).value();
}

// Rule indices.
enum : std::uint32_t {
    kSiteDeny,
    kSitePing,
    kAccess,
    kAv,
    kAvOneNode,
    kSipOut,
    kDirect,
    kOutRange,
    kPartnerV6,
};

inline Rule rule(std::string_view id, Transport transport, Zone from, Zone to) {
    Rule made;
    made.id = id;
    made.transport = transport;
    made.from = from;
    made.to = to;
    made.idle_seconds = 1800;
    made.rows = {"2013-edge.row"};
    made.reason = "because";
    return made;
}

inline Policy tiny_policy() {
    Policy policy;
    policy.topology_name = "tiny";
    policy.release = "lync-2013";

    const auto interface = [&](std::string_view name, std::initializer_list<Zone> zones,
                               std::vector<InterfaceAddress> addresses,
                               std::vector<IpAddress> answered) {
        Interface made;
        made.name = name;
        made.device = name;
        for (const auto zone : zones) made.zones.add(zone);
        made.addresses = std::move(addresses);
        made.answered = std::move(answered);
        std::sort(made.answered.begin(), made.answered.end());
        policy.interfaces.push_back(std::move(made));
    };
    interface("wan", {Zone::internet}, {{ip("192.0.2.1"), 24}, {ip("2001:db8:0:2::1"), 64}},
              {ip("192.0.2.1"), ip("2001:db8:0:2::1")});
    interface("dmz-x", {Zone::edge_external, Zone::rp_external}, {{ip("203.0.113.1"), 24}},
              {ip("203.0.113.1"), ip("203.0.113.10"), ip("203.0.113.30"), ip("203.0.113.40")});
    interface("dmz-i", {Zone::edge_internal}, {{ip("10.20.0.1"), 24}}, {ip("10.20.0.1")});
    interface("lan", {Zone::corporate}, {{ip("10.30.0.1"), 16}}, {ip("10.30.0.1")});

    policy.routes = {{net("10.40.0.0/16"), ip("10.30.0.254"), 3},
                     {net("::/0"), ip("2001:db8:0:2::fe"), 0},
                     {net("0.0.0.0/0"), ip("192.0.2.254"), 0}};

    const auto own = [](std::string_view prefix, Zone zone) {
        return AddressClass{net(prefix), AddressKind::own, zone};
    };
    const auto member = [](std::string_view prefix, Zone zone) {
        return AddressClass{net(prefix), AddressKind::member, zone};
    };
    const auto bogon = [](std::string_view prefix) {
        return AddressClass{net(prefix), AddressKind::bogon, Zone::internet};
    };
    policy.addresses = {
        own("2001:db8:0:2::1", Zone::internet),
        own("192.0.2.1", Zone::internet),
        own("203.0.113.1", Zone::edge_external),
        own("203.0.113.10", Zone::edge_external),
        own("203.0.113.30", Zone::edge_external),
        own("203.0.113.40", Zone::edge_external),
        own("10.20.0.1", Zone::edge_internal),
        own("10.30.0.1", Zone::corporate),
        member("203.0.113.200", Zone::rp_external),
        member("203.0.113.0/24", Zone::edge_external),
        member("10.20.0.0/24", Zone::edge_internal),
        member("10.30.0.0/16", Zone::corporate),
        member("10.40.0.0/16", Zone::corporate),
        bogon("fc00::/7"),
        bogon("10.0.0.0/8"),
        bogon("127.0.0.0/8"),
        bogon("224.0.0.0/4"),
    };

    policy.services = {
        {"access-443/tcp",
         ip("203.0.113.10"),
         Transport::tcp,
         443,
         NatKind::full,
         {{"edge2", ip("203.0.113.12"), 1}, {"edge1", ip("203.0.113.11"), 3}},
         ProbeKind::tcp,
         {443, 5061}},
        {"av-3478/udp",
         ip("203.0.113.30"),
         Transport::udp,
         3478,
         NatKind::dnat,
         {{"edge1", ip("203.0.113.31"), 1}, {"edge2", ip("203.0.113.32"), 1}},
         ProbeKind::stun,
         {3478}},
        {"av-443/tcp",
         ip("203.0.113.40"),
         Transport::tcp,
         443,
         NatKind::dnat,
         {{"edge1", ip("203.0.113.31"), 1}},
         ProbeKind::tcp,
         {443}},
        {"sip-out", ip("203.0.113.10"), Transport::tcp, 0, NatKind::snat, {}, ProbeKind::none, {}},
    };

    auto deny = rule("site.quarantine", Transport::tcp, Zone::internet, Zone::edge_external);
    deny.origin = Origin::site;
    deny.action = Action::deny;
    deny.sources = {net("198.51.100.66"), net("198.51.101.0/24")};
    deny.covers_own = true;
    deny.idle_seconds = 0;
    deny.rows.clear();
    auto ping = rule("site.ping", Transport::icmp, Zone::corporate, Zone::edge_internal);
    ping.origin = Origin::site;
    ping.rows.clear();
    auto access = rule("access-443", Transport::tcp, Zone::internet, Zone::edge_external);
    access.destinations = {net("203.0.113.10")};
    access.destination_ports = {443, 443};
    access.service = 0;
    access.nat = NatKind::full;
    auto av = rule("av-3478", Transport::udp, Zone::internet, Zone::edge_external);
    av.destinations = {net("203.0.113.30")};
    av.destination_ports = {3478, 3478};
    av.service = 1;
    av.nat = NatKind::dnat;
    av.av_path = true;
    auto av_one = rule("av-443", Transport::tcp, Zone::internet, Zone::edge_external);
    av_one.destinations = {net("203.0.113.40")};
    av_one.destination_ports = {443, 443};
    av_one.service = 2;
    av_one.nat = NatKind::dnat;
    auto sip_out = rule("sip-out", Transport::tcp, Zone::edge_external, Zone::internet);
    sip_out.sources = {net("203.0.113.11"), net("203.0.113.12")};
    sip_out.destinations = {net("192.0.2.0/24"), net("198.51.100.0/24")};
    sip_out.destination_ports = {5061, 5061};
    sip_out.service = 3;
    sip_out.nat = NatKind::snat;
    auto direct = rule("av-direct", Transport::udp, Zone::internet, Zone::edge_external);
    direct.destinations = {net("203.0.113.31"), net("203.0.113.32")};
    direct.destination_ports = {50000, 59999};
    auto range = rule("av-range-out", Transport::tcp, Zone::edge_external, Zone::internet);
    range.sources = {net("203.0.113.31"), net("203.0.113.32")};
    range.source_ports = {50000, 59999};
    auto v6 = rule("partner-v6", Transport::tcp, Zone::internet, Zone::internet);
    v6.family = Family::ipv6;
    v6.destination_ports = {25, 25};

    policy.databases = {
        {ProtocolClass::sip_tls, "sip-tls", 11, true, {0x13, 0x88, 0x00, 0xff}},
        {ProtocolClass::turn_udp, "turn-udp", 28, true, {0x42}},
        {ProtocolClass::custom, "backup", 64, false, {0x00, 0x80}},
    };
    policy.conformance = {
        {"access-443",
         ProtocolClass::sip_tls,
         ConformanceMode::enforce,
         true,
         0,
         {"*.example.com", "sip.example.com"},
         MissingName::refuse},
        {"av-3478",
         ProtocolClass::turn_udp,
         ConformanceMode::watch,
         false,
         1,
         {},
         MissingName::allow},
        {"sip-out",
         ProtocolClass::sip_tls,
         ConformanceMode::off,
         true,
         kNoDatabase,
         {},
         MissingName::allow},
        {"backup", ProtocolClass::custom, ConformanceMode::watch, true, 2, {}, MissingName::allow},
    };
    access.conformance = 0;
    av.conformance = 1;
    sip_out.conformance = 2;
    policy.rules = {deny, ping, access, av, av_one, sip_out, direct, range, v6};

    policy.builtins = {{"builtin.arp", "ARP for our own addresses"}};
    policy.witnesses = {
        {0, Transport::tcp, ip("198.51.100.25"), ip("203.0.113.10"), 51000, 443, true, kAccess},
        {0, Transport::tcp, ip("10.30.0.9"), ip("203.0.113.10"), 51000, 443, false, kNoRule},
        {0, Transport::tcp, ip("198.51.100.66"), ip("203.0.113.10"), 51000, 443, false, kSiteDeny}};
    return policy;
}

}  // namespace portcullis::policy::testing
