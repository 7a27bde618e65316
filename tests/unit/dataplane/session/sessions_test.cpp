// Sessions against a slow oracle (two std::maps), and its rules one by one.
#include "dataplane/session/sessions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "dataplane/session/tcp.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

constexpr std::uint16_t kInternet = 0;
constexpr std::uint16_t kEdge = 1;

std::unique_ptr<Sessions> make(std::uint32_t capacity, SessionLimits limits = {}) {
    Sessions::Config config;
    config.capacity = capacity;
    config.hash_key = {1, 2, 3, 4};
    config.limits = limits;
    auto sessions = Sessions::create(config);
    EXPECT_TRUE(sessions.has_value());
    return std::move(*sessions);
}

SessionPlan plain(const TestPacket& p, std::uint16_t interface = kInternet) {
    SessionPlan plan;
    plan.initiator = key_of(p, interface);
    plan.translated_source = plan.initiator.source;
    plan.translated_destination = plan.initiator.destination;
    plan.translated_source_port = plan.initiator.source_port;
    plan.translated_destination_port = plan.initiator.destination_port;
    plan.responder_interface = kEdge;
    plan.idle_seconds = 120;
    plan.generation = 1;
    return plan;
}

TestPacket syn(const std::string& source, std::uint16_t port) {
    return make_tcp(ip(source), ip("203.0.113.10"), port, 443, {1000, 0, kTcpSyn});
}

