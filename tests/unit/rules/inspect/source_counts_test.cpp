#include "rules/inspect/source_counts.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace portcullis::inspect {
namespace {

policy::IpAddress address(const char* text) {
    return policy::IpAddress::parse(text).value();
}

TEST(SourceCounts, AnIpv6SourceIsItsNetwork) {
    SourceCounts counts;
    ASSERT_TRUE(counts.create(1000));
    counts.add(counts.places_of(address("2001:db8:0:1::1")));
    EXPECT_EQ(counts.count(counts.places_of(address("2001:db8:0:1:ffff::2"))), 1U);
    EXPECT_EQ(counts.count(counts.places_of(address("2001:db8:0:2::1"))), 0U);
    counts.add(counts.places_of(address("192.0.2.1")));
    EXPECT_EQ(counts.count(counts.places_of(address("192.0.2.1"))), 1U);
    EXPECT_EQ(counts.count(counts.places_of(address("192.0.2.2"))), 0U);
}

TEST(SourceCounts, BuffersAreCountedApart) {
    SourceCounts counts;
    ASSERT_TRUE(counts.create(1000));
    const auto places = counts.places_of(address("192.0.2.1"));
    counts.add(places, SourceCounts::Of::buffers);
    counts.add(places, SourceCounts::Of::buffers);
    EXPECT_EQ(counts.count(places), 0U);
    counts.remove(places, SourceCounts::Of::buffers);
    EXPECT_EQ(counts.count(places, SourceCounts::Of::buffers), 1U);
}

TEST(SourceCounts, NeverTooFewAndSeldomTooMany) {
    SourceCounts counts;
    ASSERT_TRUE(counts.create(1000));
    std::mt19937 random(1);
    const auto some = [&] { return 0xc6336400 + static_cast<std::uint32_t>(random() % 2000); };
    std::map<std::uint32_t, unsigned> known;
    std::vector<std::uint32_t> added;
    unsigned wrong = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (added.size() < 1000 && (added.empty() || random() % 2 == 0)) {
            added.push_back(some());
            counts.add(counts.places_of(policy::IpAddress::from_v4(added.back())));
            ++known[added.back()];
        } else {
            std::swap(added[random() % added.size()], added.back());
            counts.remove(counts.places_of(policy::IpAddress::from_v4(added.back())));
            --known[added.back()];
            added.pop_back();
        }
        const std::uint32_t asked = some();
        const std::uint32_t count =
            counts.count(counts.places_of(policy::IpAddress::from_v4(asked)));
        ASSERT_GE(count, known[asked]);
        wrong += count != known[asked] ? 1U : 0U;
    }
    EXPECT_LT(wrong, 2000U);
    for (const std::uint32_t source : added)
        counts.remove(counts.places_of(policy::IpAddress::from_v4(source)));
    for (std::uint32_t source = 0; source < 2000; ++source)
        ASSERT_EQ(counts.count(counts.places_of(policy::IpAddress::from_v4(0xc6336400 + source))),
                  0U);
}

}  // namespace
}  // namespace portcullis::inspect
