#include "rules/topology/yaml.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace portcullis::topology {
namespace {

// The first complaint, "" where there is a tree without any.
std::string complaint(const std::string& text) {
    Reporter errors;
    const auto tree = parse_yaml(text, errors);
    const auto found = errors.take("t");
    if (found.empty()) {
        EXPECT_TRUE(tree.has_value());
        return "";
    }
    return found.front().message;
}

std::string nested_lists(unsigned depth) {
    return "a: " + std::string(depth, '[') + std::string(depth, ']') + "\n";
}

TEST(Yaml, KeepsPlacesAndOrder) {
    Reporter errors;
    const auto tree = parse_yaml("b: {x: 1, \"y\": 'on'}\na:\n  - [p, ~]\n", errors);
    ASSERT_TRUE(tree.has_value() && errors.empty());
    const auto& root = *tree->root;
    ASSERT_EQ(root.kind, TreeNode::Kind::map);
    ASSERT_EQ(root.entries.size(), 2U);
    EXPECT_EQ(root.entries[0].key, "b");
    const auto& b = *root.entries[0].value;
    ASSERT_EQ(b.entries.size(), 2U);
    EXPECT_EQ(b.entries[0].value->text, "1");
    EXPECT_FALSE(b.entries[0].value->quoted);
    EXPECT_TRUE(b.entries[1].value->quoted);
    EXPECT_EQ(b.entries[1].where.line, 1);
    EXPECT_EQ(b.entries[1].where.column, 11);
    const auto& list = *root.entries[1].value->items.at(0);
    EXPECT_EQ(list.where.line, 3);
    EXPECT_EQ(list.where.column, 5);
    EXPECT_EQ(list.items.at(1)->kind, TreeNode::Kind::empty);
    EXPECT_EQ(root.height, 4U);
    EXPECT_EQ(root.size, 8U);
}

TEST(Yaml, DuplicateKeysAreReportedAndTheFirstIsKept) {
    Reporter errors;
    const auto tree = parse_yaml("a: 1\nb: 2\na: {c: 3, c: 4}\n", errors);
    ASSERT_TRUE(tree.has_value());
    ASSERT_EQ(tree->root->entries.size(), 2U);
    EXPECT_EQ(tree->root->entries[0].value->text, "1");
    const auto found = errors.take("t");
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].where.line, 3);
    EXPECT_EQ(found[1].where.column, 11);
}

TEST(Yaml, Depth) {
    EXPECT_EQ(complaint(nested_lists(kDeepest - 1)), "");  // the map around them counts
    EXPECT_EQ(complaint(nested_lists(kDeepest)), "values are nested deeper than 32 levels");
    EXPECT_EQ(complaint(nested_lists(500000)), "values are nested deeper than 32 levels");
    std::string dashes = "a:\n";
    for (int i = 0; i < 200000; ++i) dashes += "- ";
    EXPECT_EQ(complaint(dashes), "values are nested deeper than 32 levels");
    // Depth that only aliases make.
    const std::string half = std::string(20, '[') + std::string(20, ']');
    const std::string deep = std::string(20, '[') + "*x" + std::string(20, ']');
    EXPECT_EQ(complaint("a: &x " + half + "\nb: *x\n"), "");
    EXPECT_EQ(complaint("a: &x " + half + "\nb: " + deep + "\n"),
              "values are nested deeper than 32 levels");
}

TEST(Yaml, Aliases) {
    Reporter errors;
    const auto tree = parse_yaml("a: &x {k: v}\nb: [*x, *x]\n", errors);
    ASSERT_TRUE(tree.has_value() && errors.empty());
    EXPECT_EQ(tree->root->entries[1].value->items.at(1)->entries.at(0).value->text, "v");
    EXPECT_EQ(tree->root->aliases, 2U);

    const auto many = [](unsigned count) {
        std::string text = "a: &x v\nb: [";
        for (unsigned i = 0; i < count; ++i) text += "*x,";
        return text + "]\n";
    };
    EXPECT_EQ(complaint(many(kMostAliases)), "");
    EXPECT_TRUE(complaint(many(kMostAliases + 1)).starts_with("too many aliases"));
    EXPECT_EQ(complaint("a: &x [*x]\n"), "an alias stands inside the value that it names");
    EXPECT_EQ(complaint("&x a: 1\n*x : 2\n"), "a key is a word, not a list, a map or an alias");
    EXPECT_TRUE(complaint("a: *nobody\n").starts_with("this is not YAML"));
}

TEST(Yaml, BillionLaughsAreRefusedFast) {
    std::string text = "l0: &l0 lol\n";
    for (int i = 1; i < 30; ++i) {
        const auto before = "*l" + std::to_string(i - 1);
        text += "l" + std::to_string(i) + ": &l" + std::to_string(i) + " [" + before;
        for (int j = 0; j < 9; ++j) text += ", " + before;
        text += "]\n";
    }
    // One large value, aliased: few aliases, many values.
    std::string wide = "a: &x [";
    for (int i = 0; i < 5000; ++i) wide += "1,";
    wide += "]\nb: [*x, *x, *x]\n";
    const auto start = std::clock();
    EXPECT_TRUE(complaint(text).starts_with("too many aliases"));
    EXPECT_TRUE(complaint(wide).starts_with("too many aliases"));
    EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

TEST(Yaml, Size) {
    const std::string fits = "a: " + std::string(kLargestFile - 4, 'x') + "\n";
    EXPECT_EQ(complaint(fits), "");
    EXPECT_EQ(complaint(fits + "\n"), "the file is larger than 4 MiB");
}

TEST(Yaml, OtherEncodingsAreRefused) {
    const std::string not_utf8 = "the file is not UTF-8 text from here on";
    EXPECT_EQ(complaint("\xff\xfe"
                        "a\0:\0"),
              not_utf8);
    EXPECT_EQ(complaint("a: \xed\xa0\x80\n"), not_utf8);
    EXPECT_EQ(complaint(std::string("a: b\0\n", 6)), "a control character: `\\x00`");
    EXPECT_EQ(complaint("\xef\xbb\xbf"
                        "a: b\n"),
              "");  // a byte order mark does no harm
}

TEST(Yaml, LargeOddFilesEndInTime) {
    const auto start = std::clock();
    for (const std::string piece :
         {"[",   "{",    "- ",   "? ",  ": ", "\"",    "'",     "&a ",
          "*a ", "! ",   "a: ",  "# ",  "\n", "- a\n", "a\n",   "%",
          "|\n", "\"\\", "{a: ", "[a,", ",",  "a:\n",  "---\n", "a: b\n"}) {
        std::string text;
        while (text.size() + piece.size() <= kLargestFile) text += piece;
        complaint(text);
    }
    EXPECT_LT(std::clock() - start, 60 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace portcullis::topology
