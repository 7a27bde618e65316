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
        EXPECT_GT(explain(violation).size(), to_string(violation).size());
    }
    EXPECT_EQ(to_string(Violation::wrong_protocol), "wrong-protocol");
    EXPECT_EQ(to_string(Violation::no_room), "no-room");
}

}  // namespace
}  // namespace portcullis::inspect
