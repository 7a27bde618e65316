// Checks of interfaces, networks and routes; each needs more than one value of the file.
#include <map>
#include <tuple>

#include "rules/topology/reading.h"
#include "rules/topology/zone_map.h"

namespace portcullis::topology {
namespace {

ZoneSet zones_of(std::initializer_list<Zone> zones) {
    ZoneSet set;
    for (const auto zone : zones) set.add(zone);
    return set;
}

void check_vlans(Reading& reading) {
    std::map<std::pair<std::string_view, unsigned>, const Interface*> taken;
    for (const auto& interface : reading.topology.interfaces) {
        if (interface.device.empty()) continue;
        const auto [other, added] = taken.emplace(
            std::pair<std::string_view, unsigned>(interface.device, interface.vlan), &interface);
        if (added) continue;
        const std::string what = interface.vlan == 0
                                     ? "untagged frames"
                                     : "frames of VLAN " + std::to_string(interface.vlan);
        reading.errors.add(interface.where,
                           "interfaces." + interface.name + ": " + what + " of device " +
                               interface.device + " belong to interface " + other->second->name +
                               " already",
                           "give each interface of a device its own vlan");
    }
}

// Addresses tell two zones of one interface apart only where one of them is the reverse proxy's.
void check_shared_zones(Reading& reading) {
    const auto external = zones_of({Zone::edge_external, Zone::rp_external});
    const auto internal = zones_of({Zone::edge_internal, Zone::rp_internal});
    for (const auto& interface : reading.topology.interfaces) {
        const auto bits = interface.zones.bits();
        const bool one = (bits & (bits - 1U)) == 0;
        if (one || interface.zones == external || interface.zones == internal) continue;
        reading.errors.add(
            interface.where,
            "interfaces." + interface.name + ": its zones cannot share one interface",
            "only edge-internal with rp-internal and edge-external with rp-external can; give the "
            "others an interface each");
    }
}

// What an interface's own address must not be inside its network.
void check_host_part(const PlacedInterfaceAddress& placed, Reading& reading) {
    const auto& [address, length] = placed.address;
    const unsigned bits = address.is_v4() ? 32 : 128;
    if (length + 1U >= bits) return;  // RFC 3021, RFC 6164: no network address in those
    const bool network = placed.address.network().address() == address;
    const bool broadcast =
        address.is_v4() && (address.v4() | (0xffffffffU >> length)) == address.v4();
    if (network || broadcast)
        reading.errors.add(placed.where,
                           placed.path + ": " + address.to_string() + " is the " +
                               (network ? "network" : "broadcast") + " address of " +
                               placed.address.network().to_string(),
                           "give the interface an address of its own in that network");
}

// On `internet` we answer for perimeter addresses inside that interface's prefix, so a perimeter
// network may be a part of an Internet one. Any other overlap leaves it open where a host is.
bool may_overlap(const Interface& outer, unsigned outer_length, const Interface& inner,
                 unsigned inner_length) {
    return outer_length < inner_length && outer.zones.contains(Zone::internet) &&
           (inner.zones.contains(Zone::edge_external) || inner.zones.contains(Zone::rp_external));
}

void check_overlaps(Reading& reading) {
    const auto& addresses = reading.interface_addresses;
    const auto& interfaces = reading.topology.interfaces;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        check_host_part(addresses[i], reading);
        for (std::size_t j = 0; j < i && !reading.errors.full(); ++j) {
            const auto a = addresses[i].address.network();
            const auto b = addresses[j].address.network();
            if (!a.contains(b) && !b.contains(a)) continue;
            const auto& mine = interfaces[addresses[i].interface];
            const auto& other = interfaces[addresses[j].interface];
            // Two addresses of one network on one interface are no conflict.
            if (addresses[i].interface == addresses[j].interface && a == b) continue;
            if (may_overlap(mine, a.length(), other, b.length()) ||
                may_overlap(other, b.length(), mine, a.length()))
                continue;
            reading.errors.add(addresses[i].where,
                               addresses[i].path + ": network " + a.to_string() + " overlaps " +
                                   b.to_string() + " of interface " + other.name,
                               "give each interface a network of its own");
        }
    }
}

// A corporate network may hold a perimeter network (a summary of 10.0.0.0/8, say), not lie in one.
void check_corporate(Reading& reading) {
    for (const auto& corporate : reading.corporate) {
        for (const auto& placed : reading.interface_addresses) {
            const auto& interface = reading.topology.interfaces[placed.interface];
            const auto network = placed.address.network();
            if (interface.zones.contains(Zone::corporate) || !network.contains(corporate.prefix))
                continue;
            reading.errors.add(corporate.where,
                               corporate.path + ": " + corporate.prefix.to_string() +
                                   " lies in network " + network.to_string() + " of interface " +
                                   interface.name + ", which is not corporate",
                               "list only networks behind a corporate interface");
        }
    }
    if (!reading.zones_known) return;
    const auto inside = [&](const Prefix& prefix) {
        for (const auto& network : reading.topology.corporate)
            if (network.contains(prefix)) return true;
        return false;
    };
    for (const auto& clients : reading.clients)
        if (!inside(clients.prefix))
            reading.errors.add(clients.where,
                               clients.path + ": " + clients.prefix.to_string() +
                                   " is not inside the corporate networks",
                               "add it to networks.corporate, or mend it");
}

// The interface whose connected network holds a gateway: the longest one.
std::optional<std::size_t> interface_towards(const IpAddress& gateway, const Reading& reading) {
    const PlacedInterfaceAddress* best = nullptr;
    for (const auto& placed : reading.interface_addresses)
        if (placed.address.network().contains(gateway) &&
            (best == nullptr || placed.address.prefix_length > best->address.prefix_length))
            best = &placed;
    if (best == nullptr) return std::nullopt;
    return best->interface;
}

void check_gateways(Reading& reading) {
    auto& errors = reading.errors;
    auto& topology = reading.topology;
    std::map<Prefix, const PlacedInterfaceAddress*> connected;
    std::map<IpAddress, const PlacedInterfaceAddress*> own;
    for (const auto& placed : reading.interface_addresses) {
        connected.emplace(placed.address.network(), &placed);
        own.emplace(placed.address.address, &placed);
    }
    std::map<Prefix, Location> routed;
    for (const auto& placed : reading.gateways) {
        auto& route = topology.routes[placed.route];
        const std::string text = route.gateway.to_string();
        const auto found = interface_towards(route.gateway, reading);
        if (own.contains(route.gateway)) {
            errors.add(placed.where, placed.path + ": " + text + " is this firewall's own address",
                       "name the router on the other side");
        } else if (!found && (reading.zones_known || placed.of_interface)) {
            errors.add(placed.where,
                       placed.path + ": gateway " + text + " is in no connected network",
                       "name a router inside the network of an interface");
        } else if (found && placed.of_interface && *found != route.interface) {
            errors.add(placed.where,
                       placed.path + ": gateway " + text + " is in the network of interface " +
                           topology.interfaces[*found].name,
                       "move it to that interface, or name a router of this one");
        } else if (found) {
            route.interface = *found;
        }
        const auto [first, added] = routed.emplace(route.prefix, route.where);
        if (!added)
            errors.add(route.where,
                       placed.path + ": there is a route to " + route.prefix.to_string() +
                           " already, in line " + std::to_string(first->second.line),
                       "keep one of the two; an interface's gateway is a default route");
        if (const auto direct = connected.find(route.prefix); direct != connected.end())
            errors.add(route.where,
                       placed.path + ": " + route.prefix.to_string() +
                           " is connected to interface " +
                           topology.interfaces[direct->second->interface].name,
                       "remove the route");
    }
}

}  // namespace

void check_network(Reading& reading) {
    check_vlans(reading);
    check_shared_zones(reading);
    check_overlaps(reading);
    check_corporate(reading);
    check_gateways(reading);
}

}  // namespace portcullis::topology
