// The hash of keys: avalanche, uniform buckets for keys that differ little, and no collision that
// outlives a change of the secret.
#include "dataplane/session/key_hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <random>
#include <unordered_set>
#include <vector>

namespace portcullis::dataplane {
namespace {

FlowKey random_key(std::mt19937_64& random) {
    FlowKey key;
    std::array<std::uint64_t, 5> words;
    for (auto& word : words) word = random();
    std::memcpy(static_cast<void*>(&key), words.data(), sizeof(key));
    return key;
}

FlowKey flow(std::uint32_t client, std::uint16_t port) {
    FlowKey key;
    key.source = IpAddress::from_v4(client);
    key.destination = IpAddress::from_v4(0xcb00710a);
    key.source_port = port;
    key.destination_port = 443;
    key.protocol = 6;
    return key;
}

TEST(KeyHash, EveryInputBitMovesEveryOutputBit) {
    std::mt19937_64 random(1);
    for (const std::array<std::uint64_t, 4>& secret :
         {std::array<std::uint64_t, 4>{}, {random(), random(), random(), random()}}) {
        const KeyHash hash(secret);
        for (const bool ipv4 : {false, true}) {
            constexpr unsigned kSamples = 1500;
            unsigned flips[320][64] = {};
            for (unsigned sample = 0; sample < kSamples; ++sample) {
                const FlowKey key = ipv4 ? flow(static_cast<std::uint32_t>(random()),
                                                static_cast<std::uint16_t>(random()))
                                         : random_key(random);
                const std::uint64_t before = hash(key);
                for (unsigned bit = 0; bit < 320; ++bit) {
                    FlowKey other = key;
                    std::uint8_t bytes[sizeof(FlowKey)];
                    std::memcpy(bytes, &other, sizeof(bytes));
                    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1U << bit % 8);
                    std::memcpy(static_cast<void*>(&other), bytes, sizeof(bytes));
                    for (std::uint64_t changed = hash(other) ^ before; changed != 0;
                         changed &= changed - 1)
                        ++flips[bit][std::countr_zero(changed)];
                }
            }
            for (unsigned in = 0; in < 320; ++in)
                for (unsigned out = 0; out < 64; ++out) {
                    const double rate = flips[in][out] / double{kSamples};
                    ASSERT_GT(rate, 0.40) << "input " << in << " output " << out << " " << ipv4;
                    ASSERT_LT(rate, 0.60) << "input " << in << " output " << out << " " << ipv4;
                }
        }
    }
}

TEST(KeyHash, NoCollisionSurvivesAChangeOfTheSecret) {
    // Pairs that collide in 16 bits under one secret collide under another by chance only: 1 in
    // 65536. CRC would keep all of them.
    const KeyHash first({1, 2, 3, 4});
    const KeyHash second({1, 2, 3, 5});
    std::vector<FlowKey> seen(65536);
    std::vector<bool> used(65536);
    unsigned pairs = 0;
    unsigned still = 0;
    for (std::uint32_t client = 0; client < 1'500'000; ++client) {
        const FlowKey key = flow(0x0a000000 + client, 5000);
        const auto bucket = first(key) & 0xffff;
        if (used[bucket]) {
            ++pairs;
            still += (second(key) & 0xffff) == (second(seen[bucket]) & 0xffff);
        }
        used[bucket] = true;
        seen[bucket] = key;
    }
    EXPECT_GT(pairs, 1'000'000U);
    EXPECT_LT(still, 60U);  // 22 expected
}

TEST(KeyHash, XorRelatedKeysDoNotCollide) {
    // Differences that are fatal to linear hashes: the same change in several words.
    const KeyHash hash({9, 8, 7, 6});
    std::unordered_set<std::uint64_t> seen;
    unsigned count = 0;
    for (std::uint32_t a = 0; a < 64; ++a)
        for (std::uint32_t b = 0; b < 64; ++b)
            for (std::uint16_t c = 0; c < 64; ++c) {
                FlowKey key = flow(0xc6336400 ^ a, static_cast<std::uint16_t>(40000 ^ c));
                key.destination = IpAddress::from_v4(0xc6336400 ^ b);
                seen.insert(hash(key));
                ++count;
            }
    EXPECT_EQ(seen.size(), count);
    FlowKey swapped = flow(0xc6336401, 443);
    FlowKey key = swapped;
    std::swap(swapped.source, swapped.destination);
    EXPECT_NE(hash(key), hash(swapped));
}

TEST(KeyHash, BucketsAndSignaturesAreUniform) {
    for (const std::uint64_t secret : {0ULL, 77ULL}) {
        const KeyHash hash({secret, 0, 0, 0});
        constexpr unsigned kBuckets = 4096;
        constexpr unsigned kKeys = 64 * kBuckets;
        std::vector<unsigned> high(kBuckets);
        std::vector<unsigned> low(kBuckets);
        for (unsigned i = 0; i < kKeys; ++i) {
            const std::uint64_t h =
                hash(flow(0xc0000000 + i / 64, static_cast<std::uint16_t>(i % 64)));
            ++high[h >> 52];
            ++low[h & (kBuckets - 1)];
        }
        for (const auto& counts : {high, low}) {
            double chi = 0;
            for (const unsigned n : counts) chi += (n - 64.0) * (n - 64.0) / 64.0;
            // Mean kBuckets, standard deviation 90: within 6 of them.
            EXPECT_LT(chi, kBuckets + 540);
            EXPECT_GT(chi, kBuckets - 540);
        }
    }
}

TEST(KeyHash, IsCheap) {
    const KeyHash hash({1, 2, 3, 4});
    std::vector<FlowKey> keys;
    for (std::uint32_t i = 0; i < 1024; ++i) keys.push_back(flow(i, 1));
    std::uint64_t sum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (unsigned round = 0; round < 1000; ++round)
        for (const FlowKey& key : keys) sum += hash(key);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    EXPECT_NE(sum, 0U);
    const double each = took.count() / (1000.0 * 1024);
    RecordProperty("nanoseconds", std::to_string(each));
    EXPECT_LT(each, 500) << "a bound for any machine and sanitiser; here it takes about 5 ns";
}

}  // namespace
}  // namespace portcullis::dataplane
