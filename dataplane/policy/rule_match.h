// What a new list of rules keeps of an old one.
//
// A search structure built for the old list still answers for the new one, together with a small one
// beside it, if the small one holds
//
//   - the rules that are new (or stand elsewhere than before, which comes to the same), and
//   - of those that are kept, the ones that a rule no longer there was hiding: they come after it and
//     some packet matches both.
//
// For a packet, let the old structure answer with its first rule. If that rule is kept, it is the first
// of all kept ones, since these have kept their order. If it is gone, every kept rule that matches the
// packet comes after it and meets it in this packet, so stands in the small structure too. Either way
// the lesser index of the two answers is the first rule of the new list.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::dataplane {

// Whether both match the same packets. What they do with them is not asked.
bool same_match(const policy::Rule& a, const policy::Rule& b);
// Whether some packet may match both. It may say yes where none does, never no where one does.
bool may_overlap(const policy::Rule& a, const policy::Rule& b);

struct RuleChange {
    std::vector<std::uint32_t> kept;    // [old place]: new place, or kGone. Ascending but for kGone
    std::vector<std::uint32_t> beside;  // new places that the small structure must hold, ascending
};
inline constexpr std::uint32_t kGone = 0xffffffff;

// nullopt: more than `most` rules would have to stand beside, so nothing is gained.
std::optional<RuleChange> compare_rules(const std::vector<policy::Rule>& before,
                                        const std::vector<const policy::Rule*>& now,
                                        std::size_t most);

}  // namespace portcullis::dataplane
