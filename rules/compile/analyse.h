// The analyser: what is odd about a compiled policy. Findings never change a verdict; `check` and
// `push` show them.
#pragma once

#include <string>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::compile {

enum class FindingKind : std::uint8_t {
    shadowed,   // an earlier rule with another action covers it wholly
    duplicate,  // an earlier rule with the same effect covers it wholly
    never,      // no packet that can arrive matches it
};
std::string_view to_string(FindingKind kind);

struct Finding {
    FindingKind kind = FindingKind::duplicate;
    std::uint32_t rule = 0;              // index in Policy::rules
    std::uint32_t by = policy::kNoRule;  // the covering rule
    std::string text;                    // one sentence for people
};

std::vector<Finding> analyse(const policy::Policy& policy);

}  // namespace portcullis::compile
