#include "dataplane/policy/rendezvous.h"

#include <gtest/gtest.h>

#include <array>

namespace portcullis::dataplane {
namespace {

using policy::IpAddress;

TEST(Rendezvous, IsTheSameAfterARestart) {
    // A known value: a change here moves every client to another node on an update.
    const std::uint64_t seed = hash_address(1, *IpAddress::parse("203.0.113.11"));
    EXPECT_EQ(seed, 0xecd89866edc27dULL);
    EXPECT_NE(seed, hash_address(2, *IpAddress::parse("203.0.113.11")));
}

TEST(Rendezvous, SharesFollowTheWeights) {
    constexpr std::array<std::uint32_t, 3> kWeights = {1, 2, 5};
    std::array<std::uint64_t, 3> seeds{};
    for (std::uint32_t n = 0; n < 3; ++n) seeds[n] = hash_address(7, IpAddress::from_v4(n));
    std::array<unsigned, 3> wins{};
    for (std::uint32_t source = 0; source < 80'000; ++source) {
        unsigned best = 0;
        double best_score = -1;
        for (unsigned n = 0; n < 3; ++n) {
            const double draw = rendezvous_draw(seeds[n], IpAddress::from_v4(0xc6330000 + source));
            const double score = rendezvous_score(draw, kWeights[n]);
            if (score > best_score) {
                best_score = score;
                best = n;
            }
        }
        ++wins[best];
    }
    EXPECT_NEAR(wins[0], 10'000, 500);
    EXPECT_NEAR(wins[1], 20'000, 500);
    EXPECT_NEAR(wins[2], 50'000, 500);
}

TEST(Rendezvous, OfEqualWeightsTheDrawTellsAsMuchAsTheScore) {
    const std::uint64_t one = hash_address(7, IpAddress::from_v4(1));
    const std::uint64_t other = hash_address(7, IpAddress::from_v4(2));
    unsigned wins = 0;
    for (std::uint32_t source = 0; source < 100'000; ++source) {
        const IpAddress address = IpAddress::from_v4(0xc6330000 + source);
        const double a = rendezvous_draw(one, address), b = rendezvous_draw(other, address);
        ASSERT_EQ(a > b, rendezvous_score(a, 3) > rendezvous_score(b, 3)) << address.to_string();
        wins += a > b;
    }
    EXPECT_NEAR(wins, 50'000, 1'000);
}

}  // namespace
}  // namespace portcullis::dataplane
