// The option --nft-device of `portcullis rules --nft`: which network interface a device is.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "rules/nft/ruleset.h"

namespace portcullis::control::cli {

// From "DEVICE=NETDEV" texts. The error says which device is unknown or named twice, or which name
// the kernel would not take; the devices that no text names are held to it too.
tl::expected<nft::Netdevs, std::string> parse_netdevs(const policy::Policy& policy,
                                                      const std::vector<std::string>& texts);

}  // namespace portcullis::control::cli
