// The hash by which flows find their worker, the same in software and in a network card.
//
// Receive-side scaling hashes addresses and ports by Toeplitz's function: wherever bit i of the input
// is set, the 32 key bits from i on are XORed into the hash, first key bit highest. So the lowest six
// bits of the hash, its *bucket*, take from input bit i only the key bits i + 26 to i + 31. A key of
// zeros with a pattern in the right places gives a bucket that depends on one address alone, whatever
// else the card hashes with it:
//
//     input    IPv4: source 0-31, destination 32-63, ports 64-95
//              IPv6: source 0-127, destination 128-255, ports 256-287
//     pattern  27 key bits. At 31 they meet the input bits 0-31 and no others, at 63 the bits 32-63,
//              at 127, 159 and 255 the bits 96-127, 128-159 and 224-255.
//
// The key for sources has the pattern at 31 and 127, that for destinations at 63, 159 and 255. So the
// bucket is that of the address's first 32 bits XORed with its last 32, where an IPv4 address is in
// the last 32 and the first are zero: one formula for both families, both sides and software. The one
// flaw is IPv6 under the destination key: the pattern at 63 meets the bits 32-63 of the source too.
// README.md says why no key avoids that and what it costs.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace portcullis::nic {

inline constexpr unsigned kBuckets = 64;

// Which address decides the queue.
enum class Side : std::uint8_t { source, destination };

// Bits in order of the key. Chosen so that any six neighbouring address bits, where six remain, take
// all 64 values of the bucket: neighbouring hosts spread evenly, and so do networks of one size.
inline constexpr unsigned kPatternBits = 27;
inline constexpr std::uint32_t kPattern = 0x7ed7041;

using HashKey =
    std::array<std::uint8_t, 40>;  // what every card takes; longer keys go on with zeros

constexpr HashKey hash_key(Side side) {
    HashKey key{};
    const auto place = [&key](unsigned at) {
        for (unsigned i = 0; i < kPatternBits; ++i)
            if ((kPattern >> (kPatternBits - 1 - i) & 1) != 0)
                key[(at + i) / 8] |= static_cast<std::uint8_t>(0x80 >> (at + i) % 8);
    };
    if (side == Side::source) {
        for (const unsigned at : {31U, 127U}) place(at);
    } else {
        for (const unsigned at : {63U, 159U, 255U}) place(at);
    }
    return key;
}

// Toeplitz's hash of any input by any key, bit by bit: for predictions and tests. Key bits beyond the
// end are zero.
constexpr std::uint32_t toeplitz(std::span<const std::uint8_t> key,
                                 std::span<const std::uint8_t> input) {
    const auto key_byte = [key](std::size_t i) {
        return i < key.size() ? std::uint32_t{key[i]} : 0U;
    };
    std::uint32_t window = key_byte(0) << 24 | key_byte(1) << 16 | key_byte(2) << 8 | key_byte(3);
    std::uint32_t hash = 0;
    for (std::size_t i = 0; i < input.size(); ++i)
        for (unsigned bit = 0; bit < 8; ++bit) {
            if ((input[i] >> (7 - bit) & 1) != 0) hash ^= window;
            window = window << 1 | (key_byte(i + 4) >> (7 - bit) & 1);
        }
    return hash;
}

namespace detail {

// [byte of the word, in memory order][its value] -> what it adds to the bucket
using BucketTable = std::array<std::array<std::uint8_t, 256>, 4>;

constexpr BucketTable make_bucket_table() {
    BucketTable table{};
    const HashKey key = hash_key(Side::source);
    // The hash is linear: what a byte adds is the sum (XOR) of what its bits add.
    for (unsigned at = 0; at < 4; ++at)
        for (unsigned value = 1; value < 256; ++value) {
            const unsigned lowest = value & (0U - value);
            if (value == lowest) {
                std::array<std::uint8_t, 4> word{};
                word[at] = static_cast<std::uint8_t>(value);
                table[at][value] = static_cast<std::uint8_t>(toeplitz(key, word) % kBuckets);
            } else {
                table[at][value] =
                    static_cast<std::uint8_t>(table[at][value ^ lowest] ^ table[at][lowest]);
            }
        }
    return table;
}
inline constexpr BucketTable kBucketTable = make_bucket_table();

}  // namespace detail

// `address` in network order, IPv4 as ::ffff:a.b.c.d.
inline unsigned bucket_of(const std::array<std::uint8_t, 16>& address) {
    std::uint32_t first, last;
    std::memcpy(&first, address.data(), 4);
    std::memcpy(&last, address.data() + 12, 4);
    const auto byte = std::bit_cast<std::array<std::uint8_t, 4>>(first ^ last);
    const auto& table = detail::kBucketTable;
    return static_cast<unsigned>(table[0][byte[0]] ^ table[1][byte[1]] ^ table[2][byte[2]] ^
                                 table[3][byte[3]]);
}

// Dealt out in turn, as drivers fill their redirection tables too where nobody else does.
constexpr unsigned worker_of_bucket(unsigned bucket, unsigned workers) {
    return bucket % workers;
}

}  // namespace portcullis::nic
