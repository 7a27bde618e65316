#include "dataplane/policy/prefix_table.h"

#include <gtest/gtest.h>

#include <random>

namespace portcullis::dataplane {
namespace {

using policy::IpAddress;
using policy::Prefix;

// The oracle: the first of the longest entries that contain the address.
std::uint32_t slow_find(const std::vector<PrefixTable::Entry>& entries, const IpAddress& address,
                        std::uint32_t otherwise) {
    std::uint32_t value = otherwise;
    int longest = -1;
    for (const auto& entry : entries) {
        const int length = static_cast<int>(entry.prefix.length());
        if (!entry.prefix.contains(address) || length <= longest) continue;
        longest = length;
        value = entry.value;
    }
    return value;
}

// Few values a byte, so that prefixes nest.
IpAddress address_of(std::mt19937_64& random, bool v4) {
    const auto byte = [&]() -> std::uint32_t {
        return random() % 3 == 0 ? 255 : static_cast<std::uint32_t>(random() % 3);
    };
    if (v4) return IpAddress::from_v4(byte() << 24 | byte() << 16 | byte() << 8 | byte());
    std::array<std::uint8_t, 16> bytes{};
    for (auto& b : bytes) b = random() % 4 == 0 ? static_cast<std::uint8_t>(byte()) : 1;
    return IpAddress::from_bytes(bytes);
}

TEST(PrefixTable, EmptyGivesTheDefault) {
    const PrefixTable table({}, 42);
    EXPECT_EQ(table.find(*IpAddress::parse("192.0.2.1")), 42U);
    EXPECT_EQ(table.find(*IpAddress::parse("2001:db8::1")), 42U);
}

TEST(PrefixTable, DefaultRoutesOfOneFamilyDoNotCoverTheOther) {
    const PrefixTable table({{Prefix::all(policy::Family::ipv6), 6}}, 0);
    EXPECT_EQ(table.find(*IpAddress::parse("192.0.2.1")), 0U);
    EXPECT_EQ(table.find(*IpAddress::parse("::1")), 6U);
}

TEST(PrefixTable, OfEqualPrefixesTheFirstCounts) {
    const Prefix prefix = *Prefix::parse("192.0.2.0/24");
    const PrefixTable table({{prefix, 1}, {prefix, 2}}, 0);
    EXPECT_EQ(table.find(*IpAddress::parse("192.0.2.7")), 1U);
}

TEST(PrefixTable, EqualsTheSlowSearch) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        std::mt19937_64 random(seed);
        std::vector<PrefixTable::Entry> entries;
        const auto count = random() % 200;
        for (std::uint32_t i = 0; i < count; ++i) {
            const bool v4 = random() % 2 == 0;
            const auto length = static_cast<unsigned>(random() % (v4 ? 33 : 129));
            entries.push_back({Prefix::make(address_of(random, v4), length), i});
        }
        const PrefixTable table(entries, 9999);
        for (unsigned i = 0; i < 2000; ++i) {
            const IpAddress address = address_of(random, random() % 2 == 0);
            ASSERT_EQ(table.find(address), slow_find(entries, address, 9999))
                << address.to_string() << ", seed " << seed;
        }
    }
}

}  // namespace
}  // namespace portcullis::dataplane
