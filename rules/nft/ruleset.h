// A policy as an nftables ruleset, for comparing Portcullis with the Linux kernel on the same work,
// and for leaving us: `portcullis rules --nft`. A pure function: equal policies and names give
// equal text.
//
// What the ruleset does and does not say of a policy is in its own header comment, for whoever
// reads it has it at hand; README.md has the reasons.
#pragma once

#include <map>
#include <string>

#include "rules/policy/policy.h"

namespace portcullis::nft {

// Device of the topology -> the kernel's network interface. A device without an entry has its own
// name there.
using Netdevs = std::map<std::string, std::string>;

// The kernel's name of an interface: "wan", "wan.10" with a VLAN.
std::string netdev_of(const policy::Interface& interface, const Netdevs& netdevs);

// The file for `nft -f`: loading it replaces an earlier one as a whole.
std::string write_ruleset(const policy::Policy& policy, const Netdevs& netdevs);

}  // namespace portcullis::nft
