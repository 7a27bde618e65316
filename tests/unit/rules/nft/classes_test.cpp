#include "rules/nft/classes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis::nft {
namespace {

using namespace policy;
using policy::testing::net;
using policy::testing::tiny_policy;

std::vector<std::string> texts(const Policy& policy, Family family) {
    std::vector<std::string> out;
    for (const auto& range : class_ranges(policy, family)) {
        const char* kind = range.kind == AddressKind::own     ? "own "
                           : range.kind == AddressKind::bogon ? "bogon "
                                                              : "";
        const auto zone = range.kind == AddressKind::bogon ? "" : to_string(range.zone);
        out.push_back(range.to_string() + " " + kind + std::string(zone));
    }
    return out;
}

TEST(ClassRanges, LongestPrefixBecomesDisjointRanges) {
    Policy policy;
    policy.addresses = {{net("10.0.0.1"), AddressKind::own, Zone::corporate},
                        {net("10.0.0.0/30"), AddressKind::member, Zone::corporate},
                        {net("10.0.0.4/30"), AddressKind::member, Zone::corporate},
                        {net("10.0.0.0/8"), AddressKind::bogon, Zone::corporate}};
    EXPECT_EQ(texts(policy, Family::ipv4),
              (std::vector<std::string>{"0.0.0.0-9.255.255.255 internet", "10.0.0.0 corporate",
                                        "10.0.0.1 own corporate", "10.0.0.2-10.0.0.7 corporate",
                                        "10.0.0.8-10.255.255.255 bogon ",
                                        "11.0.0.0-255.255.255.255 internet"}));
}

TEST(ClassRanges, ReachBothEndsOfAFamily) {
    Policy policy;
    policy.addresses = {{net("255.255.255.255"), AddressKind::bogon, Zone::internet},
                        {net("0.0.0.0/8"), AddressKind::bogon, Zone::internet},
                        {net("ff00::/8"), AddressKind::bogon, Zone::internet}};
    const auto v4 = texts(policy, Family::ipv4);
    EXPECT_EQ(v4.front(), "0.0.0.0/8 bogon ");
    EXPECT_EQ(v4.back(), "255.255.255.255 bogon ");
    EXPECT_EQ(
        texts(policy, Family::ipv6),
        (std::vector<std::string>{"::-::fffe:ffff:ffff internet",
                                  "::1:0:0:0-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff internet",
                                  "ff00::/8 bogon "}));
    EXPECT_EQ(texts(Policy{}, Family::ipv4), (std::vector<std::string>{"0.0.0.0/0 internet"}));
}

// Wherever a class may change, both sides of the place have the class that classify() gives.
TEST(ClassRanges, AgreeWithTheReferenceMatcher) {
    const auto policy = tiny_policy();
    for (const auto family : {Family::ipv4, Family::ipv6}) {
        const auto ranges = class_ranges(policy, family);
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            const auto& range = ranges[i];
            EXPECT_LE(range.first, range.last);
            for (const auto& end : {range.first, range.last}) {
                const auto expected = classify(policy, end);
                EXPECT_EQ(range.kind, expected.kind) << end.to_string();
                if (expected.kind != AddressKind::bogon) {
                    EXPECT_EQ(range.zone, expected.zone) << end.to_string();
                }
            }
            if (i > 0) {
                EXPECT_LT(ranges[i - 1].last, range.first);
            }
        }
        for (const auto& entry : policy.addresses) {
            if (entry.prefix.family() != family) continue;
            const auto first = entry.prefix.address();
            EXPECT_TRUE(std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
                return range.first <= first && first <= range.last &&
                       range.kind == classify(policy, first).kind;
            })) << entry.prefix.to_string();
        }
    }
}

}  // namespace
}  // namespace portcullis::nft
