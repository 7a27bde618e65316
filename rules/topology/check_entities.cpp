// Checks of the Edge and the pools: balancing, counts, families, and who holds what.
#include <map>

#include "rules/topology/reading.h"

namespace portcullis::topology {
namespace {

constexpr std::size_t kMostEdgeNodes = 12;

constexpr std::size_t kExternalLegs = 3;

std::string path_of(const EdgeNode& node, std::string_view key) {
    return "edge.nodes." + node.name + "." + std::string(key);
}

std::string name_of(policy::Family family) {
    return family == policy::Family::ipv4 ? "IPv4" : "IPv6";
}

// A VIP and its nodes speak the same families. Outside, a node's family without its VIP's would
// break the count of 3(N+1) as much as the reverse; inside, nodes may have more.
void check_families(const Edge& edge, const EdgeLeg& leg, bool external, Reading& reading) {
    const auto& vip = edge.*leg.vip;
    for (const auto& node : edge.nodes) {
        const auto& address = node.*leg.node;
        const auto path = path_of(node, leg.key);
        if (!vip.any() || !address.any() || reading.broken.contains(path)) continue;
        for (const auto family : {policy::Family::ipv4, policy::Family::ipv6}) {
            if (vip.of(family) && !address.of(family))
                reading.errors.add(
                    node.where,
                    path + ": has no " + name_of(family) + " address, but its VIP " +
                        vip.of(family)->to_string() + " needs one on every node",
                    "write [IPv4, IPv6], or take the " + name_of(family) + " address from the VIP");
            if (external && !vip.of(family) && address.of(family))
                reading.errors.add(node.where,
                                   path + ": has an " + name_of(family) +
                                       " address, but edge.vips." + std::string(leg.key) +
                                       " has none",
                                   "give the VIP an " + name_of(family) +
                                       " address too, or take it from the nodes");
        }
    }
}

}  // namespace

void check_edge(Reading& reading) {
    const auto& edge = reading.topology.edge;
    auto& errors = reading.errors;
    if (reading.edge_where.line == 0) return;
    const auto vip_given = [&](const EdgeLeg& leg) {
        return (edge.*leg.vip).any() ||
               reading.broken.contains("edge.vips." + std::string(leg.key));
    };
    const auto node_given = [&](const EdgeNode& node, const EdgeLeg& leg) {
        return (node.*leg.node).any() || reading.broken.contains(path_of(node, leg.key));
    };
    std::size_t external_vips = 0;
    for (std::size_t i = 0; i < kExternalLegs; ++i)
        external_vips += vip_given(kEdgeLegs[i]) ? 1U : 0U;
    const bool internal_vip = vip_given(kEdgeLegs[3]);
    const auto vips_where =
        reading.edge_vips_where.line > 0 ? reading.edge_vips_where : reading.edge_where;

    if (edge.nodes.size() > kMostEdgeNodes)
        errors.add(edge.nodes[kMostEdgeNodes].where,
                   "edge.nodes: " + std::to_string(edge.nodes.size()) +
                       " nodes, an Edge pool has at most " + std::to_string(kMostEdgeNodes),
                   "remove nodes");
    if ((external_vips > 0) != internal_vip)
        errors.add(
            vips_where,
            std::string("edge.vips: balancing on the ") + (internal_vip ? "internal" : "external") +
                " Edge interface only",
            "balance both interfaces (access, web-conferencing, av and internal) or neither");
    const std::string needed = std::to_string(3 * (edge.nodes.size() + 1));
    if (external_vips > 0) {
        for (std::size_t i = 0; i < kExternalLegs; ++i)
            if (!vip_given(kEdgeLegs[i]))
                errors.add(vips_where,
                           "edge.vips: `" + std::string(kEdgeLegs[i].key) + "` is missing",
                           "a balanced Edge has 3(N+1) public addresses, here " + needed +
                               ": three VIPs and three for each node");
    }
    for (const auto& node : edge.nodes)
        for (const auto& leg : kEdgeLegs)
            if (!node_given(node, leg))
                errors.add(
                    node.where,
                    "edge.nodes." + node.name + ": `" + std::string(leg.key) + "` is missing",
                    external_vips > 0 && leg.key != "internal"
                        ? "a balanced Edge has 3(N+1) public addresses, here " + needed +
                              ": three VIPs and three for each node"
                        : "each Edge Server has an address for access, web-conferencing, av "
                          "and internal");
    for (std::size_t i = 0; i < kEdgeLegs.size(); ++i)
        check_families(edge, kEdgeLegs[i], i < kExternalLegs, reading);
}

void check_pools(Reading& reading) {
    auto& errors = reading.errors;
    const Pool* store = nullptr;
    const Pool* gateway = nullptr;
    const auto only_one = [&](const Pool& pool, bool holds, const Pool*& first,
                              const std::string& what) {
        if (!holds) return;
        if (first != nullptr)
            errors.add(pool.where,
                       "pools." + pool.name + ": holds " + what + ", as pool " + first->name +
                           " does in line " + std::to_string(first->where.line),
                       "one pool holds it: remove it from the other");
        else
            first = &pool;
    };
    for (const auto& pool : reading.topology.pools) {
        only_one(pool, pool.holds_central_management_store, store, "cms");
        only_one(pool, pool.holds_xmpp_gateway, gateway, "xmpp-gateway");
        if (pool.servers.empty()) continue;  // reported where they were read
        for (const auto family : {policy::Family::ipv4, policy::Family::ipv6}) {
            if (!pool.vip.of(family)) continue;
            bool served = reading.broken.contains("pools." + pool.name + ".servers");
            for (const auto& server : pool.servers) served = served || server.address.of(family);
            if (!served)
                errors.add(pool.where,
                           "pools." + pool.name + ".vip: " + pool.vip.of(family)->to_string() +
                               " has no server with an " + name_of(family) + " address",
                           "give the servers one, or take it from the VIP");
        }
    }
}

}  // namespace portcullis::topology
