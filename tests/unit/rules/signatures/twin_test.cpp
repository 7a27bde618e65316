// Patterns and twins, compiled by Hyperscan, against the slow matcher, which derives no twin at all.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>

#include "rules/signatures/compile.h"
#include "rules/signatures/signatures.h"
#include "tests/unit/rules/signatures/scanner.h"
#include "tests/unit/rules/signatures/slow_matcher.h"

namespace portcullis::signatures {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string hex(const Bytes& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const auto byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

// Mostly beginnings, some of them damaged, some with more behind them, some short and wild.
Bytes draw(const SlowMatcher& matcher, std::mt19937& random, std::size_t width) {
    const auto roll = random() % 16;
    Bytes bytes;
    if (roll == 0) {
        bytes.resize(1 + random() % 4);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        return bytes;
    }
    bytes = matcher.draw(random, random() % 2 == 0 ? width : 1 + random() % width);
    if (roll < 5) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (roll < 7) bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size()));
    if (roll >= 7 && roll < 9) bytes.push_back(static_cast<std::uint8_t>(random()));
    if (bytes.empty()) bytes.push_back(static_cast<std::uint8_t>(random()));
    return bytes;
}

TEST(Twins, AgreeWithTheSlowMatcher) {
    std::mt19937 random(4);
    for (const auto& found : classes()) {
        const auto database = compile(found.protocol);
        ASSERT_TRUE(database) << database.error();
        const Scanner scanner(*database);
        std::vector<SlowMatcher> matchers;
        for (const auto& pattern : found.patterns) matchers.emplace_back(pattern.pattern);
        std::map<std::pair<bool, bool>, unsigned> seen;
        for (unsigned round = 0; round < 3000; ++round) {
            const auto n = random() % matchers.size();
            // Long ones are slow to follow, and the longest of them are all alike.
            const auto width =
                round % 50 == 0 ? found.patterns[n].width : std::min(found.patterns[n].width, 80U);
            const auto bytes = draw(matchers[n], random, width);
            const auto ids = scanner.ids(bytes);
            for (unsigned m = 0; m < matchers.size(); ++m) {
                const auto verdict = matchers[m].read(bytes);
                ASSERT_EQ(ids.contains(2 * m), verdict.matched)
                    << policy::to_string(found.protocol) << " pattern " << m << ": " << hex(bytes);
                ASSERT_EQ(ids.contains(2 * m + 1), verdict.begun)
                    << policy::to_string(found.protocol) << " twin " << m << ": " << hex(bytes);
                if (m == n) ++seen[{verdict.begun, verdict.matched}];
            }
        }
        // Each verdict was drawn: a beginning, neither, the whole alone, the whole and more.
        EXPECT_EQ(seen.size(), 4U) << policy::to_string(found.protocol);
    }
}

// Every beginning of every string that was drawn, one byte after the other.
TEST(Twins, StayViableUntilTheMatch) {
    std::mt19937 random(5);
    for (const auto& found : classes()) {
        const auto database = compile(found.protocol);
        ASSERT_TRUE(database) << database.error();
        const Scanner scanner(*database);
        for (unsigned n = 0; n < found.patterns.size(); ++n) {
            const SlowMatcher matcher(found.patterns[n].pattern);
            for (unsigned round = 0; round < 20; ++round) {
                const auto bytes = matcher.draw(random, std::min(found.patterns[n].width, 120U));
                for (std::size_t length = 1; length <= bytes.size(); ++length) {
                    const auto ids = scanner.ids(std::span(bytes).first(length));
                    ASSERT_TRUE(ids.contains(2 * n) || ids.contains(2 * n + 1))
                        << policy::to_string(found.protocol) << ' ' << n << ": " << hex(bytes);
                }
            }
        }
    }
}

TEST(SlowMatcher, KnowsWhatHasBegun) {
    const SlowMatcher matcher("^(?:ab|a[^c]{1,2})x?\\x01");
    const auto read = [&](std::string_view text) {
        return matcher.read(
            std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    };
    using Verdict = SlowMatcher::Verdict;
    EXPECT_EQ(read("a"), (Verdict{true, false}));
    EXPECT_EQ(read("ac"), (Verdict{false, false}));
    EXPECT_EQ(read("ab"), (Verdict{true, false}));
    EXPECT_EQ(read("abbx"), (Verdict{true, false}));
    EXPECT_EQ(read("abbxx"), (Verdict{false, false}));
    EXPECT_EQ(read("ab\x01"), (Verdict{true, true}));  // [^c] may be that byte as well
    EXPECT_EQ(read("abbx\x01"), (Verdict{true, true}));
    EXPECT_EQ(read("abbx\x01?"), (Verdict{false, true}));
}

}  // namespace
}  // namespace portcullis::signatures
