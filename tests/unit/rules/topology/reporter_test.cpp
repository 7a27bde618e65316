#include "rules/topology/reporter.h"

#include <gtest/gtest.h>

#include <array>

namespace portcullis::topology {
namespace {

TEST(Reporter, OrdersByPlaceAndDropsRepetitions) {
    Reporter errors;
    EXPECT_TRUE(errors.empty());
    errors.add({3, 1}, "c", "");
    errors.add({2, 9}, "b", "mend b");
    errors.add({2, 9}, "b2", "");
    errors.add({2, 9}, "b", "mend b");
    errors.add({2, 1}, "a", "");
    errors.add({}, "whole file", "");
    const auto found = errors.take("t.yaml");
    ASSERT_EQ(found.size(), 5U);
    EXPECT_EQ(found[0].to_string(), "t.yaml: whole file");
    EXPECT_EQ(found[1].to_string(), "t.yaml:2:1: a");
    EXPECT_EQ(found[2].to_string(), "t.yaml:2:9: b (mend b)");
    EXPECT_EQ(found[3].message, "b2");
    EXPECT_EQ(found[4].message, "c");
}

TEST(Reporter, EndsSomewhere) {
    Reporter errors;
    for (int i = 1; i < 5000; ++i) errors.add({i, 1}, "wrong", "mend");
    EXPECT_TRUE(errors.full());
    const auto found = errors.take("t.yaml");
    ASSERT_EQ(found.size(), Reporter::kMost + 1);
    EXPECT_EQ(found.back().message, "there are more errors than these");
}

TEST(Reporter, QuoteMakesAnythingPrintable) {
    EXPECT_EQ(quote("plain"), "`plain`");
    EXPECT_EQ(quote(""), "``");
    EXPECT_EQ(quote("a\nb\x1b"), "`a\\x0ab\\x1b`");
    EXPECT_EQ(quote(std::string_view("\0", 1)), "`\\x00`");
    EXPECT_EQ(quote("caf\xc3\xa9 \xff"), "`caf\xc3\xa9 \\xff`");
    EXPECT_EQ(quote("\xc2\x9b"), "`\\xc2\\x9b`");  // U+009B is a terminal's CSI
    const auto longest = quote(std::string(100000, 'x'));
    EXPECT_LT(longest.size(), 80U);
    EXPECT_TRUE(longest.ends_with("x...`"));
}

TEST(Reporter, NearestCountsEdits) {
    constexpr std::array<std::string_view, 4> kWords = {"device", "vlan", "addresses", "gateway"};
    EXPECT_EQ(nearest("adresses", kWords), "addresses");
    EXPECT_EQ(nearest("gatway", kWords), "gateway");
    EXPECT_EQ(nearest("valn", kWords), "vlan");
    EXPECT_EQ(nearest("devise", kWords), "device");
    EXPECT_EQ(nearest("", kWords), "vlan");
    EXPECT_EQ(nearest(std::string(10000, 'a'), kWords).empty(), false);
    constexpr std::array<std::string_view, 2> kSwap = {"av-udp-idle", "av-tcp-idle"};
    EXPECT_EQ(nearest("av-upd-idle", kSwap), "av-udp-idle");
}

TEST(Reporter, Alternatives) {
    constexpr std::array<std::string_view, 3> kWords = {"a", "b", "c"};
    EXPECT_EQ(alternatives(kWords), "a, b or c");
    EXPECT_EQ(alternatives(std::span(kWords).first(2)), "a or b");
    EXPECT_EQ(alternatives(std::span(kWords).first(1)), "a");
}

}  // namespace
}  // namespace portcullis::topology
