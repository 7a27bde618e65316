// The worker around the pipeline: rings that are full, the counting identity, main's frames and
// commands, and real threads.
#include "dataplane/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "dataplane/owner.h"
#include "dataplane/session_listing.h"
#include "tests/eal/worker_rig.h"

namespace portcullis::dataplane::test {
namespace {

const IpAddress kAvVip = ip("203.0.113.30");

RigOptions settled(unsigned workers = 1) {
    RigOptions options;
    options.workers = workers;
    options.already_running = 200'000;
    return options;
}

IpAddress client(unsigned i) {
    return IpAddress::from_v4(0xc6336400 + i);  // 198.51.100.0 and on
}
TestPacket stun(unsigned client_number) {
    return make_udp(client(client_number), kAvVip, 40000, 3478, {1, 2, 3});
}

TEST(Worker, APoolWithoutRoomForNotesIsRefused) {
    Rig rig;
    rte_mempool* bare = rte_pktmbuf_pool_create("bare", 63, 0, 0, 2176, SOCKET_ID_ANY);
    ASSERT_NE(bare, nullptr);
    WorkerConfig config;
    config.devices.resize(1);
    config.pool = bare;
    config.switchboard = &rig.switchboard();
    const auto worker = Worker::create(config);
    ASSERT_FALSE(worker);
    EXPECT_NE(worker.error().find("kMbufPrivateBytes"), std::string::npos);
    config.devices.resize(kMaxDevices + 1);
    EXPECT_FALSE(Worker::create(config));
    config.devices.resize(2);  // both say that they are device 0
    EXPECT_FALSE(Worker::create(config));
    rte_mempool_free(bare);
}

TEST(Worker, FullRingsAreCountedDrops) {
    RigOptions options = settled(2);
    options.ring_size = 8;  // holds 7
    options.tx_ring_size = 16;
    Rig rig(options);
    rig.publish(::portcullis::test::small_policy());

    // All to worker 0's queue, all owned by worker 1, and only worker 0 polls.
    unsigned sent = 0;
    for (unsigned i = 0; sent < 20; ++i) {
        const TestPacket packet = stun(i);
        if (owner_of(rig.runtime(), key_of(packet, 0), 2) != 1) continue;
        rig.from_wan(packet, 0);
        ++sent;
    }
    rig.worker(0).poll();
    EXPECT_EQ(rig.drops(), "handover-full 13");
    rig.expect_identity();
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 7U);

    for (unsigned i = 0; i < 20; ++i)
        rig.send(kWan, ethernet(kBroadcastMac, kGatewayMac, 0, 0x0806,
                                arp(1, kGatewayMac, ip("192.0.2.254"), ip("192.0.2.1"))));
    rig.pump();
    EXPECT_EQ(rig.dropped(DropReason::punt_full), 13U);
    rig.expect_identity();
    EXPECT_EQ(rig.punted().size(), 7U);

    for (unsigned i = 0; i < 40; ++i)
        rig.from_dmz(make_tcp(ip("203.0.113.11"), client(1), static_cast<std::uint16_t>(1000 + i),
                              80, {1, 0, 0x02}),
                     owner_of(rig.runtime(), key_of(stun(1), 0), 2));
    rig.pump();
    EXPECT_EQ(rig.dropped(DropReason::tx_full), 40U - 15U);
    EXPECT_EQ(rig.sent(kWan).size(), 15U);
    rig.expect_identity();
}

TEST(Worker, FramesOfMainLeaveAsTheyAre) {
    Rig rig(settled(2));
    const Bytes frame = ethernet(kBroadcastMac, kDmzMac, kDmzVlan, 0x0806,
                                 arp(1, kDmzMac, ip("203.0.113.1"), ip("203.0.113.11")));
    rig.main().originated.add();
    EXPECT_TRUE(rig.switchboard().transmit(rig.make(frame), {kDmz, kDmzVlan}, rig.main()));
    rig.expect_identity();
    rig.pump();  // even without a policy
    const auto sent = rig.sent(kDmz);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].frame, frame);
    rig.expect_identity();
}

