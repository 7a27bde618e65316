// A policy's address classes as disjoint ranges: nftables has no longest prefix match among sets.
#pragma once

#include <string>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::nft {

struct ClassRange {
    policy::IpAddress first;
    policy::IpAddress last;  // included
    policy::AddressKind kind = policy::AddressKind::member;
    policy::Zone zone = policy::Zone::internet;  // meaningless for bogon

    // "10.20.0.0/24" where it is a prefix, "10.20.0.7" for one address, else "FIRST-LAST".
    std::string to_string() const;
};

// The addresses of a family in order, each in one range, and neighbours of one class in one range
// too. No range holds ::ffff:0:0/96 of IPv6: no host has such an address, and an IpAddress of that
// form is IPv4.
std::vector<ClassRange> class_ranges(const policy::Policy& policy, policy::Family family);

}  // namespace portcullis::nft
