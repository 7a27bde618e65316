#include "control/history.h"

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

HistoryEntry entry(const std::string& name) {
    return {1, "push", 1000, 42, name, policy::to_string(hash_of(name)), Outcome::under_way, ""};
}

class HistoryTest : public ::testing::Test {
  protected:
    std::filesystem::path file() const { return directory_.path() / "history.json"; }
    TemporaryDirectory directory_;
};

TEST_F(HistoryTest, SurvivesARestart) {
    {
        History history(file());
        ASSERT_TRUE(history.add(entry("a")));
        ASSERT_TRUE(history.settle(hash_of("a"), Outcome::refused, "because"));
    }
    const History history(file());
    EXPECT_EQ(history.warning(), "");
    ASSERT_EQ(history.entries().size(), 1U);
    const auto& read = history.entries()[0];
    EXPECT_EQ(read.unix_ms, 1);
    EXPECT_EQ(read.action, "push");
    EXPECT_EQ(read.uid, 1000);
    EXPECT_EQ(read.pid, 42);
    EXPECT_EQ(read.name, "a");
    EXPECT_EQ(read.outcome, Outcome::refused);
    EXPECT_EQ(read.text, "because");
    EXPECT_EQ(history.hashes(), std::vector{hash_of("a")});
}

TEST_F(HistoryTest, SettlesTheLastOpenPushOfAPolicy) {
    History history(file());
    ASSERT_TRUE(history.add(entry("a")));
    ASSERT_TRUE(history.settle(hash_of("a"), Outcome::failed, ""));
    ASSERT_TRUE(history.add(entry("a")));
    ASSERT_TRUE(history.settle(hash_of("a"), Outcome::unconfirmed, ""));
    ASSERT_NE(history.open(hash_of("a")), nullptr);
    ASSERT_TRUE(history.settle(hash_of("a"), Outcome::confirmed, ""));
    EXPECT_EQ(history.open(hash_of("a")), nullptr);
    ASSERT_TRUE(history.settle(hash_of("a"), Outcome::rolled_back, ""));  // nothing is open
    EXPECT_EQ(history.entries()[0].outcome, Outcome::failed);
    EXPECT_EQ(history.entries()[1].outcome, Outcome::confirmed);
}

TEST_F(HistoryTest, ADamagedFileIsReportedAndStartsAnew) {
    for (const std::string text :
         {"", "{", "{}", "[1]", "[{\"unix_ms\":\"x\"}]", "[{\"outcome\":\"loaded\"}]"}) {
        ASSERT_TRUE(write_file(file(), text));
        History history(file());
        EXPECT_NE(history.warning(), "") << text;
        EXPECT_TRUE(history.entries().empty());
        EXPECT_TRUE(history.add(entry("a")));
    }
}

}  // namespace
}  // namespace portcullis::control::testing
