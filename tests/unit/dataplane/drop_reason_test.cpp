#include "dataplane/drop_reason.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace portcullis::dataplane {
namespace {

TEST(DropReason, NamesAreUniqueAndReadable) {
    std::set<std::string_view> names;
    for (unsigned i = 0; i < kDropReasonCount; ++i) {
        const auto reason = static_cast<DropReason>(i);
        EXPECT_TRUE(names.insert(to_string(reason)).second) << to_string(reason);
        EXPECT_EQ(to_string(reason).find('_'), std::string_view::npos) << to_string(reason);
        EXPECT_FALSE(explain(reason).empty());
    }
    EXPECT_EQ(to_string(DropReason::no_rule), "no-rule");
}

}  // namespace
}  // namespace portcullis::dataplane
