#include "dataplane/host/resolver.h"

#include "tests/unit/dataplane/host/fake_sink.h"

namespace portcullis::dataplane {
namespace {

struct ResolverTest : testing::Test {
    struct Asked {
        policy::IpAddress address;
        bool unicast = false;
    };
    std::vector<Asked> asked;
    NeighbourTable table{8};
    FakeSink sink;
    Resolver resolver{
        table, sink,
        [this](Attachment, const policy::IpAddress& a, const std::optional<MacAddress>& to) {
            asked.push_back({a, to.has_value()});
        }};
    void send(const policy::IpAddress& to, Millis now) {
        resolver.send(sink.make(std::array<std::uint8_t, 60>{}), kWan, to, now);
    }
    void run(Millis from, Millis to) {
        for (Millis t = from; t < to; t += 100) resolver.tick(t);
    }
    static policy::IpAddress host(std::uint32_t n) {
        return policy::IpAddress::from_v4(0xc0000200 + n);
    }
};

TEST_F(ResolverTest, ThreeRequestsThenThePacketsAreDropped) {
    send(host(9), 1000);
    send(host(9), 1000);
    run(1000, 3900);
    EXPECT_EQ(asked.size(), 3U);
    EXPECT_TRUE(sink.discarded.empty());
    run(3900, 4200);
    EXPECT_EQ(asked.size(), 3U);
    EXPECT_EQ(sink.discarded,
              (std::vector{DropReason::neighbour_failed, DropReason::neighbour_failed}));
    // While it is known to have failed, packets do not wait and nobody is asked.
    send(host(9), 4500);
    EXPECT_EQ(sink.discarded.size(), 3U);
    EXPECT_EQ(asked.size(), 3U);
    // Then it is forgotten, and the next packet asks anew.
    run(4500, 7500);
    EXPECT_EQ(resolver.size(), 0U);
    send(host(9), 7600);
    EXPECT_EQ(asked.size(), 4U);
}

TEST_F(ResolverTest, TheQueueIsBoundedAndTheNewestGivesWay) {
    for (std::size_t i = 0; i < Resolver::kQueuePerNeighbour + 3; ++i) send(host(9), 1000);
    EXPECT_EQ(resolver.waiting(), Resolver::kQueuePerNeighbour);
    EXPECT_EQ(sink.discarded, std::vector(3, DropReason::neighbour_queue_full));
    resolver.answered(kWan, host(9), kPeerMac, 1100);
    EXPECT_EQ(sink.sent.size(), Resolver::kQueuePerNeighbour);
    EXPECT_EQ(resolver.waiting(), 0U);
}

TEST_F(ResolverTest, AUsedNeighbourIsVerifiedAtItsOwnAddressAndKeepsWorkingMeanwhile) {
    send(host(9), 1000);
    resolver.answered(kWan, host(9), kPeerMac, 1100);
    run(1100, 61'200);
    EXPECT_EQ(asked.size(), 1U) << "stale, but nobody uses it";
    const NeighbourId id = table.find(kWan, host(9));
    EXPECT_EQ(table.state(id), NeighbourState::stale);
    EXPECT_EQ(table.resolve(id), kPeerMac);  // a worker sends
    run(61'200, 61'400);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_TRUE(asked[1].unicast);
    resolver.answered(kWan, host(9), kPeerMac, 61'500);
    EXPECT_EQ(table.state(id), NeighbourState::reachable);
    // And one that has gone fails after three tries.
    run(61'500, 121'700);
    EXPECT_EQ(table.resolve(id), kPeerMac);
    run(121'700, 126'000);
    EXPECT_EQ(asked.size(), 5U);
    EXPECT_EQ(table.resolve(id), std::nullopt);
}

TEST_F(ResolverTest, AnUnusedNeighbourIsForgotten) {
    send(host(9), 1000);
    resolver.answered(kWan, host(9), kPeerMac, 1100);
    run(1100, 1000 + Resolver::kReachable + Resolver::kForget);
    EXPECT_EQ(resolver.size(), 0U);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(asked.size(), 1U);
}

TEST_F(ResolverTest, WhatIsOverheardWakesAFailedNeighbourButOnlyItsAnswerCounts) {
    send(host(9), 1000);
    run(1000, 4200);
    ASSERT_EQ(sink.discarded.size(), 1U);
    resolver.overheard(kWan, host(9), kPeerMac, 4300);
    EXPECT_EQ(asked.size(), 4U);
    const NeighbourId id = table.find(kWan, host(9));
    EXPECT_EQ(table.resolve(id), std::nullopt);
    resolver.answered(kWan, host(9), kPeerMac, 4400);
    EXPECT_EQ(table.resolve(id), kPeerMac);
}

TEST_F(ResolverTest, AFullTableGivesUpWhatIsLeastUseful) {
    for (std::uint32_t n = 1; n <= 8; ++n) send(host(n), 1000 + n);
    send(host(20), 1100);
    EXPECT_EQ(sink.discarded, std::vector(1, DropReason::neighbour_table_full))
        << "all eight are being asked";
    for (std::uint32_t n = 2; n <= 8; ++n) resolver.answered(kWan, host(n), kPeerMac, 1200);
    run(1200, 5000);  // host 1 fails, and gives way
    sink.discarded.clear();
    send(host(20), 5000);
    EXPECT_TRUE(sink.discarded.empty());
    EXPECT_EQ(table.find(kWan, host(1)), kNoNeighbour);
    EXPECT_EQ(resolver.size(), 8U);
}

TEST_F(ResolverTest, PrunedNeighboursTakeTheirPacketsAlong) {
    send(host(1), 1000);
    send(host(2), 1000);
    resolver.prune([](Attachment, const policy::IpAddress& a) { return a == host(2); });
    EXPECT_EQ(sink.discarded.size(), 1U);
    EXPECT_EQ(resolver.waiting(), 1U);
    EXPECT_EQ(table.size(), 1U);
}

// Every packet given to the resolver is sent or dropped exactly once, whatever happens in between.
TEST_F(ResolverTest, NoPacketIsLostOrSentTwice) {
    std::mt19937 random(3);
    std::size_t given = 0;
    Millis now = 1000;
    for (int round = 0; round < 200'000; ++round) {
        now += random() % 400;
        const policy::IpAddress address = host(static_cast<std::uint32_t>(random() % 14));
        switch (random() % 6) {
            case 0:
            case 1:
            case 2:
                ++given;
                send(address, now);
                break;
            case 3:
                resolver.answered(kWan, address, random() % 2 ? kPeerMac : kOtherMac, now);
                break;
            case 4:
                resolver.overheard(kWan, address, kOtherMac, now);
                break;
            case 5:
                resolver.tick(now);
                break;
        }
        if (round % 5000 == 0)
            resolver.prune([&](Attachment, const policy::IpAddress&) { return random() % 2 == 0; });
        ASSERT_EQ(given, sink.sent.size() + sink.discarded.size() + resolver.waiting());
        ASSERT_EQ(table.size(), resolver.size());
        ASSERT_EQ(sink.alive.size(), resolver.waiting());
    }
    EXPECT_GT(sink.sent.size(), 1000U);
    EXPECT_GT(sink.discarded.size(), 1000U);
}

}  // namespace
}  // namespace portcullis::dataplane
