// What an "expect" of a batch line asks, held against the answer.
#pragma once

#include <string>
#include <vector>

#include "control/cli/describe.h"

namespace portcullis::control::cli {

// One sentence for each field of `expected` that `answer` does not meet; fields that `expected`
// leaves out are not looked at. A plain string is the verdict. Addresses are compared as addresses,
// lists in any order, and a reason may be given by its name alone ("no-rule").
std::vector<std::string> mismatches(const Json& expected, const Json& answer);

}  // namespace portcullis::control::cli
