// Arithmetic on addresses and prefix lists that several passes need. Internal to rules/compile/.
#pragma once

#include <optional>
#include <vector>

#include "rules/policy/address.h"

namespace portcullis::compile {

// Prefixes of one family, sorted, without duplicates and without those that another one contains.
std::vector<policy::Prefix> normalised(std::vector<policy::Prefix> prefixes);

policy::IpAddress last_address(const policy::Prefix& prefix);

// The neighbours of an address in its own family; nullopt past either end.
std::optional<policy::IpAddress> next(const policy::IpAddress& address);
std::optional<policy::IpAddress> previous(const policy::IpAddress& address);

}  // namespace portcullis::compile
