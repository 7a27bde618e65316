#include "rules/inspect/violation.h"

#include <gtest/gtest.h>

#include <set>

namespace portcullis::inspect {
namespace {

TEST(Violation, EachHasAWordOfItsOwnAndASentence) {
    std::set<std::string_view> words;
    for (unsigned i = 0; i < kViolationCount; ++i) {
        const auto violation = static_cast<Violation>(i);
        EXPECT_TRUE(words.insert(to_string(violation)).second) << to_string(violation);
        EXPECT_GT(explain(violation, 1).size(), to_string(violation).size());
        EXPECT_EQ(parse_violation(to_string(violation)), violation);
    }
    EXPECT_EQ(to_string(Violation::wrong_protocol), "wrong-protocol");
    EXPECT_EQ(to_string(Violation::no_room), "no-room");
    EXPECT_FALSE(parse_violation("no-rule"));
}

TEST(Violation, SentencesOfLimitsHaveTheirNumber) {
    Limits limits;
    limits.deadline = 25'000;
    limits.per_source = 7;
    EXPECT_EQ(explain(Violation::too_slow, limits),
              "undecided for more than 25 s (inspect-seconds), or others needed its buffer");
    EXPECT_EQ(explain(Violation::source_quota, limits),
              "this source has 7 undecided sessions already (inspect-per-source)");
    for (unsigned i = 0; i < kViolationCount; ++i) {
        const auto violation = static_cast<Violation>(i);
        const std::string sentence = explain(violation, 4711);
        EXPECT_EQ(sentence.find('#'), std::string::npos) << sentence;
        EXPECT_EQ(sentence.find("4711") != std::string::npos, limit_of(violation, {}) != 0)
            << sentence;
    }
}

// Whoever reads a sentence must find its setting.
TEST(Violation, SentencesNameSettingsThatThereAre) {
    std::set<std::string> settings, named;
#define X(member, key, unit, least, most) settings.insert(key);
    PORTCULLIS_INSPECT_SETTINGS(X)
#undef X
    const std::string kBegins = "inspect-";
    for (unsigned i = 0; i < kViolationCount; ++i) {
        const std::string sentence = explain(static_cast<Violation>(i), 1);
        for (auto at = sentence.find(kBegins); at != std::string::npos;
             at = sentence.find(kBegins, at + 1))
            named.insert(sentence.substr(at, sentence.find_first_of(",)", at) - at));
    }
    EXPECT_GE(named.size(), 6U);
    for (const std::string& key : named) EXPECT_TRUE(settings.contains(key)) << key;
}

}  // namespace
}  // namespace portcullis::inspect
