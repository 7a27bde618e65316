#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using Addresses = std::vector<policy::IpAddress>;

TEST(Interfaces, KeepOrderNamesAndZones) {
    const auto policy = compile_ok(small_topology());
    ASSERT_EQ(policy.interfaces.size(), 5U);
    EXPECT_EQ(policy.interfaces[kWan].name, "wan");
    EXPECT_EQ(policy.interfaces[kDmzInternal].device, "dmz-i");
    EXPECT_TRUE(policy.interfaces[kDmzInternal].zones.contains(policy::Zone::rp_internal));
}

TEST(Interfaces, AnswerForTheirOwnAddressesAndTheVipsOfTheirLeg) {
    const auto policy = compile_ok(small_topology());
    EXPECT_EQ(policy.interfaces[kDmzExternal].answered,
              (Addresses{ip("203.0.113.1"), ip("203.0.113.10"), ip("203.0.113.20"),
                         ip("203.0.113.30"), ip("2001:db8:0:113::1"), ip("2001:db8:0:113::10"),
                         ip("2001:db8:0:113::20"), ip("2001:db8:0:113::30")}));
    EXPECT_EQ(policy.interfaces[kDmzInternal].answered,
              (Addresses{ip("10.20.0.1"), ip("10.20.0.10"), ip("fd00:20::1"), ip("fd00:20::10")}));
    EXPECT_EQ(policy.interfaces[kLan].answered, (Addresses{ip("10.30.0.1"), ip("fd00:30::1")}));
    EXPECT_EQ(policy.interfaces[kWan].answered,
              (Addresses{ip("192.0.2.1"), ip("2001:db8:0:2::1")}));
}

// The Internet's router sees one big network and asks for each perimeter address in it.
TEST(Interfaces, TheInternetsInterfaceAnswersForPerimeterAddressesInItsPrefix) {
    auto topology = small_topology();
    topology.interfaces[kWan].addresses = {{ip("203.0.113.250"), 24}};
    const auto answered = compile_ok(topology).interfaces[kWan].answered;
    for (const auto* address : {"203.0.113.250", "203.0.113.10", "203.0.113.11", "203.0.113.32",
                                "203.0.113.200", "203.0.113.1"})
        EXPECT_TRUE(std::binary_search(answered.begin(), answered.end(), ip(address))) << address;
    EXPECT_FALSE(std::binary_search(answered.begin(), answered.end(), ip("10.20.0.10")));
    EXPECT_FALSE(std::binary_search(answered.begin(), answered.end(), ip("203.0.113.99")));
}

TEST(Routes, LongestPrefixFirst) {
    const auto policy = compile_ok(small_topology());
    ASSERT_EQ(policy.routes.size(), 3U);
    EXPECT_EQ(policy.routes[0], (policy::Route{net("10.40.0.0/16"), ip("10.30.0.254"), kLan}));
    EXPECT_EQ(policy::route(policy, ip("10.40.1.1"))->interface, kLan);
    EXPECT_EQ(policy::route(policy, ip("9.9.9.9"))->address, ip("192.0.2.254"));
}

}  // namespace
}  // namespace portcullis::compile
