#include "control/deny_log.h"

#include <gtest/gtest.h>

#include "rules/policy/match.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/hand_made_policy.h"

namespace portcullis::control {
namespace {

peer::DenyRecord deny(const char* reason) {
    peer::DenyRecord record;
    record.source = policy::IpAddress::parse("198.51.100.7")->bytes();
    record.destination = policy::IpAddress::parse("2001:db8::5")->bytes();
    record.source_port = 51000;
    record.destination_port = 443;
    record.protocol = 6;
    record.interface = 0;
    record.rule = policy::kNoRule;
    record.reason = test::text<32>(reason);
    return record;
}

class DenyLogTest : public ::testing::Test {
  protected:
    DenyLogTest() {
        auto policy = test::small_policy();
        policy.interfaces[0].name = "outside";
        policy.rules[0].id = "site.guests";
        policy.rules[0].reason = "guests stay outside";
        policy_ = std::make_shared<const policy::Policy>(std::move(policy));
    }
    std::vector<std::string> lines_;
    PolicyPtr policy_;
    DenyLog log_{3, [this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(DenyLogTest, SaysWhoWhereWhyInOneLine) {
    log_.take({deny("no-rule")}, policy_);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_EQ(
        lines_[0],
        "denied tcp 198.51.100.7:51000 -> [2001:db8::5]:443 in=outside reason=no-rule rule=-: " +
            std::string(policy::explain(policy::DenyReason::no_rule)));
}

TEST_F(DenyLogTest, ASiteRuleGivesItsOwnReason) {
    auto record = deny("site-rule");
    record.rule = 0;
    log_.take({record}, policy_);
    EXPECT_NE(lines_.at(0).find("rule=site.guests: guests stay outside"), std::string::npos);
}

TEST_F(DenyLogTest, ASessionOfAnotherProtocolIsLoggedWithItsFirstBytes) {
    auto record = deny("wrong-protocol");
    record.rule = 0;
    record.service = test::text<80>("access-443");
    record.first_bytes = {'S', 'S', 'H', '-', '2', '.', '0', 0xff};
    record.first_count = 8;
    log_.take({record}, policy_);
    EXPECT_EQ(lines_.at(0),
              "denied tcp 198.51.100.7:51000 -> [2001:db8::5]:443 in=outside reason=wrong-protocol "
              "rule=site.guests service=access-443 first-bytes=5353482d322e30ff: the first bytes "
              "are of another protocol");
    record.passed = 1;
    record.first_count = 0;
    log_.take({record}, policy_);
    EXPECT_EQ(lines_.at(1).substr(0, 12), "watched tcp ");
    EXPECT_NE(lines_.at(1).find("first-bytes=-: "), std::string::npos);

    const auto recent = log_.recent();
    EXPECT_EQ(recent[0]["service"], "access-443");
    EXPECT_EQ(recent[0]["first_bytes"], "5353482d322e30ff");
    EXPECT_EQ(recent[0]["dropped"], true);
    EXPECT_EQ(recent[1]["dropped"], false);
    log_.take({deny("no-rule")}, policy_);
    EXPECT_FALSE(log_.recent()[2].contains("service"));
    EXPECT_EQ(log_.recent()[2]["dropped"], true);
}

TEST_F(DenyLogTest, ALimitIsLoggedWithItsNumberAndItsSetting) {
    auto record = deny("source-quota");
    record.service = test::text<80>("access-443");
    record.limit = 128;
    log_.take({record}, policy_);
    EXPECT_NE(lines_.at(0).find(": this source has 128 undecided sessions already "
                                "(inspect-per-source)"),
              std::string::npos)
        << lines_.at(0);
}

TEST_F(DenyLogTest, WithoutThePolicyIndicesAreNotNamed) {
    auto record = deny("embryonic-limit");
    record.rule = 0;
    log_.take({record}, nullptr);
    EXPECT_NE(lines_.at(0).find("in=- reason=embryonic-limit rule=-"), std::string::npos);
}

TEST_F(DenyLogTest, WritesNoMoreThanItsLimitAndSaysHowManyMore) {
    auto record = deny("no-rule");
    record.suppressed = 10;
    log_.take({record, record, record, record, record}, policy_);
    ASSERT_EQ(lines_.size(), 4U);
    EXPECT_EQ(lines_[3], "denied 52 more, not logged one by one");
    EXPECT_EQ(log_.recent().size(), 5U);
    log_.take({}, policy_);
    EXPECT_EQ(lines_.size(), 4U);
}

TEST_F(DenyLogTest, KeepsTheLastOnes) {
    for (std::uint16_t port = 0; port < DenyLog::kKept + 10; ++port) {
        auto record = deny("no-rule");
        record.source_port = port;
        log_.take({record}, policy_);
    }
    const auto recent = log_.recent();
    ASSERT_EQ(recent.size(), DenyLog::kKept);
    EXPECT_EQ(recent.front()["sport"], 10);
}

}  // namespace
}  // namespace portcullis::control
