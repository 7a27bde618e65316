// A hand-made 2013 deployment in both families, and what tests ask of it. Two Edge nodes behind
// VIPs, a reverse proxy that shares the Edge internal interface, a pooled Director, one Front End
// pool.
#pragma once

#include <stdexcept>
#include <string_view>

#include "rules/compile/passes.h"
#include "rules/policy/match.h"

namespace portcullis::compile::testing {

inline policy::IpAddress ip(std::string_view text) {
    return policy::IpAddress::parse(text).value();
}
inline policy::Prefix net(std::string_view text) {
    return policy::Prefix::parse(text).value();
}
inline topology::DualAddress both(std::string_view v4, std::string_view v6) {
    return {ip(v4), ip(v6)};
}
inline topology::DualAddress only(std::string_view v4) {
    return {ip(v4), std::nullopt};
}

inline topology::EdgeNode edge_node(std::string name, std::string_view digit) {
    const auto address = [&](std::string_view v4, std::string_view v6) {
        return both(std::string(v4).append(digit), std::string(v6).append(digit));
    };
    topology::EdgeNode node;
    node.name = std::move(name);
    node.access = address("203.0.113.1", "2001:db8:0:113::1");
    node.web_conferencing = address("203.0.113.2", "2001:db8:0:113::2");
    node.av = address("203.0.113.3", "2001:db8:0:113::3");
    node.internal = address("10.20.0.1", "fd00:20::1");
    return node;
}

enum : std::uint32_t { kWan, kDmzExternal, kDmzProxy, kDmzInternal, kLan };

inline topology::Topology small_topology() {
    using policy::Zone;
    topology::Topology made;
    made.name = "small";
    made.release = topology::Release::lync_2013;
    for (unsigned i = 0; i < topology::kFeatureCount; ++i)
        made.features.set(static_cast<topology::Feature>(i), true);

    const auto interface = [&](std::string name, std::vector<policy::InterfaceAddress> addresses,
                               std::initializer_list<Zone> zones) {
        topology::Interface one;
        one.name = name;
        one.device = name;
        one.addresses = std::move(addresses);
        for (const auto zone : zones) one.zones.add(zone);
        made.interfaces.push_back(std::move(one));
    };
    interface("wan", {{ip("192.0.2.1"), 24}, {ip("2001:db8:0:2::1"), 64}}, {Zone::internet});
    interface("dmz-x", {{ip("203.0.113.1"), 25}, {ip("2001:db8:0:113::1"), 64}},
              {Zone::edge_external});
    interface("dmz-p", {{ip("203.0.113.129"), 25}, {ip("2001:db8:0:114::1"), 64}},
              {Zone::rp_external});
    interface("dmz-i", {{ip("10.20.0.1"), 24}, {ip("fd00:20::1"), 64}},
              {Zone::edge_internal, Zone::rp_internal});
    interface("lan", {{ip("10.30.0.1"), 16}, {ip("fd00:30::1"), 64}}, {Zone::corporate});

    made.routes = {{net("0.0.0.0/0"), ip("192.0.2.254"), kWan, {}},
                   {net("::/0"), ip("2001:db8:0:2::fe"), kWan, {}},
                   {net("10.40.0.0/16"), ip("10.30.0.254"), kLan, {}}};
    made.corporate = {net("10.30.0.0/16"), net("10.40.0.0/16"), net("fd00:30::/64")};
    made.clients = {net("10.40.0.0/16")};

    made.edge.access_vip = both("203.0.113.10", "2001:db8:0:113::10");
    made.edge.web_conferencing_vip = both("203.0.113.20", "2001:db8:0:113::20");
    made.edge.av_vip = both("203.0.113.30", "2001:db8:0:113::30");
    made.edge.internal_vip = both("10.20.0.10", "fd00:20::10");
    made.edge.nodes = {edge_node("edge1", "1"), edge_node("edge2", "2")};

    topology::ReverseProxy proxy;
    proxy.name = "rp";
    proxy.external = both("203.0.113.200", "2001:db8:0:114::200");
    proxy.internal = both("10.20.0.40", "fd00:20::40");
    made.reverse_proxies = {proxy};

    const auto server = [](std::string_view v4) {
        return topology::Server{std::string(v4), only(v4), {}};
    };
    topology::Pool directors;
    directors.name = "directors";
    directors.role = topology::PoolRole::director;
    directors.vip = only("10.30.1.10");
    directors.servers = {server("10.30.1.11"), server("10.30.1.12")};
    topology::Pool front;
    front.name = "front";
    front.vip = only("10.30.2.10");
    front.servers = {server("10.30.2.11"), server("10.30.2.12")};
    front.holds_central_management_store = true;
    front.holds_xmpp_gateway = true;
    made.pools = {directors, front};

    made.federated.declared = true;
    made.federated.prefixes = {net("198.51.100.0/24"), net("2001:db8:0:51::/64")};
    made.xmpp.declared = true;
    made.xmpp.open = true;
    return made;
}

inline policy::Policy compile_ok(const topology::Topology& topology,
                                 std::span<const matrix::Row> rows = {}) {
    auto made = compile_rows(topology, "small.yaml", rows);
    if (!made) throw std::runtime_error(made.error().front().message);
    return std::move(*made);
}

inline const policy::Rule* find_rule(const policy::Policy& policy, std::string_view id) {
    for (const auto& rule : policy.rules)
        if (rule.id == id) return &rule;
    return nullptr;
}

inline const policy::Service* find_service(const policy::Policy& policy, std::string_view name) {
    for (const auto& service : policy.services)
        if (service.name == name) return &service;
    return nullptr;
}

}  // namespace portcullis::compile::testing
