// The comment in front of a ruleset: what it says of the policy, and what the host has to have.
#pragma once

#include <string>

#include "rules/nft/ruleset.h"

namespace portcullis::nft {

// The host's part is a list of commands, one a line, each behind kCommandPrefix: addresses, routes
// and settings that no ruleset can hold. Tests and benchmarks run exactly these.
inline constexpr const char* kCommandPrefix = "#$ ";
std::string write_header(const policy::Policy& policy, const Netdevs& netdevs);

}  // namespace portcullis::nft
