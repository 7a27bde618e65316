// Policies made without the compiler: one small and readable, one random and dense.
#pragma once

#include <cstdint>

#include "rules/policy/policy.h"

namespace portcullis::test {

// Two zones, both families: clients on `internet` (device "wan"), two nodes on `edge-external`
// (device "dmz", VLAN 10) behind one full-NAT and one destination-NAT service.
policy::Policy small_policy();

// Three interfaces over all zones and `rules` rules that overlap each other on purpose: nested
// prefixes, empty lists, ports in ranges, site denies that cover addresses of ours. Sound, but
// makes no sense as a firewall.
policy::Policy random_policy(std::uint64_t seed, unsigned rules);

}  // namespace portcullis::test
