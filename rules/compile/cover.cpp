#include "rules/compile/cover.h"

#include <algorithm>
#include <tuple>

namespace portcullis::compile {
namespace {

using policy::AddressKind;
using policy::Policy;
using policy::PortRange;
using policy::Prefix;
using policy::Rule;

bool contains(PortRange wide, PortRange narrow) {
    return wide.first <= narrow.first && wide.last >= narrow.last;
}

// Rule lists are sorted, and no prefix in one contains another, so only the last that starts at or
// before a prefix can contain it.
bool contains(const std::vector<Prefix>& wide, const Prefix& narrow) {
    auto after = std::upper_bound(wide.begin(), wide.end(), narrow);
    return after != wide.begin() && std::prev(after)->contains(narrow);
}

bool contains(const std::vector<Prefix>& wide, const std::vector<Prefix>& narrow) {
    return std::all_of(narrow.begin(), narrow.end(),
                       [&](const Prefix& prefix) { return contains(wide, prefix); });
}

bool is_own(const Policy& policy, const Prefix& prefix) {
    return prefix == Prefix::host(prefix.address()) &&
           classify(policy, prefix.address()).kind == AddressKind::own;
}

bool sources_covered(const Rule& wide, const Rule& narrow) {
    if (wide.sources.empty()) return true;
    return !narrow.sources.empty() && contains(wide.sources, narrow.sources);
}

// policy.h says when a rule covers an address of ours.
bool destinations_covered(const Policy& policy, const Rule& wide, const Rule& narrow) {
    if (wide.covers_own) {
        if (wide.destinations.empty()) return true;
        return !narrow.destinations.empty() && contains(wide.destinations, narrow.destinations);
    }
    if (narrow.destinations.empty()) return wide.destinations.empty() && !narrow.covers_own;
    return std::all_of(
        narrow.destinations.begin(), narrow.destinations.end(), [&](const Prefix& prefix) {
            if (is_own(policy, prefix))
                return std::binary_search(wide.destinations.begin(), wide.destinations.end(),
                                          prefix);
            if (narrow.covers_own && holds(policy, prefix, AddressKind::own, narrow.to))
                return false;
            return wide.destinations.empty() || contains(wide.destinations, prefix);
        });
}

}  // namespace

bool holds(const Policy& policy, const Prefix& prefix, AddressKind kind, policy::Zone zone) {
    const auto is_wanted = [&](const policy::AddressClass& entry) {
        return entry.kind == kind && entry.zone == zone;
    };
    for (const auto& entry : policy.addresses) {
        // Longest first: entries inside the prefix come before the one that holds it whole.
        if (entry.prefix.contains(prefix)) return is_wanted(entry);
        if (prefix.contains(entry.prefix) && is_wanted(entry)) return true;
    }
    return kind == AddressKind::member && zone == policy::Zone::internet;
}

bool covers_wholly(const Policy& policy, const Rule& wide, const Rule& narrow) {
    return wide.transport == narrow.transport && wide.family == narrow.family &&
           wide.from == narrow.from && wide.to == narrow.to &&
           contains(wide.destination_ports, narrow.destination_ports) &&
           contains(wide.source_ports, narrow.source_ports) && sources_covered(wide, narrow) &&
           destinations_covered(policy, wide, narrow);
}

bool same_effect(const Rule& a, const Rule& b) {
    if (a.action != b.action) return false;
    if (a.action == policy::Action::deny) return true;
    return std::tie(a.service, a.nat, a.av_path, a.idle_seconds, a.conformance) ==
           std::tie(b.service, b.nat, b.av_path, b.idle_seconds, b.conformance);
}

bool same_packets(const Rule& a, const Rule& b) {
    return std::tie(a.transport, a.family, a.from, a.to, a.destination_ports, a.source_ports,
                    a.covers_own, a.destinations,
                    a.sources) == std::tie(b.transport, b.family, b.from, b.to, b.destination_ports,
                                           b.source_ports, b.covers_own, b.destinations, b.sources);
}

}  // namespace portcullis::compile