TEST(Worker, WhatIsQueuedAtTheEndIsCounted) {
    Rig rig(settled(2));
    rig.publish(::portcullis::test::small_policy());
    for (unsigned i = 0; i < 30; ++i) rig.from_wan(stun(i), 0);
    rig.worker(0).poll();
    const std::uint64_t queued = rig.total(&Counters::handed_out);
    ASSERT_GT(queued, 0U);
    rig.switchboard().drain(rig.main());
    EXPECT_EQ(rig.dropped(DropReason::shutdown), queued);
    rig.expect_identity();
    rig.sent(kDmz);
}

// Anything at all on any queue: each frame lands in exactly one count, and nothing is lost or
// leaked (the rig checks the pool).
TEST(Worker, TheIdentityHoldsForGarbage) {
    std::mt19937_64 random(11);
    for (const unsigned workers : {1U, 2U, 4U}) {
        Rig rig(settled(workers));
        rig.publish(::portcullis::test::small_policy());
        std::uint64_t fed = 0;
        for (unsigned round = 0; round < 400; ++round) {
            for (unsigned i = 0; i < 100; ++i) {
                const auto who = static_cast<unsigned>(random() % 50);
                const auto port = static_cast<std::uint16_t>(1 + random() % 60000);
                TestPacket packet = stun(who);
                switch (random() % 6) {
                    case 0:
                        packet = make_tcp(client(who), ip("203.0.113.10"), port, 443,
                                          {static_cast<std::uint32_t>(random()), 0, 0x02});
                        break;
                    case 1:
                        packet = make_tcp(ip("203.0.113.11"), ip("203.0.113.10"), 443, port,
                                          {1, 2, static_cast<std::uint8_t>(random())});
                        break;
                    case 2:
                        packet = make_echo(client(who), kAvVip, random() % 2 == 0, port);
                        break;
                    case 3:
                        packet.bytes[8] = 1;
                        packet.finish();
                        break;
                    case 4:
                        packet = make_icmp_error(
                            ip("203.0.113.31"), client(who), 3, 3,
                            make_udp(client(who), ip("203.0.113.31"), 40000, 3478, {1}).bytes);
                        break;
                    default:
                        break;
                }
                const bool inside = random() % 3 == 0;
                Bytes frame = ethernet(inside ? kDmzMac : kWanMac, kGatewayMac,
                                       inside ? kDmzVlan : std::uint16_t{0}, packet);
                if (random() % 4 == 0)
                    frame[random() % frame.size()] ^= static_cast<std::uint8_t>(random());
                if (random() % 16 == 0) frame.resize(random() % frame.size());
                fed += rig.send(inside ? kDmz : kWan, frame,
                                static_cast<unsigned>(random() % workers));
            }
            for (unsigned w = 0; w < workers; ++w) rig.worker(w).poll();
            rig.expect_identity();
            rig.sent(kWan);
            rig.sent(kDmz);
            if (round % 8 == 0) rig.punted();
            if (testing::Test::HasFailure()) return;
        }
        rig.pump();
        rig.punted();
        rig.expect_identity();
        rig.sent(kWan);
        rig.sent(kDmz);
        EXPECT_EQ(rig.total(&Counters::rx), fed);
        EXPECT_GT(rig.total(&Counters::tx), fed / 10);
    }
}

// The rule by whose index the one session of worker 0 is listed.
std::uint32_t listed_rule(Rig& rig) {
    SessionListing listing({});
    EXPECT_TRUE(rig.worker(0).submit(&listing));
    while (!listing.done()) rig.worker(0).poll();
    EXPECT_EQ(listing.records().size(), 1U);
    return listing.records().at(0).rule;
}

// Before its next packet comes, a session still has the index that its rule had when it came last.
TEST(Worker, AListedRuleIsOneOfTheRunningPolicy) {
    Rig rig(settled());
    policy::Policy policy = ::portcullis::test::small_policy();
    rig.publish(policy);
    rig.from_wan(stun(0));
    rig.pump();
    const std::uint32_t before = listed_rule(rig);
    const std::string id = policy.rules.at(before).id;

    policy.rules.insert(policy.rules.begin(), policy.rules.at(before));
    policy.rules[0].id = "another";
    policy.rules[0].action = policy::Action::deny;
    policy.rules[0].from = policy::Zone::corporate;
    rig.publish(policy);
    const std::uint32_t moved = listed_rule(rig);
    EXPECT_EQ(moved, before + 1);
    EXPECT_EQ(policy.rules.at(moved).id, id);

    policy.rules.erase(policy.rules.begin() + moved);
    rig.publish(policy);
    EXPECT_EQ(listed_rule(rig), policy::kNoRule);
}

