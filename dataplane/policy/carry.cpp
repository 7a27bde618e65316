#include "dataplane/policy/carry.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "dataplane/policy/rule_match.h"

namespace portcullis::dataplane {
namespace {

using policy::Policy;
using policy::Rule;
using policy::Service;

constexpr std::uint32_t kNew = 0xffffffff;  // a rule without an equal in the policy before

bool same_service(const Service& a, const Service& b) {
    return a.vip == b.vip && a.transport == b.transport && a.port == b.port && a.nat == b.nat;
}

// Same packets, same effect on sessions that live already. Provenance (rows, reason) is for people;
// conformance is asked of new sessions, so whatever of it is pushed disturbs none that has been judged.
bool same_rule(const Policy& before, const Rule& a, const Policy& now, const Rule& b) {
    if (a.id != b.id || a.origin != b.origin || a.action != b.action || a.nat != b.nat ||
        a.av_path != b.av_path || a.idle_seconds != b.idle_seconds || !same_match(a, b))
        return false;
    if ((a.service == policy::kNoService) != (b.service == policy::kNoService)) return false;
    return a.service == policy::kNoService ||
           same_service(before.services[a.service], now.services[b.service]);
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
    // A rule that now comes earlier and did not then may take packets from a later one. Rules that came
    // earlier then did not decide the packets that the later one decided, so losing them is harmless.
    const auto may_take = [&](std::uint32_t earlier, std::uint32_t later) {
        const bool was_before = equal[earlier] != kNew && equal[earlier] < equal[later];
        return !was_before && may_overlap(now.rules[earlier], now.rules[later]);
    };
    // Among rules that kept their order only new ones have to be looked at.
    std::vector<std::uint32_t> fresh;
    std::uint32_t highest = 0;  // of `equal` so far
    for (std::uint32_t i = 0; i < now.rules.size(); ++i) {
        if (equal[i] == kNew) {
            fresh.push_back(i);
            continue;
        }
        bool first = true;
        if (equal[i] < highest)
            for (std::uint32_t j = 0; j < i && first; ++j) first = !may_take(j, i);
        else
            first = std::ranges::none_of(fresh, [&](std::uint32_t j) { return may_take(j, i); });
        highest = std::max(highest, equal[i]);
        if (first) carry[equal[i]] = i;
    }
    return carry;
}

}  // namespace portcullis::dataplane
