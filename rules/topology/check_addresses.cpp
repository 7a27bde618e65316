// Checks of every address in the file against the zones, and against each other.
#include <map>

#include "rules/topology/reading.h"
#include "rules/topology/zone_map.h"

namespace portcullis::topology {
namespace {

ZoneSet zones_on_interfaces(const Topology& topology) {
    std::uint8_t bits = 0;
    for (const auto& interface : topology.interfaces) bits |= interface.zones.bits();
    return ZoneSet::from_bits(bits);
}

std::string example_key(Zone zone) {
    return "add " + std::string(policy::to_string(zone)) + " to the zones of an interface";
}

void check_entities_in_zone(const ZoneMap& zones, ZoneSet present, Reading& reading) {
    ZoneSet missing;
    for (const auto& entity : reading.entities) {
        const std::string zone(policy::to_string(entity.zone));
        if (!present.contains(entity.zone)) {
            // Once for each zone: the mend is one line.
            if (!missing.contains(entity.zone))
                reading.errors.add(
                    entity.where,
                    entity.path + ": belongs to zone " + zone + ", which is on no interface",
                    example_key(entity.zone));
            missing.add(entity.zone);
            continue;
        }
        const auto here = zones.zones_of(Prefix::host(entity.address));
        if (!here.contains(entity.zone))
            reading.errors.add(entity.where,
                               entity.path + ": " + entity.address.to_string() +
                                   " must lie in zone " + zone + " but lies in " + zone_names(here),
                               entity.zone == Zone::corporate
                                   ? "mend the address, or add its network to networks.corporate"
                                   : "mend the address, or the networks of zone " + zone);
    }
}

// The network and broadcast addresses of a connected network are no host's.
void check_host_parts(Reading& reading) {
    std::map<IpAddress, std::string> reserved;
    for (const auto& placed : reading.interface_addresses) {
        const auto network = placed.address.network();
        const bool v4 = network.family() == policy::Family::ipv4;
        if (network.length() + 1 >= (v4 ? 32U : 128U)) continue;
        reserved.emplace(network.address(), "the network address of " + network.to_string());
        if (v4)
            reserved.emplace(
                IpAddress::from_v4(network.address().v4() | 0xffffffffU >> network.length()),
                "the broadcast address of " + network.to_string());
    }
    for (const auto& entity : reading.entities)
        if (const auto found = reserved.find(entity.address); found != reserved.end())
            reading.errors.add(
                entity.where,
                entity.path + ": " + entity.address.to_string() + " is " + found->second,
                "give the host an address inside that network");
}

void check_duplicates(Reading& reading) {
    struct Holder {
        std::string path;
        Location where;
    };
    std::map<IpAddress, Holder> holders;
    const auto claim = [&](const IpAddress& address, const std::string& path, Location where) {
        const auto [first, added] = holders.emplace(address, Holder{path, where});
        if (!added)
            reading.errors.add(where,
                               path + ": " + address.to_string() + " is the address of " +
                                   first->second.path + " already (line " +
                                   std::to_string(first->second.where.line) + ")",
                               "give each its own address");
    };
    for (const auto& placed : reading.interface_addresses)
        claim(placed.address.address, placed.path, placed.where);
    // Several routes may share a router, and that a router is not us is said elsewhere.
    for (const auto& placed : reading.gateways)
        holders.emplace(reading.topology.routes[placed.route].gateway,
                        Holder{placed.path, placed.where});
    for (const auto& entity : reading.entities) claim(entity.address, entity.path, entity.where);
}

void check_partners(const ZoneMap& zones, Reading& reading) {
    for (const auto& partner : reading.partners) {
        const auto here = zones.zones_of(partner.prefix);
        if (!here.contains(Zone::internet))
            reading.errors.add(partner.where,
                               partner.path + ": " + partner.prefix.to_string() + " lies in zone " +
                                   zone_names(here) + ", a partner is on the Internet",
                               "name the partner's public network");
    }
}

void check_site_rules(const ZoneMap& zones, ZoneSet present, Reading& reading) {
    std::map<IpAddress, const EntityAddress*> entities;
    for (const auto& entity : reading.entities) entities.emplace(entity.address, &entity);
    for (const auto& need : reading.site_zones)
        if (!present.contains(need.zone))
            reading.errors.add(need.where,
                               need.path + ": zone " + std::string(policy::to_string(need.zone)) +
                                   " is on no interface",
                               example_key(need.zone));
    for (const auto& [prefix, zone] : reading.site_prefixes) {
        if (!present.contains(zone)) continue;
        auto here = zones.zones_of(prefix.prefix);
        // In a shared network an entity's own zone tells.
        const auto entity = entities.find(prefix.prefix.address());
        if (prefix.prefix == Prefix::host(prefix.prefix.address()) && entity != entities.end()) {
            here = ZoneSet{};
            here.add(entity->second->zone);
        }
        if (!here.contains(zone))
            reading.errors.add(
                prefix.where,
                prefix.path + ": " + prefix.prefix.to_string() + " is not wholly in zone " +
                    std::string(policy::to_string(zone)) +
                    (here.contains(Zone::internet) ? "" : ", but in " + zone_names(here)),
                "name networks of the rule's own zone, or change the zone");
    }
}

}  // namespace

void check_addresses(Reading& reading) {
    check_duplicates(reading);
    check_host_parts(reading);
    if (!reading.zones_known) return;
    const ZoneMap zones(reading.topology);
    const auto present = zones_on_interfaces(reading.topology);
    check_entities_in_zone(zones, present, reading);
    check_partners(zones, reading);
    check_site_rules(zones, present, reading);
}

}  // namespace portcullis::topology
