#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rules/signatures/compile.h"
#include "tests/unit/rules/signatures/scanner.h"

namespace portcullis::signatures {
namespace {

using Patterns = std::vector<std::string>;

CustomError refused(const Patterns& patterns) {
    const auto result = compile_custom("billing", patterns);
    EXPECT_FALSE(result);
    return result ? CustomError{} : result.error();
}

TEST(Custom, CompilesPatternsWithoutTwins) {
    const auto database = compile_custom(
        "billing", Patterns{"^\\x01BILL[0-9]{4}", "\\A(?:a|b){2,9}c|^d.{0,64}\\r\\n"});
    ASSERT_TRUE(database) << database.error().message;
    EXPECT_EQ(database->protocol, policy::ProtocolClass::custom);
    EXPECT_EQ(database->name, "billing");
    EXPECT_FALSE(database->twins);
    EXPECT_EQ(database->width, 67U);
    const Scanner scanner(*database);
    EXPECT_EQ(scanner.ids("\001BILL0042 and more"), (std::set{0U}));
    EXPECT_EQ(scanner.ids("abac"), (std::set{2U}));
    EXPECT_EQ(scanner.ids("d\n\r\n"), (std::set{2U}));
    EXPECT_EQ(scanner.ids("x\001BILL0042"), (std::set<unsigned>{}));
    EXPECT_EQ(scanner.ids("\nd\r\n"), (std::set<unsigned>{}));
    EXPECT_EQ(scanner.ids("\001BILL"), (std::set<unsigned>{}));
}

TEST(Custom, WantsAnAnchorInEachAlternative) {
    const CustomError error = refused({"^ok", "^one|two"});
    EXPECT_EQ(error.pattern, 1U);
    EXPECT_EQ(error.message, "pattern '^one|two' has an alternative without an anchor");
    EXPECT_EQ(error.hint, "begin each one with ^, as in ^one|^two or ^(?:one|two)");
    for (const auto* text :
         {"one", "(^one)", "(?:^one|two)", "|^one", "^one|", "a^b", "\\^one", ".^a"})
        EXPECT_EQ(refused({text}).message,
                  "pattern '" + std::string(text) + "' has an alternative without an anchor");
    for (const auto* text : {"^?a", "^*a", "^{0,1}a", "\\A?a", "^+a"})
        EXPECT_EQ(refused({text}).message, "pattern '" + std::string(text) + "' repeats an anchor");
    // These bars separate nothing.
    EXPECT_TRUE(compile_custom("c", Patterns{"^[|]", "^\\|b", "^(a|b)", "^(?:a|(?:b|c))d"}));
}

TEST(Custom, WantsABoundedWidth) {
    EXPECT_EQ(refused({"^a.*b"}).message, "pattern '^a.*b' has no bound to its length");
    EXPECT_EQ(refused({"^a.*b"}).hint, "replace *, + and {n,} by bounds, as in .{0,64}");
    EXPECT_EQ(refused({"^a+"}).message, "pattern '^a+' has no bound to its length");
    EXPECT_EQ(refused({"^a.{7,}"}).message, "pattern '^a.{7,}' has no bound to its length");
    EXPECT_EQ(refused({"^.{1,5000}x"}).message,
              "pattern '^.{1,5000}x' looks at up to 5001 bytes, 4096 are kept");
    EXPECT_EQ(compile_custom("c", Patterns{"^.{1,4095}x"}).value().width, kMaxPatternWidth);
    EXPECT_EQ(refused({"^.{1,4096}x"}).pattern, 0U);
}

TEST(Custom, WantsSomethingToMatch) {
    EXPECT_EQ(refused({"^a?"}).message, "pattern '^a?' matches anything, even nothing");
    EXPECT_EQ(refused({"^"}).message, "pattern '^' matches anything, even nothing");
    EXPECT_EQ(refused({"^abc$"}).message, "pattern '^abc$' asks where the data ends");
    EXPECT_EQ(refused({""}).message, "pattern '' is empty");
}

TEST(Custom, HasLimits) {
    EXPECT_TRUE(compile_custom("c", Patterns{"^" + std::string(kMaxPatternCharacters - 1, 'a')}));
    const auto error = refused({"^" + std::string(kMaxPatternCharacters, 'a')});
    EXPECT_EQ(error.message,
              "pattern '^" + std::string(59, 'a') + "...' has 513 characters, 512 are allowed");
    EXPECT_EQ(error.hint, "make several patterns of it; any one of them has to match");
    EXPECT_EQ(refused({}).message, "there is no pattern");
    EXPECT_EQ(refused({}).pattern, CustomError::kAllOfThem);
    EXPECT_TRUE(compile_custom("c", Patterns(kMaxCustomPatterns, "^a")));
    EXPECT_EQ(refused(Patterns(kMaxCustomPatterns + 1, "^a")).message,
              "there are 33 patterns, 32 are allowed");
}

// What Hyperscan could read differently than our own reading of it.
TEST(Custom, RefusesWhatCouldHideAnAlternative) {
    for (const auto* text :
         {"(?m)^a",         "^(?i)a",    "^(?i:a)",     "^(?#|)a",  "^(?x)a#(\n|b", "^(?=a)b",
          "^(?<n>a)",       "(*UTF8)^a", "^(*ACCEPT)a", "^\\Qa\\E", "^\\Q|b",       "^\\c(a|b",
          "^[[:alpha:]|b]", "^[]|a]",    "^[^]|a]",     "^[a",      "^(a",          "^a)",
          "^a)|(b",         "^\\",       "^\\x4",       "^\\x{41}", "^\\p{L}",      "^\\bA",
          "^a\\z",          "^a\\Z",     "^(a)\\1",     "^\\012",   "^\\g1",        "^\\N",
          "^a\\K",          "^[\\b]",    "^\xc3\xa4",   "^a\n"}) {
        const auto error = refused({text});
        EXPECT_EQ(error.pattern, 0U) << text;
        EXPECT_FALSE(error.hint.empty()) << text;
        EXPECT_EQ(error.message.find("Hyperscan"), std::string::npos) << error.message;
    }
    EXPECT_FALSE(compile_custom("c", Patterns{std::string("^a\0b", 4)}));
}

TEST(Custom, PassesOnWhatHyperscanSays) {
    const auto error = refused({"^a", "^a{3,2}"});
    EXPECT_EQ(error.pattern, 1U);
    EXPECT_EQ(error.message.find("pattern '^a{3,2}' is refused by Hyperscan: "), 0U)
        << error.message;
}

TEST(Custom, IsCheckedByReadingFirst) {
    EXPECT_TRUE(check_custom(Patterns{"^a.*b"})) << "only Hyperscan knows its width";
    EXPECT_FALSE(check_custom(Patterns{"a"}));
    DirectPatternCompiler direct;
    EXPECT_EQ(direct.compile("c", Patterns{"a"}).error(), check_custom(Patterns{"a"}).error());
}

}  // namespace
}  // namespace portcullis::signatures
