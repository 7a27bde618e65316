// What load() carries from pass to pass: the topology as far as it is read, the errors, and the
// place in the file of everything that the checks have to point at.
//
//     parse_yaml -> read_* (one section each) -> check_* (what only the whole file shows)
#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/topology/reader.h"
#include "rules/topology/topology.h"

namespace portcullis::topology {

// An address of somebody who is not us, and the zone it must lie in.
struct EntityAddress {
    IpAddress address;
    Zone zone = Zone::corporate;
    std::string path;
    Location where;
};

struct PlacedPrefix {
    Prefix prefix;
    std::string path;
    Location where;
};

struct PlacedInterfaceAddress {
    InterfaceAddress address;
    std::size_t interface = 0;  // index in Topology::interfaces
    std::string path;
    Location where;
};

// A next hop: an interface's own gateway, or a route's.
struct PlacedGateway {
    std::size_t route = 0;  // index in Topology::routes, whose `interface` is found by the checks
    bool of_interface = false;  // then it must lie in that interface's networks
    std::string path;
    Location where;
};

// A source or destination of a site rule, which must lie in the rule's zone.
struct PlacedSitePrefix {
    PlacedPrefix prefix;
    Zone zone = Zone::internet;
};

// An entity or site rule that needs a zone.
struct ZoneNeed {
    Zone zone = Zone::internet;
    std::string path;
    Location where;
};

struct Reading {
    Topology topology;
    Reporter errors;
    std::vector<EntityAddress> entities;
    std::vector<PlacedInterfaceAddress> interface_addresses;
    std::vector<PlacedGateway> gateways;
    std::vector<PlacedPrefix> corporate;
    std::vector<PlacedPrefix> clients;
    std::vector<PlacedPrefix> partners;
    std::vector<PlacedSitePrefix> site_prefixes;
    std::vector<ZoneNeed> site_zones;
    // Where an interface or the corporate networks could not be read, zones are not known well
    // enough to judge addresses by them: that would only report the first mistake again.
    bool zones_known = true;
    // Paths of entity addresses that could not be read: they count as given.
    std::set<std::string> broken;
    // Names of classes that could not be read: they count as known.
    std::set<std::string, std::less<>> broken_classes;
    Location edge_where;
    Location edge_vips_where;
};

// The four addresses of the Edge, each as a VIP and on every node: three outside, then the internal
// one.
struct EdgeLeg {
    std::string_view key;
    Zone zone;
    DualAddress Edge::*vip;
    DualAddress EdgeNode::*node;
};
inline constexpr std::array<EdgeLeg, 4> kEdgeLegs = {{
    {"access", Zone::edge_external, &Edge::access_vip, &EdgeNode::access},
    {"web-conferencing", Zone::edge_external, &Edge::web_conferencing_vip,
     &EdgeNode::web_conferencing},
    {"av", Zone::edge_external, &Edge::av_vip, &EdgeNode::av},
    {"internal", Zone::edge_internal, &Edge::internal_vip, &EdgeNode::internal},
}};

void read_interfaces(const Field& field, Reading& reading);
void read_routes(const Field& field, Reading& reading);
void read_networks(const Field& field, Reading& reading);
void read_edge(const Field& field, Reading& reading);
void read_reverse_proxies(const Field& field, Reading& reading);
void read_pools(const Field& field, Reading& reading);
void read_servers(const Field& field, std::vector<Server>& servers, Reading& reading);
void read_features(const Field& field, Reading& reading);
void read_partners(const Field& field, Reading& reading);
void read_service_settings(const Field& field, Reading& reading);
void read_conformance(const Field& field, Reading& reading);
void read_site_rules(const Field& field, Reading& reading);

// `mode`, `names` and `missing-name` of a map about this class.
ServiceConformance read_service_conformance(const MapReader& map, Location where,
                                            policy::ProtocolClass protocol, Reading& reading);
// `class` of a site rule and what stands beside it.
std::optional<SiteConformance> read_site_conformance(const MapReader& map, const SiteRule& rule,
                                                     Reading& reading);

// An entity's address or addresses, noted for the checks.
DualAddress read_entity(const Field& field, Zone zone, Reading& reading);

// Interfaces, VLANs, MTU, overlaps, gateways and routes; sets Route::interface.
void check_network(Reading& reading);
// Every address in its zone, and nobody else's; every zone that is used on an interface.
void check_addresses(Reading& reading);
// Balancing and address counts of the Edge, VIPs with nodes, families.
void check_edge(Reading& reading);
void check_pools(Reading& reading);

}  // namespace portcullis::topology
