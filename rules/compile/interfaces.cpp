// Passes: interfaces with the addresses they answer for, and routes.
#include <algorithm>
#include <vector>

#include "rules/compile/passes.h"

namespace portcullis::compile {
namespace {

using policy::IpAddress;
using policy::Zone;

struct Located {
    IpAddress address;
    Zone zone = Zone::internet;
};

void add(std::vector<Located>& out, const topology::DualAddress& address, Zone zone) {
    for (const auto family : kFamilies)
        if (address.of(family)) out.push_back({*address.of(family), zone});
}

// Our VIPs, each on its perimeter leg.
std::vector<Located> vips(const topology::Edge& edge) {
    std::vector<Located> out;
    add(out, edge.access_vip, Zone::edge_external);
    add(out, edge.web_conferencing_vip, Zone::edge_external);
    add(out, edge.av_vip, Zone::edge_external);
    add(out, edge.internal_vip, Zone::edge_internal);
    return out;
}

// Every address that lives in the perimeter: VIPs, Edge nodes, reverse proxies, and our own there.
std::vector<IpAddress> perimeter_addresses(const topology::Topology& topology) {
    auto located = vips(topology.edge);
    for (const auto& node : topology.edge.nodes) {
        add(located, node.access, Zone::edge_external);
        add(located, node.web_conferencing, Zone::edge_external);
        add(located, node.av, Zone::edge_external);
        add(located, node.internal, Zone::edge_internal);
    }
    for (const auto& proxy : topology.reverse_proxies) {
        add(located, proxy.external, Zone::rp_external);
        add(located, proxy.internal, Zone::rp_internal);
    }
    std::vector<IpAddress> out;
    for (const auto& entry : located) out.push_back(entry.address);
    for (const auto& interface : topology.interfaces) {
        if (interface.zones.contains(Zone::internet) || interface.zones.contains(Zone::corporate))
            continue;
        for (const auto& address : interface.addresses) out.push_back(address.address);
    }
    return out;
}

bool connected(const topology::Interface& interface, const IpAddress& address) {
    return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const auto& own) { return own.network().contains(address); });
}

std::vector<IpAddress> answered(const topology::Topology& topology,
                                const topology::Interface& interface) {
    std::vector<IpAddress> out;
    for (const auto& own : interface.addresses) out.push_back(own.address);
    for (const auto& vip : vips(topology.edge))
        if (interface.zones.contains(vip.zone) && connected(interface, vip.address))
            out.push_back(vip.address);
    // The Internet's router takes perimeter addresses within its own prefix for neighbours.
    if (interface.zones.contains(Zone::internet))
        for (const auto& address : perimeter_addresses(topology))
            if (connected(interface, address)) out.push_back(address);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

}  // namespace

void add_interfaces(Draft& draft) {
    for (const auto& given : draft.topology.interfaces) {
        policy::Interface made;
        made.name = given.name;
        made.device = given.device;
        made.vlan = given.vlan;
        made.mtu = given.mtu;
        made.zones = given.zones;
        made.addresses = given.addresses;
        made.answered = answered(draft.topology, given);
        draft.policy.interfaces.push_back(std::move(made));
    }
}

void add_routes(Draft& draft) {
    auto& routes = draft.policy.routes;
    for (const auto& given : draft.topology.routes)
        routes.push_back(
            {given.prefix, given.gateway, static_cast<std::uint32_t>(given.interface)});
    std::stable_sort(routes.begin(), routes.end(), [](const auto& a, const auto& b) {
        if (a.prefix.length() != b.prefix.length()) return a.prefix.length() > b.prefix.length();
        return a.prefix < b.prefix;
    });
}

}  // namespace portcullis::compile
