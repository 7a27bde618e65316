// Databases for the tests of rules/inspect/, compiled here from patterns written for them.
#pragma once

#include <string>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::inspect {

// One pattern: what matches, and the twin that matches while it may still come ("" for none).
struct TestPattern {
    std::string whole;
    std::string twin;
};

policy::SignatureDatabase compile_patterns(const std::string& name, std::uint32_t width,
                                           const std::vector<TestPattern>& patterns);

}  // namespace portcullis::inspect
