// Keyed weighted rendezvous hashing: which node a source gets, without a table.
//
// Every node gets a score from (key, source, node address); the highest wins. A node that dies
// moves only its own sources, a node that returns takes exactly them back, and the answer is the
// same on every worker and, the key being stored, after a restart. With weights the score is w /
// -ln(u), u uniform in (0, 1): then a node wins with probability w / (sum of w) (Schindelhauer and
// Schomaker, "Weighted Distributed Hash Tables", 2005). That grows with u, so where all weights are
// equal u itself will do. The key keeps strangers from choosing their node.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "rules/policy/address.h"

namespace portcullis::dataplane {

// MurmurHash3's 64-bit finaliser: every input bit reaches every output bit.
constexpr std::uint64_t mix64(std::uint64_t x) {
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

inline std::uint64_t hash_address(std::uint64_t seed, const policy::IpAddress& address) {
    std::uint64_t half[2];
    std::memcpy(half, address.bytes().data(), sizeof half);
    return mix64(mix64(seed ^ half[0]) + half[1]);
}

// u. `node_seed` is hash_address(key, node address), computed once a node.
inline double rendezvous_draw(std::uint64_t node_seed, const policy::IpAddress& source) {
    return (static_cast<double>(hash_address(node_seed, source) >> 11) + 0.5) * 0x1p-53;
}

inline double rendezvous_score(double draw, std::uint32_t weight) {
    return static_cast<double>(weight) / -std::log(draw);
}

}  // namespace portcullis::dataplane
