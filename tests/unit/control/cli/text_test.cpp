// Small text helpers of the command line: tables, wrapping, the nearest name.
#include <gtest/gtest.h>

#include <sstream>

#include "control/cli/nearest.h"
#include "control/cli/table.h"

namespace portcullis::control::cli {
namespace {

using Lines = std::vector<std::string>;

TEST(Wrap, BreaksAtSpacesAndNewlinesElseAnywhere) {
    EXPECT_EQ(wrap("", 10), Lines{});
    EXPECT_EQ(wrap("one two three", 7), (Lines{"one two", "three"}));
    EXPECT_EQ(wrap("one\ntwo", 20), (Lines{"one", "two"}));
    EXPECT_EQ(wrap("abcdefghij k", 4), (Lines{"abcd", "efgh", "ij k"}));
    EXPECT_EQ(wrap("row.01/ipv4/from-x", 12), (Lines{"row.01/ipv4/", "from-x"}));
    EXPECT_EQ(wrap("/abcdef", 4), (Lines{"/abc", "def"}));
    EXPECT_EQ(wrap("größer größer", 6), (Lines{"größer", "größer"}));
    EXPECT_EQ(wrap("ääääää", 3), (Lines{"äää", "äää"}));
}

TEST(Table, WrapsInsideItsColumns) {
    const Table table({{"a", 4}, {"b", 3}}, 2);
    std::ostringstream out;
    table.print_titles(out);
    table.print_row({"x y zz", "1\n22\n333"}, out);
    EXPECT_EQ(out.str(),
              "  a     b\n"
              "  x y   1\n"
              "  zz    22\n"
              "        333\n");
}

TEST(Nearest, FindsTheMisspeltName) {
    const std::vector<std::string_view> names = {"check", "rules", "trace", "diff"};
    EXPECT_EQ(nearest("chek", names), "check");
    EXPECT_EQ(nearest("traec", names), "trace");
    EXPECT_EQ(nearest("rule", names), "rules");
    EXPECT_EQ(nearest("banana", names), std::nullopt);
    EXPECT_EQ(nearest("", names), std::nullopt);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

}  // namespace
}  // namespace portcullis::control::cli
