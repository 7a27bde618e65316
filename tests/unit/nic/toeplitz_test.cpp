#include "nic/toeplitz.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace portcullis::nic {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Address = std::array<std::uint8_t, 16>;

// What a card hashes: addresses in their own length, then the ports where it looks at them.
void append(Bytes& input, const Address& address, bool v4) {
    input.insert(input.end(), address.begin() + (v4 ? 12 : 0), address.end());
}
void append(Bytes& input, std::uint16_t port) {
    input.push_back(static_cast<std::uint8_t>(port >> 8));
    input.push_back(static_cast<std::uint8_t>(port));
}
Bytes two_tuple(const Address& source, const Address& destination, bool v4) {
    Bytes input;
    append(input, source, v4);
    append(input, destination, v4);
    return input;
}
Bytes four_tuple(const Address& source, const Address& destination, bool v4,
                 std::uint16_t source_port, std::uint16_t destination_port) {
    Bytes input = two_tuple(source, destination, v4);
    append(input, source_port);
    append(input, destination_port);
    return input;
}

Address address_of(const char* text) {
    Address address{};
    if (inet_pton(AF_INET6, text, address.data()) == 1) return address;
    address[10] = address[11] = 0xff;
    EXPECT_EQ(inet_pton(AF_INET, text, address.data() + 12), 1) << text;
    return address;
}

// The key and the flows of Microsoft's "Verifying the RSS Hash Calculation".
TEST(Toeplitz, PublishedAnswers) {
    constexpr HashKey kKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                              0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                              0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                              0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
    struct Answer {
        const char* destination;
        std::uint16_t destination_port;
        const char* source;
        std::uint16_t source_port;
        std::uint32_t addresses, with_ports;
    };
    const Answer answers[] = {
        {"161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178},
        {"65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea},
        {"12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a},
        {"209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f},
        {"202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2},
        {"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d},
        {"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf},
        {"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
         0x4b61e985, 0x02d1feef},
    };
    for (const Answer& answer : answers) {
        const Address source = address_of(answer.source);
        const Address destination = address_of(answer.destination);
        const bool v4 = std::string_view(answer.source).find(':') == std::string_view::npos;
        EXPECT_EQ(toeplitz(kKey, two_tuple(source, destination, v4)), answer.addresses);
        EXPECT_EQ(toeplitz(kKey, four_tuple(source, destination, v4, answer.source_port,
                                            answer.destination_port)),
                  answer.with_ports);
    }
}

// The keys themselves, so that a change of them is seen: it would move every flow of an appliance
// test's prediction.
TEST(HashKey, HoldsNothingButThePattern) {
    for (const Side side : {Side::source, Side::destination}) {
        const HashKey key = hash_key(side);
        const std::vector<unsigned> places = side == Side::source
                                                 ? std::vector<unsigned>{31, 127}
                                                 : std::vector<unsigned>{63, 159, 255};
        for (unsigned bit = 0; bit < 320; ++bit) {
            bool wanted = false;
            for (const unsigned place : places)
                if (bit >= place && bit < place + kPatternBits)
                    wanted = (kPattern >> (kPatternBits - 1 - (bit - place)) & 1) != 0;
            EXPECT_EQ((key[bit / 8] >> (7 - bit % 8) & 1) != 0, wanted) << bit;
        }
    }
}

class Tuples {
  public:
    Address draw(bool v4) {
        Address address{};
        for (std::uint8_t& byte : address) byte = static_cast<std::uint8_t>(random_());
        if (v4) {
            std::fill_n(address.begin(), 10, std::uint8_t{0});
            address[10] = address[11] = 0xff;
        }
        return address;
    }
    std::uint16_t port() { return static_cast<std::uint16_t>(random_()); }

  private:
    std::mt19937_64 random_{7};
};

unsigned bucket(Side side, const Bytes& input) {
    return toeplitz(hash_key(side), input) % kBuckets;
}

// The outside hashes the anchor as source, the inside as destination, software the anchor alone;
// with ports or without, one bucket. Keys of 52 bytes (i40e, ice) end in zeros.
TEST(HashKey, BothSidesAndSoftwareAgree) {
    Tuples tuples;
    for (unsigned i = 0; i < 20'000; ++i) {
        const bool v4 = i % 2 == 0;
        const Address anchor = tuples.draw(v4);
        Address other = tuples.draw(v4);
        const unsigned expected = bucket_of(anchor);
        ASSERT_LT(expected, kBuckets);
        const std::uint16_t mine = tuples.port(), theirs = tuples.port();
        EXPECT_EQ(bucket(Side::source, two_tuple(anchor, other, v4)), expected);
        EXPECT_EQ(bucket(Side::source, four_tuple(anchor, other, v4, mine, theirs)), expected);
        if (!v4) std::fill_n(other.begin() + 4, 4, std::uint8_t{0});  // the flaw, below
        EXPECT_EQ(bucket(Side::destination, two_tuple(other, anchor, v4)), expected);
        const Bytes back = four_tuple(other, anchor, v4, theirs, mine);
        EXPECT_EQ(bucket(Side::destination, back), expected);
        Bytes longer(52);
        std::ranges::copy(hash_key(Side::destination), longer.begin());
        EXPECT_EQ(toeplitz(longer, back) % kBuckets, expected);
        if (testing::Test::HasFailure()) return;
    }
}

// IPv6 by destination: one shift for each prefix that the sources have, so the spread stays.
TEST(HashKey, TheFlawShiftsAllFlowsOfAPrefixAlike) {
    Tuples tuples;
    unsigned shifted = 0;
    for (unsigned prefix = 0; prefix < 100; ++prefix) {
        Address source = tuples.draw(false);
        std::set<unsigned> shifts;
        for (unsigned i = 0; i < 100; ++i) {
            const Address anchor = tuples.draw(false);
            const Address host = tuples.draw(false);
            std::copy_n(host.begin() + 8, 8, source.begin() + 8);
            shifts.insert(bucket(Side::destination, two_tuple(source, anchor, false)) ^
                          bucket_of(anchor));
        }
        EXPECT_EQ(shifts.size(), 1U);
        shifted += *shifts.begin() != 0;
    }
    EXPECT_GT(shifted, 0U);
}

// Any six neighbouring bits of the address, wherever they are: 64 networks or hosts, 64 buckets.
TEST(Bucket, NeighboursSpreadEvenly) {
    Tuples tuples;
    for (const unsigned word : {0U, 12U})
        for (unsigned first = 0; first + 6 <= 32; ++first) {
            Address address = tuples.draw(false);
            std::set<unsigned> buckets;
            for (unsigned value = 0; value < 64; ++value) {
                for (unsigned i = 0; i < 6; ++i) {
                    const unsigned bit = first + i;
                    const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
                    std::uint8_t& byte = address[word + bit / 8];
                    byte = static_cast<std::uint8_t>((value >> i & 1) != 0 ? byte | mask
                                                                           : byte & ~mask);
                }
                buckets.insert(bucket_of(address));
            }
            EXPECT_EQ(buckets.size(), 64U) << "word " << word << " bit " << first;
        }
}

TEST(Bucket, EveryWorkerHasItsShare) {
    for (unsigned workers = 1; workers <= 32; ++workers) {
        std::vector<unsigned> share(workers);
        for (unsigned bucket = 0; bucket < kBuckets; ++bucket)
            ++share[worker_of_bucket(bucket, workers)];
        const auto [least, most] = std::ranges::minmax(share);
        EXPECT_LE(most - least, 1U);
    }
}

}  // namespace
}  // namespace portcullis::nic
