// Sections `interfaces`, `routes` and `networks`.
#include <algorithm>

#include "rules/topology/reading.h"

namespace portcullis::topology {
namespace {

constexpr std::size_t kMostInterfaces = 256;
constexpr std::size_t kMostAddresses = 16;  // of one interface

void read_gateway(const Field& field, std::size_t interface, Reading& reading) {
    const auto dual = read_dual(field, reading.errors);
    for (const auto* place : {&dual.v4, &dual.v6}) {
        if (place->node == nullptr) continue;
        const auto address = place == &dual.v4 ? *dual.address.v4 : *dual.address.v6;
        reading.gateways.push_back(
            {reading.topology.routes.size(), true, place->path, place->where});
        reading.topology.routes.push_back(
            {Prefix::all(address.family()), address, interface, place->where});
    }
}

void read_zones(const Field& field, Interface& interface, Reading& reading) {
    const auto items = items_of(field, reading.errors);
    if (items.empty()) {
        reading.errors.add(field.where, field.path + ": the list is empty",
                           "name the zone behind this interface: " + alternatives(keys::kZones));
        reading.zones_known = false;
    }
    for (const auto& item : items) {
        const auto word = read_word(item, keys::kZones, reading.errors);
        if (!word) {
            reading.zones_known = false;
            continue;
        }
        const auto zone = *policy::parse_zone(keys::kZones[*word]);
        if (interface.zones.contains(zone))
            reading.errors.add(
                item.node->where,
                field.path + ": " + std::string(policy::to_string(zone)) + " is listed twice",
                "list each zone once");
        interface.zones.add(zone);
    }
}

void read_interface(const Field& field, std::string name, Reading& reading) {
    auto& errors = reading.errors;
    const MapReader map(field, keys::kInterface, errors);
    if (!map.valid()) {
        reading.zones_known = false;
        return;
    }
    const auto index = reading.topology.interfaces.size();
    Interface interface;
    interface.name = std::move(name);
    interface.where = field.where;
    if (const auto device = map.require("device", "name a device of dataplane.conf"))
        interface.device = read_name(*device, errors).value_or("");
    if (const auto vlan = map.get("vlan"))
        interface.vlan =
            static_cast<std::uint16_t>(read_number(*vlan, 0, 4094, errors).value_or(0));
    const auto zones =
        map.require("zones", "name the zone behind this interface: " + alternatives(keys::kZones));
    if (zones)
        read_zones(*zones, interface, reading);
    else
        reading.zones_known = false;
    const auto addresses =
        map.require("addresses", "give the interface's own address, such as 192.0.2.1/24");
    if (!addresses) reading.zones_known = false;
    if (addresses) {
        const auto items = items_of(*addresses, errors, kMostAddresses);
        if (items.empty()) {
            errors.add(addresses->where, addresses->path + ": the list is empty",
                       "give the interface's own address, such as 192.0.2.1/24");
            reading.zones_known = false;
        }
        for (const auto& item : items) {
            if (const auto address = read_interface_address(item, errors)) {
                reading.interface_addresses.push_back(
                    {*address, index, addresses->path, item.node->where});
                interface.addresses.push_back(*address);
            } else {
                reading.zones_known = false;
            }
        }
    }
    if (const auto mtu = map.get("mtu")) {
        const bool v6 = std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                    [](const auto& a) { return !a.address.is_v4(); });
        // RFC 8200 section 5; RFC 791: 576 bytes every host must take.
        if (const auto value = read_number(*mtu, v6 ? 1280 : 576, 9200, errors))
            interface.mtu = static_cast<std::uint16_t>(*value);
    }
    if (const auto gateway = map.get("gateway")) read_gateway(*gateway, index, reading);
    reading.topology.interfaces.push_back(std::move(interface));
}

std::vector<PlacedPrefix> read_prefixes(const Field& field, Reading& reading, bool& complete) {
    std::vector<PlacedPrefix> prefixes;
    const auto items = items_of(field, reading.errors);
    if (items.empty()) {
        reading.errors.add(field.where, field.path + ": the list is empty",
                           "list networks such as 10.0.0.0/16, or remove the key");
        complete = false;
    }
    for (const auto& item : items) {
        if (const auto prefix = read_prefix(item, reading.errors))
            prefixes.push_back({*prefix, field.path, item.node->where});
        else
            complete = false;
    }
    return prefixes;
}

}  // namespace

void read_interfaces(const Field& field, Reading& reading) {
    const auto entries = named_entries(field, "an interface", reading.errors, kMostInterfaces);
    if (entries.empty() || entries.size() != field.node->entries.size())
        reading.zones_known = false;
    if (field.node->kind == TreeNode::Kind::map && field.node->entries.empty())
        reading.errors.add(field.where, "interfaces: there is none",
                           "declare at least one interface");
    for (const auto& entry : entries)
        read_interface(entry, entry.path.substr(field.path.size() + 1), reading);
}

void read_routes(const Field& field, Reading& reading) {
    for (const auto& item : items_of(field, reading.errors)) {
        const MapReader map(item, keys::kRoute, reading.errors);
        const auto to = map.require("to", "name the network that lies behind the gateway");
        const auto via = map.require("via", "name the gateway in a connected network");
        const auto prefix = to ? read_prefix(*to, reading.errors) : std::nullopt;
        const auto gateway = via ? read_address(*via, reading.errors) : std::nullopt;
        if (!prefix || !gateway) continue;
        if (prefix->family() != gateway->family()) {
            reading.errors.add(via->node->where,
                               via->path + ": " + gateway->to_string() + " and " +
                                   prefix->to_string() + " are not of one address family",
                               "route IPv4 networks via an IPv4 gateway, IPv6 via IPv6");
            continue;
        }
        reading.gateways.push_back(
            {reading.topology.routes.size(), false, via->path, via->node->where});
        reading.topology.routes.push_back({*prefix, *gateway, 0, to->node->where});
    }
}

void read_networks(const Field& field, Reading& reading) {
    const MapReader map(field, keys::kNetworks, reading.errors);
    bool clients_complete = true;
    if (const auto corporate = map.get("corporate"))
        reading.corporate = read_prefixes(*corporate, reading, reading.zones_known);
    if (const auto clients = map.get("clients"))
        reading.clients = read_prefixes(*clients, reading, clients_complete);
}

}  // namespace portcullis::topology
