#include "rules/compile/analyse.h"

#include <algorithm>
#include <optional>

#include "rules/compile/cover.h"
#include "rules/compile/rule_index.h"
#include "rules/compile/text.h"

namespace portcullis::compile {
namespace {

using policy::AddressKind;
using policy::Policy;
using policy::Prefix;
using policy::Rule;
using policy::Zone;

bool on_an_interface(const Policy& policy, Zone zone) {
    return std::any_of(policy.interfaces.begin(), policy.interfaces.end(),
                       [=](const auto& interface) { return interface.zones.contains(zone); });
}

bool has_members(const Policy& policy, Zone zone, policy::Family family) {
    return holds(policy, Prefix::all(family), AddressKind::member, zone);
}

bool some_source(const Policy& policy, const Rule& rule) {
    if (rule.sources.empty()) return has_members(policy, rule.from, rule.family);
    return std::any_of(rule.sources.begin(), rule.sources.end(), [&](const Prefix& prefix) {
        return holds(policy, prefix, AddressKind::member, rule.from);
    });
}

bool some_destination(const Policy& policy, const Rule& rule) {
    const auto reachable = [&](const Prefix& prefix, bool own_too) {
        return holds(policy, prefix, AddressKind::member, rule.to) ||
               (own_too && holds(policy, prefix, AddressKind::own, rule.to));
    };
    if (rule.destinations.empty()) return reachable(Prefix::all(rule.family), rule.covers_own);
    return std::any_of(rule.destinations.begin(), rule.destinations.end(), [&](const auto& prefix) {
        return reachable(prefix, rule.covers_own || prefix == Prefix::host(prefix.address()));
    });
}

// Why no packet that can arrive matches, if so.
std::optional<std::string> never_matches(const Policy& policy, const Rule& rule) {
    for (const auto zone : {rule.from, rule.to})
        if (!on_an_interface(policy, zone))
            return concat("no interface has the zone ", policy::to_string(zone));
    if (rule.source_ports.first > rule.source_ports.last ||
        rule.destination_ports.first > rule.destination_ports.last)
        return "a port range of it ends before it starts";
    if (!some_source(policy, rule))
        return concat("none of its sources lives in ", policy::to_string(rule.from));
    if (!some_destination(policy, rule))
        return concat("none of its destinations lives in ", policy::to_string(rule.to));
    return std::nullopt;
}

// The first earlier rule that can match and takes every packet of this one.
std::optional<std::uint32_t> coverer(const Policy& policy, const RuleIndex& rules,
                                     const std::vector<bool>& never, std::uint32_t index) {
    return rules.first_around(policy.rules[index], index, [&](std::uint32_t other) {
        return !never[other] && covers_wholly(policy, policy.rules[other], policy.rules[index]);
    });
}

std::string effect_text(const Rule& by, bool same) {
    if (same) return "to the same effect";
    if (by.action == policy::Action::deny) return "and denies them";
    return "and treats them otherwise (translation or idle time)";
}

}  // namespace

std::string_view to_string(FindingKind kind) {
    switch (kind) {
        case FindingKind::shadowed:
            return "shadowed";
        case FindingKind::duplicate:
            return "duplicate";
        case FindingKind::never:
            return "never";
    }
    return "unknown";
}

std::vector<Finding> analyse(const Policy& policy) {
    std::vector<Finding> findings;
    const RuleIndex rules(policy);
    std::vector<bool> never(policy.rules.size());
    for (std::uint32_t i = 0; i < policy.rules.size(); ++i) {
        const auto& rule = policy.rules[i];
        if (const auto why = never_matches(policy, rule)) {
            findings.push_back({FindingKind::never, i, policy::kNoRule,
                                concat("rule ", rule.id, " never matches: ", *why, ".")});
            never[i] = true;
            continue;
        }
        if (const auto by = coverer(policy, rules, never, i)) {
            const auto& other = policy.rules[*by];
            const bool same = same_effect(other, rule);
            findings.push_back(
                {same ? FindingKind::duplicate : FindingKind::shadowed, i, *by,
                 concat("rule ", rule.id, " never decides: ", other.id,
                        " before it takes all its packets ", effect_text(other, same), ".")});
        }
    }
    return findings;
}

}  // namespace portcullis::compile
