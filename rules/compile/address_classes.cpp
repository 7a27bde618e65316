// Pass: what we know of an address before any rule is asked (SEMANTICS decisions 2 and 17).
//
// Networks say where addresses live; a host gets an entry of its own only where the networks would
// place it in the wrong zone, as a reverse proxy on an interface that it shares with Edge Servers.
#include <algorithm>
#include <array>
#include <map>

#include "rules/compile/passes.h"

namespace portcullis::compile {
namespace {

using policy::AddressClass;
using policy::AddressKind;
using policy::IpAddress;
using policy::Prefix;
using policy::Zone;

// Sources that can have no host on the Internet. `local` ones are real hosts where the topology
// declares them inside; the others never are. IPv4-mapped IPv6 has no entry: an IpAddress cannot
// hold one apart from its IPv4 address, and whoever reads IPv6 headers refuses it there.
struct Bogon {
    std::string_view prefix;
    bool local = false;
    bool strict_only = false;
};
constexpr Bogon kBogons[] = {
    {"0.0.0.0/8"},
    {"10.0.0.0/8", true},
    {"127.0.0.0/8"},
    {"169.254.0.0/16"},
    {"172.16.0.0/12", true},
    {"192.168.0.0/16", true},
    {"224.0.0.0/4"},
    {"240.0.0.0/4"},
    {"::/128"},
    {"::1/128"},
    {"fc00::/7", true},
    {"fe80::/10"},
    {"ff00::/8"},
    // Shared, documentation, benchmark, discard-only and retired prefixes (IANA special
    // registries).
    {"100.64.0.0/10", true, true},
    {"192.0.0.0/24", true, true},
    {"192.0.2.0/24", true, true},
    {"192.88.99.0/24", true, true},
    {"198.18.0.0/15", true, true},
    {"198.51.100.0/24", true, true},
    {"203.0.113.0/24", true, true},
    {"64:ff9b:1::/48", true, true},
    {"100::/64", true, true},
    {"2001:2::/48", true, true},
    {"2001:10::/28", true, true},
    {"2001:db8::/32", true, true},
    {"3fff::/20", true, true},
    {"fec0::/10", true, true},
};

// Where two zones share an interface, hosts that nobody declared belong to the first of these; the
// declared ones of the other zone get entries of their own.
constexpr std::array<Zone, policy::kZoneCount> kNetworkZone = {
    Zone::internet,      Zone::corporate,   Zone::edge_external,
    Zone::edge_internal, Zone::rp_external, Zone::rp_internal,
};

class Classes {
  public:
    // The first entry for a prefix stays.
    void add(const Prefix& prefix, AddressKind kind, Zone zone) {
        entries_.try_emplace(prefix, AddressClass{prefix, kind, zone});
    }
    void add_host(const topology::DualAddress& address, AddressKind kind, Zone zone) {
        for (const auto family : kFamilies)
            if (address.of(family)) add(Prefix::host(*address.of(family)), kind, zone);
    }
    // An entry of its own only if the networks place the host elsewhere.
    void place_host(const topology::DualAddress& address, Zone zone) {
        for (const auto family : kFamilies) {
            if (!address.of(family)) continue;
            const auto found = lookup(*address.of(family));
            if (found.kind != AddressKind::member || found.zone != zone)
                add(Prefix::host(*address.of(family)), AddressKind::member, zone);
        }
    }
    bool within_member(const Prefix& prefix) const {
        return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
            return entry.second.kind == AddressKind::member && entry.first.contains(prefix);
        });
    }
    std::vector<AddressClass> longest_first() const {
        std::vector<AddressClass> out;
        for (const auto& [prefix, entry] : entries_) out.push_back(entry);
        std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
            return a.prefix.length() > b.prefix.length();
        });
        return out;
    }

  private:
    AddressClass lookup(const IpAddress& address) const {
        AddressClass best{Prefix::all(address.family()), AddressKind::member, Zone::internet};
        for (const auto& [prefix, entry] : entries_)
            if (prefix.contains(address) && prefix.length() >= best.prefix.length()) best = entry;
        return best;
    }
    std::map<Prefix, AddressClass> entries_;
};

Zone network_zone(const topology::Interface& interface) {
    for (const auto zone : kNetworkZone)
        if (interface.zones.contains(zone)) return zone;
    return Zone::internet;
}

void add_own_addresses(Classes& classes, const topology::Topology& topology) {
    for (const auto& interface : topology.interfaces)
        for (const auto& own : interface.addresses)
            classes.add(Prefix::host(own.address), AddressKind::own, network_zone(interface));
    const auto& edge = topology.edge;
    classes.add_host(edge.access_vip, AddressKind::own, Zone::edge_external);
    classes.add_host(edge.web_conferencing_vip, AddressKind::own, Zone::edge_external);
    classes.add_host(edge.av_vip, AddressKind::own, Zone::edge_external);
    classes.add_host(edge.internal_vip, AddressKind::own, Zone::edge_internal);
}

// The Internet's own network gets no entry: it is what is left, and a bogon there stays one.
void add_networks(Classes& classes, const topology::Topology& topology) {
    for (const auto& interface : topology.interfaces) {
        const auto zone = network_zone(interface);
        if (zone == Zone::internet) continue;
        for (const auto& own : interface.addresses)
            classes.add(own.network(), AddressKind::member, zone);
    }
    for (const auto& prefix : topology.corporate)
        classes.add(prefix, AddressKind::member, Zone::corporate);
}

void place_perimeter_hosts(Classes& classes, const topology::Topology& topology) {
    for (const auto& node : topology.edge.nodes) {
        classes.place_host(node.access, Zone::edge_external);
        classes.place_host(node.web_conferencing, Zone::edge_external);
        classes.place_host(node.av, Zone::edge_external);
        classes.place_host(node.internal, Zone::edge_internal);
    }
    for (const auto& proxy : topology.reverse_proxies) {
        classes.place_host(proxy.external, Zone::rp_external);
        classes.place_host(proxy.internal, Zone::rp_internal);
    }
}

void add_bogons(Classes& classes, bool strict) {
    for (const auto& bogon : kBogons) {
        if (bogon.strict_only && !strict) continue;
        const auto prefix = Prefix::parse(bogon.prefix).value();
        // A hole in a network that the topology declares as its own would be no bogon.
        if (bogon.local && classes.within_member(prefix)) continue;
        classes.add(prefix, AddressKind::bogon, Zone::internet);
    }
}

}  // namespace

void add_address_classes(Draft& draft) {
    Classes classes;
    add_own_addresses(classes, draft.topology);
    add_networks(classes, draft.topology);
    place_perimeter_hosts(classes, draft.topology);
    add_bogons(classes, draft.topology.settings.strict_bogons);
    draft.policy.addresses = classes.longest_first();
}

}  // namespace portcullis::compile
