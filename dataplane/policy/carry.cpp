#include "dataplane/policy/carry.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace portcullis::dataplane {
namespace {

using policy::Policy;
using policy::PortRange;
using policy::Prefix;
using policy::Rule;
using policy::Service;

constexpr std::uint32_t kNew = 0xffffffff;  // a rule without an equal in the policy before

bool same_service(const Service& a, const Service& b) {
    return a.vip == b.vip && a.transport == b.transport && a.port == b.port && a.nat == b.nat;
}

// Same packets, same effect. Provenance (rows, reason) is for people.
bool same_rule(const Policy& before, const Rule& a, const Policy& now, const Rule& b) {
    if (a.id != b.id || a.origin != b.origin || a.action != b.action ||
        a.transport != b.transport || a.family != b.family || a.from != b.from || a.to != b.to ||
        a.sources != b.sources || a.destinations != b.destinations ||
        a.covers_own != b.covers_own || a.source_ports != b.source_ports ||
        a.destination_ports != b.destination_ports || a.nat != b.nat || a.av_path != b.av_path ||
        a.idle_seconds != b.idle_seconds)
        return false;
    if ((a.service == policy::kNoService) != (b.service == policy::kNoService)) return false;
    return a.service == policy::kNoService ||
           same_service(before.services[a.service], now.services[b.service]);
}

bool overlap(const PortRange& a, const PortRange& b) {
    return a.first <= b.last && b.first <= a.last;
}

// Empty means every member of the zone.
bool overlap(const std::vector<Prefix>& a, const std::vector<Prefix>& b) {
    if (a.empty() || b.empty()) return true;
    return std::ranges::any_of(a, [&](const Prefix& x) {
        return std::ranges::any_of(b,
                                   [&](const Prefix& y) { return x.contains(y) || y.contains(x); });
    });
}

bool may_overlap(const Rule& a, const Rule& b) {
    return a.transport == b.transport && a.family == b.family && a.from == b.from && a.to == b.to &&
           overlap(a.source_ports, b.source_ports) &&
           overlap(a.destination_ports, b.destination_ports) && overlap(a.sources, b.sources) &&
           overlap(a.destinations, b.destinations);
}

// For each new rule the equal old one, or kNew.
std::vector<std::uint32_t> equal_rules(const Policy& before, const Policy& now) {
    std::unordered_map<std::string_view, std::uint32_t> by_id;
    for (std::uint32_t i = 0; i < before.rules.size(); ++i) by_id.emplace(before.rules[i].id, i);
    std::vector<std::uint32_t> equal(now.rules.size(), kNew);
    for (std::uint32_t i = 0; i < now.rules.size(); ++i) {
        const auto found = by_id.find(now.rules[i].id);
        if (found == by_id.end()) continue;
        if (same_rule(before, before.rules[found->second], now, now.rules[i]))
            equal[i] = found->second;
    }
    return equal;
}

}  // namespace

std::vector<std::uint32_t> carry_rules(const Policy& before, const Policy& now) {
    std::vector<std::uint32_t> carry(before.rules.size(), kJudgeAgain);
    if (before.interfaces != now.interfaces || before.addresses != now.addresses) return carry;
    const auto equal = equal_rules(before, now);
    for (std::uint32_t i = 0; i < now.rules.size(); ++i) {
        if (equal[i] == kNew) continue;
        // A rule that now comes earlier and did not then may take packets from this one. Rules that
        // came earlier then did not decide the packets this one decided, so losing them is
        // harmless.
        bool first = true;
        for (std::uint32_t j = 0; j < i && first; ++j) {
            const bool was_before = equal[j] != kNew && equal[j] < equal[i];
            first = was_before || !may_overlap(now.rules[j], now.rules[i]);
        }
        if (first) carry[equal[i]] = i;
    }
    return carry;
}

}  // namespace portcullis::dataplane
