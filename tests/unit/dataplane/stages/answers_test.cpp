#include "dataplane/stages/answers.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using test::ip;

TEST(RateLimit, ATenthOfASecondAtOnceThenTheRate) {
    RateLimit limit;
    unsigned taken = 0;
    while (limit.take(100, 1)) ++taken;
    EXPECT_EQ(taken, 10U);
    // 100 a second is one in 10 ms.
    EXPECT_FALSE(limit.take(100, 10));
    EXPECT_TRUE(limit.take(100, 11));
    EXPECT_FALSE(limit.take(100, 11));
    taken = 0;
    for (Millis now = 12; now <= 10'012; ++now)
        while (limit.take(100, now)) ++taken;
    EXPECT_NEAR(taken, 1000, 2);
}

TEST(RateLimit, ZeroMeansNever) {
    RateLimit limit;
    EXPECT_FALSE(limit.take(0, 1));
    EXPECT_FALSE(limit.take(0, 1'000'000));
}

TEST(RateLimit, LowRatesStillAnswer) {
    RateLimit limit;
    EXPECT_TRUE(limit.take(1, 1));
    EXPECT_FALSE(limit.take(1, 1000));
    EXPECT_TRUE(limit.take(1, 1001));
}

TEST(Answers, WhatMustNotBeAnsweredCostsNothing) {
    auto answers = std::make_unique<Answers>();
    answers->start_burst(10, 1);  // one at once
    auto reset = test::make_tcp(ip("198.51.100.1"), ip("203.0.113.10"), 1000, 443, {1, 0, 0x04});
    answers->tcp_reset(reset.view());
    EXPECT_TRUE(answers->made().empty());
    EXPECT_EQ(answers->take_suppressed(), 0U);

    auto ack = test::make_tcp(ip("198.51.100.1"), ip("203.0.113.10"), 1000, 443, {1, 2, 0x10});
    answers->tcp_reset(ack.view());
    ASSERT_EQ(answers->made().size(), 1U);
    EXPECT_EQ(answers->made()[0].bytes, 40);
    answers->tcp_reset(ack.view());
    EXPECT_EQ(answers->made().size(), 1U);
    EXPECT_EQ(answers->take_suppressed(), 1U);
    EXPECT_EQ(answers->take_suppressed(), 0U);
}

TEST(Answers, ABurstHasRoomForSoMany) {
    auto answers = std::make_unique<Answers>();
    answers->start_burst(1'000'000, 1);
    auto packet = test::make_udp(ip("198.51.100.1"), ip("203.0.113.10"), 1000, 443, {1, 2, 3});
    for (unsigned i = 0; i < Answers::kCapacity + 3; ++i)
        answers->icmp_error(packet.view(), IcmpError::time_exceeded, 0, ip("192.0.2.1"));
    EXPECT_EQ(answers->made().size(), Answers::kCapacity);
    EXPECT_EQ(answers->take_suppressed(), 3U);
    answers->start_burst(1'000'000, 2);
    EXPECT_TRUE(answers->made().empty());
}

}  // namespace
}  // namespace portcullis::dataplane
