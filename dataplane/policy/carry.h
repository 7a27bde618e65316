// Which rules of the policy before live on unchanged in the new one, so that sessions they started
// need not be judged again.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::dataplane {

// What became of a rule of an older generation in this one.
inline constexpr std::uint32_t kJudgeAgain = 0xfffffffe;

// result[old rule] = the new rule that would decide every packet the old one decided, with the same
// effect, else kJudgeAgain. It is never wrong and sometimes too careful: where interfaces or
// address classes differ at all, everything is judged again.
//
// A service counts by VIP, transport, port and NAT; whether a session's node is still there is
// asked for each session.
std::vector<std::uint32_t> carry_rules(const policy::Policy& before, const policy::Policy& now);

}  // namespace portcullis::dataplane