TEST(Worker, ListsItsSessions) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    for (unsigned i = 0; i < 60; ++i) rig.from_wan(stun(i));
    rig.from_wan(make_tcp(client(5), ip("203.0.113.10"), 40001, 443, {1, 0, 0x02}));
    rig.pump();
    rig.sent(kDmz);

    const auto list = [&](const peer::SessionQuery& query) {
        auto listing = std::make_unique<SessionListing>(query);
        EXPECT_TRUE(rig.worker(0).submit(listing.get()));
        EXPECT_FALSE(rig.worker(0).submit(listing.get())) << "one at a time";
        for (unsigned i = 0; i < 1000 && !listing->done(); ++i) rig.worker(0).poll();
        EXPECT_TRUE(listing->done());
        return listing->records();
    };
    EXPECT_EQ(list({}).size(), 61U);
    peer::SessionQuery query;
    query.limit = 10;
    EXPECT_EQ(list(query).size(), 10U);
    query = {};
    query.address = client(5).bytes();
    EXPECT_EQ(list(query).size(), 2U);
    query.protocol = 6;
    const auto access = list(query);
    ASSERT_EQ(access.size(), 1U);
    const peer::SessionRecord& record = access[0];
    EXPECT_EQ(record.source, client(5).bytes());
    EXPECT_EQ(record.destination, ip("203.0.113.10").bytes());
    EXPECT_EQ(record.translated_source, ip("203.0.113.10").bytes());
    EXPECT_EQ(record.translated_destination_port, 443);
    EXPECT_EQ(PortSlices::owner(record.translated_source_port, 1), 0U);
    EXPECT_EQ(record.state, static_cast<std::uint8_t>(SessionState::syn_sent));
    EXPECT_EQ(record.packets[0], 1U);
    EXPECT_EQ(record.packets[1], 0U);
    EXPECT_EQ(record.interface, wire_id({kWan, 0}));
    EXPECT_GT(record.expires_seconds, 20U);
    EXPECT_LE(record.expires_seconds, 30U);
    query = {};
    query.port = record.translated_source_port;
    EXPECT_EQ(list(query).size(), 1U);
    query.port = 9;
    EXPECT_TRUE(list(query).empty());
}

// Two workers on threads of their own, policies replaced while packets flow: the grace period ends,
// every reply finds its session, and the books balance.
TEST(Worker, ThreadsSurvivePolicyChangesUnderTraffic) {
    Rig rig(settled(2));
    rig.publish(::portcullis::test::small_policy());
    std::vector<std::thread> threads;
    for (unsigned w = 0; w < 2; ++w) threads.emplace_back([&rig, w] { rig.worker(w).run(); });

    constexpr unsigned kClients = 200, kRounds = 20;
    std::uint64_t fed = 0, left = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        for (unsigned i = 0; i < kClients; ++i) {
            while (!rig.from_wan(stun(i), (i + round) % 2)) std::this_thread::yield();
            ++fed;
        }
        if (round % 4 == 3) {
            rig.publish(::portcullis::test::small_policy());
            rte_rcu_qsbr_synchronize(rig.qsbr(), RTE_QSBR_THRID_INVALID);
        }
        for (unsigned tries = 0; left < fed && tries < 2'000'000; ++tries)
            left += rig.sent(kDmz).size();
    }
    for (unsigned w = 0; w < 2; ++w) rig.worker(w).stop();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(left, fed) << rig.drops();
    EXPECT_EQ(rig.drops(), "");
    EXPECT_EQ(rig.total(&Counters::sessions_started), kClients);
    EXPECT_GT(rig.total(&Counters::readmitted), 0U);
    EXPECT_GT(rig.total(&Counters::handed_out), 0U);
    rig.expect_identity();
}

}  // namespace
}  // namespace portcullis::dataplane::test
