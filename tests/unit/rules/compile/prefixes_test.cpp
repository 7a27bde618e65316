#include "rules/compile/prefixes.h"

#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::Family;
using policy::Prefix;
using Prefixes = std::vector<Prefix>;

TEST(Prefixes, NormalisedAreSortedAndDisjoint) {
    EXPECT_EQ(normalised({net("10.2.0.0/16"), net("10.1.0.7"), net("10.1.0.0/16"), net("10.1.0.7"),
                          net("10.2.0.0/24"), net("9.0.0.0/8")}),
              (Prefixes{net("9.0.0.0/8"), net("10.1.0.0/16"), net("10.2.0.0/16")}));
    EXPECT_EQ(normalised({net("0.0.0.0/0"), net("255.255.255.255")}), (Prefixes{net("0.0.0.0/0")}));
    EXPECT_EQ(normalised({net("2001:db8::1"), net("2001:db8::/64"), net("2001:db8:1::/64")}),
              (Prefixes{net("2001:db8::/64"), net("2001:db8:1::/64")}));
    EXPECT_TRUE(normalised({}).empty());
}

TEST(Prefixes, LastAddress) {
    EXPECT_EQ(last_address(net("192.0.2.0/25")), ip("192.0.2.127"));
    EXPECT_EQ(last_address(net("192.0.2.7")), ip("192.0.2.7"));
    EXPECT_EQ(last_address(Prefix::all(Family::ipv4)), ip("255.255.255.255"));
    EXPECT_EQ(last_address(net("2001:db8::/33")), ip("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
    EXPECT_EQ(last_address(Prefix::all(Family::ipv6)),
              ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
}

TEST(Prefixes, NeighboursStayInTheirFamily) {
    EXPECT_EQ(next(ip("10.0.255.255")), ip("10.1.0.0"));
    EXPECT_EQ(previous(ip("10.1.0.0")), ip("10.0.255.255"));
    EXPECT_EQ(next(ip("2001:db8::ffff")), ip("2001:db8::1:0"));
    EXPECT_EQ(previous(ip("2001:db8::1:0")), ip("2001:db8::ffff"));
    EXPECT_EQ(next(ip("255.255.255.255")), std::nullopt);
    EXPECT_EQ(previous(ip("0.0.0.0")), std::nullopt);
    EXPECT_EQ(previous(ip("::")), std::nullopt);
    EXPECT_EQ(next(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), std::nullopt);
}

}  // namespace
}  // namespace portcullis::compile