// Random first packets, answers, ends and expiry over a small world, so that keys come again.
TEST(Sessions, AgreesWithMapsOverRandomOperations) {
    constexpr std::uint32_t kCapacity = 500;
    auto sessions = make(kCapacity);
    struct Entry {
        Millis last_seen;
        bool answered;
        FlowKey key[2];
    };
    std::map<std::uint32_t, Entry> live;  // by session index
    std::map<std::array<std::uint64_t, 5>, std::pair<std::uint32_t, unsigned>> by_key;
    const auto bytes = [](const FlowKey& key) {
        std::array<std::uint64_t, 5> words;
        std::memcpy(words.data(), &key, sizeof(words));
        return words;
    };
    std::mt19937 engine(7);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    Millis now = 1;
    const auto forget = [&](std::uint32_t index) {
        for (const FlowKey& key : live.at(index).key) by_key.erase(bytes(key));
        live.erase(index);
    };
    const auto is_over = [&](const Entry& e) {
        return now >= e.last_seen + (e.answered ? 120'000U : 30'000U);
    };
    unsigned started = 0;
    unsigned gave_way = 0;
    for (unsigned round = 0; round < 2'000'000; ++round) {
        now += random() % 400;
        const auto client = IpAddress::from_v4(0xc6336400 + random() % 40);
        const auto node = IpAddress::from_v4(0xcb007100 + random() % 4);
        const auto port = static_cast<std::uint16_t>(1024 + random() % 10);
        const bool answer = random() % 3 == 0;
        TestPacket p =
            answer ? make_udp(node, client, 3478, port) : make_udp(client, node, port, 3478);
        const FlowKey key = key_of(p, answer ? kEdge : kInternet);

        SessionHit hits[2];
        const FlowKey both[2] = {key, key};
        const std::uint64_t hash = sessions->prefetch(words_of(key));
        const std::uint64_t hashes[2] = {hash, hash};
        const bool guesses = random() % 4 != 0;
        const SessionTable::Reference candidate =
            guesses ? sessions->prefetch_session(hash, key) : SessionTable::kElsewhere;
        const SessionTable::Reference candidates[2] = {candidate, candidate};
        sessions->lookup(both, hashes, candidates, 2,
                         [&](unsigned i, const SessionHit& hit) { hits[i] = hit; });
        const auto known = by_key.find(bytes(key));
        ASSERT_EQ(hits[0].session, nullptr);
        ASSERT_EQ(hits[1].session != nullptr, known != by_key.end());
        if (known != by_key.end()) {
            const auto [index, direction] = known->second;
            ASSERT_EQ(sessions->index_of(*hits[1].session), index);
            ASSERT_EQ(index_of(hits[1].direction), direction);
            Entry& entry = live.at(index);
            const TrackResult tracked = sessions->track(hits[1], p.view(), now);
            if (is_over(entry)) {
                ASSERT_EQ(tracked.track, Track::start_new);
                forget(index);
            } else {
                ASSERT_EQ(tracked.track, Track::pass);
                entry.last_seen = now;
                entry.answered |= answer;
            }
        } else if (!answer) {
            const StartResult result = sessions->start(plain(p), p.view(), now);
            if (live.size() == kCapacity && result.session != nullptr) {
                // One that nobody has answered has given way.
                const auto gone = std::find_if(live.begin(), live.end(), [&](const auto& item) {
                    return sessions->at(item.first).state == SessionState::free;
                });
                ASSERT_NE(gone, live.end());
                ASSERT_FALSE(gone->second.answered);
                forget(gone->first);
                ++gave_way;
            }
            if (result.session == nullptr) {
                ASSERT_EQ(live.size(), kCapacity);
                ASSERT_EQ(result.reason, DropReason::session_table_full);
            } else {
                ++started;
                const std::uint32_t index = sessions->index_of(*result.session);
                ASSERT_FALSE(live.contains(index));
                const Session& s = *result.session;
                live[index] = {now, false, {s.key[0], s.key[1]}};
                by_key[bytes(s.key[0])] = {index, 0};
                by_key[bytes(s.key[1])] = {index, 1};
            }
        }
        if (random() % 64 == 0 && !live.empty()) {
            auto victim = live.lower_bound(random() % sessions->slots());
            if (victim == live.end()) victim = live.begin();
            sessions->end(sessions->at(victim->first), now);
            forget(victim->first);
        }
        if (random() % 512 == 0) {
            sessions->sweep(sessions->slots(), 1, now, [](Session&) { FAIL(); });
            for (auto it = live.begin(); it != live.end();) {
                const auto next = std::next(it);
                if (is_over(it->second)) forget(it->first);
                it = next;
            }
        }
        ASSERT_EQ(sessions->size(), live.size());
    }
    EXPECT_GT(started, 10'000U);
    EXPECT_GT(gave_way, 1000U);
    std::set<std::uint32_t> visited;
    for (std::uint32_t next = 0; next != kNoSession;)
        next = sessions->visit(next, 7, [&](Session& s) { visited.insert(sessions->index_of(s)); });
    EXPECT_EQ(visited.size(), live.size());
    for (const auto& [index, entry] : live) EXPECT_TRUE(visited.contains(index));
}

// All guesses of a burst are made before its first packet is looked up, and each packet may end sessions:
// its own, one that a later packet was guessed to be of, a twin that shares its key with another, or one
// whose place in a chain another entry then takes.
TEST(Sessions, WhatEndsWithinABurstDoesNotMisleadTheRestOfIt) {
    auto sessions = make(64);  // few buckets: chains, and signatures that meet
    std::mt19937 engine(11);
    const auto random = [&engine](unsigned below) {
        return static_cast<unsigned>(engine()) % below;
    };
    const IpAddress vip = ip("203.0.113.10"), node = ip("10.20.0.10");
    unsigned hits = 0, misses = 0, gone = 0, shared = 0;
    for (unsigned round = 0; round < 20'000; ++round) {
        const Millis now = 1 + round;
        while (sessions->size() < 56) {
            // Of the two ways to a node, which share the responder's key: twins.
            const bool direct = random(2) == 0;
            TestPacket p = make_udp(IpAddress::from_v4(0x01000000 + random(200)),
                                    direct ? node : vip, 5, 3478);
            if (sessions->find(key_of(p, kInternet)).session != nullptr) continue;
            SessionPlan plan = plain(p);
            plan.translated_destination = node;
            plan.nat = direct ? policy::NatKind::none : policy::NatKind::dnat;
            plan.av_path = true;
            const StartResult result = sessions->start(plan, p.view(), now);
            ASSERT_NE(result.session, nullptr) << to_string(result.reason);
        }
        static constexpr unsigned kSizes[] = {1, 2, 12, 13, 64};
        const unsigned count = kSizes[random(std::size(kSizes))];
        FlowKey keys[64];
        std::uint64_t hashes[64];
        SessionTable::Reference candidates[64];
        for (unsigned i = 0; i < count; ++i) {
            const auto client = IpAddress::from_v4(0x01000000 + random(200));
            switch (random(3)) {
                case 0:
                    keys[i] = key_of(make_udp(client, vip, 5, 3478), kInternet);
                    break;
                case 1:
                    keys[i] = key_of(make_udp(client, node, 5, 3478), kInternet);
                    break;
                default:
                    keys[i] = key_of(make_udp(node, client, 3478, 5), kEdge);
            }
            hashes[i] = sessions->prefetch(words_of(keys[i]));
        }
        for (unsigned i = 0; i < count; ++i)
            candidates[i] = sessions->prefetch_session(hashes[i], keys[i]);
        const std::uint64_t all = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        sessions->lookup(keys, hashes, candidates, all, [&](unsigned i, const SessionHit& hit) {
            const SessionHit truth = sessions->find(keys[i]);
            if (hit.session == nullptr) {
                ++misses;
                ASSERT_EQ(truth.session, nullptr);
            } else if (hit.session->state == SessionState::free) {
                ++gone;  // an earlier packet has ended it: track() says so. Or its twin has the key now.
                ASSERT_NE(truth.session, hit.session);
            } else {
                ++hits;
                ASSERT_EQ(truth.session, hit.session);
                ASSERT_EQ(truth.direction, hit.direction);
                shared += hit.session->has_twin();
            }
            if (hit.session != nullptr && hit.session->state != SessionState::free &&
                random(2) == 0)
                sessions->end(*hit.session, now);
            if (random(8) == 0) {
                Session& other = sessions->at(random(sessions->slots()));
                if (other.state != SessionState::free) sessions->end(other, now);
            }
        });
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(hits, 10'000U);
    EXPECT_GT(misses, 10'000U);
    EXPECT_GT(gone, 1000U);
    EXPECT_GT(shared, 1000U);
}

TEST(Sessions, AFullTableHoldsItsWholeCapacity) {
    constexpr std::uint32_t kCapacity = 100'000;
    auto sessions = make(kCapacity);
    EXPECT_LE(sessions->memory_bytes(), 256ULL * kCapacity);
    for (unsigned turn = 0; turn < 3; ++turn) {
        for (std::uint32_t i = 0; i < kCapacity; ++i) {
            TestPacket p = make_udp(IpAddress::from_v4(0x01000000 + i), ip("203.0.113.10"), 5, 6);
            ASSERT_NE(sessions->start(plain(p), p.view(), 1).session, nullptr) << i;
        }
        TestPacket p = make_udp(ip("9.9.9.9"), ip("203.0.113.10"), 5, 6);
        EXPECT_NE(sessions->start(plain(p), p.view(), 1).session, nullptr);
        EXPECT_EQ(sessions->size(), kCapacity) << "one of the others has given way";
        for (std::uint32_t i = 0; i < sessions->slots(); ++i)
            if (sessions->at(i).state != SessionState::free) sessions->end(sessions->at(i), 1);
        EXPECT_EQ(sessions->size(), 0U);
    }
}

TEST(Sessions, TheOldestOfASourceGivesWay) {
    SessionLimits limits;
    limits.embryonic_per_source = 3;
    auto sessions = make(1000, limits);
    TestPacket other = syn("198.51.100.99", 1);  // older, of another source: untouched
    sessions->start(plain(other), other.view(), 1);
    for (std::uint16_t port = 1; port <= 5; ++port) {
        TestPacket p = syn("198.51.100.1", port);
        ASSERT_NE(sessions->start(plain(p), p.view(), port).session, nullptr);
    }
    EXPECT_EQ(sessions->embryonic(), 4U);
    EXPECT_NE(sessions->find(key_of(other, kInternet)).session, nullptr);
    for (std::uint16_t port = 1; port <= 5; ++port)
        EXPECT_EQ(sessions->find(key_of(syn("198.51.100.1", port), kInternet)).session != nullptr,
                  port > 2);
}

TEST(Sessions, TheOldestOfAllGivesWayAtTheTotal) {
    SessionLimits limits;
    limits.embryonic_total = 10;
    auto sessions = make(1000, limits);
    for (std::uint16_t i = 0; i < 25; ++i) {
        TestPacket p = syn("198.51.100." + std::to_string(i), 1);
        ASSERT_NE(sessions->start(plain(p), p.view(), i + 1U).session, nullptr);
    }
    EXPECT_EQ(sessions->embryonic(), 10U);
    for (std::uint16_t i = 0; i < 25; ++i)
        EXPECT_EQ(
            sessions->find(key_of(syn("198.51.100." + std::to_string(i), 1), kInternet)).session !=
                nullptr,
            i >= 15);
}

TEST(Sessions, ASessionEndedInABurstIsNotFoundAgainByItsHit) {
    auto sessions = make(1000);
    TestPacket p = make_udp(ip("198.51.100.1"), ip("203.0.113.10"), 5, 6);
    sessions->start(plain(p), p.view(), 1);
    const SessionHit hit = sessions->find(key_of(p, kInternet));
    sessions->end(*hit.session, 1);
    for (std::uint16_t port = 100; port < 163; ++port) {
        TestPacket q = make_udp(ip("198.51.100.1"), ip("203.0.113.10"), port, 6);
        ASSERT_NE(sessions->start(plain(q), q.view(), 1).session, hit.session);
    }
    EXPECT_EQ(sessions->track(hit, p.view(), 1).track, Track::start_new);
}

TEST(Sessions, AStaleGenerationIsJudgedAgain) {
    auto sessions = make(100);
    TestPacket p = make_udp(ip("198.51.100.1"), ip("203.0.113.10"), 5, 6);
    TestPacket q = make_udp(ip("198.51.100.2"), ip("203.0.113.10"), 5, 6);
    SessionPlan newer = plain(q);
    newer.generation = 2;
    sessions->start(plain(p), p.view(), 1);
    sessions->start(newer, q.view(), 1);
    unsigned judged = 0;
    sessions->sweep(sessions->slots(), 2, 2, [&](Session& s) {
        ++judged;
        EXPECT_EQ(s.key[0], key_of(p, kInternet));
        sessions->end(s, 2);
    });
    EXPECT_EQ(judged, 1U);
    EXPECT_EQ(sessions->size(), 1U);
}

}  // namespace
}  // namespace portcullis::dataplane
