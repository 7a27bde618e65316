// The short way of tracking against the long one: on random sessions and segments, what
// track_established() takes, track() passes as well and leaves the session the same.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "dataplane/session/sessions.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

const IpAddress kClient = ip("198.51.100.7");
const IpAddress kServer = ip("203.0.113.12");
constexpr Millis kNow = 100'000;

class Random {
  public:
    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
    std::uint32_t below(std::uint32_t n) { return word() % n; }
    bool one_in(std::uint32_t n) { return below(n) == 0; }
    // Near `centre`, on either side, at every scale.
    std::uint32_t near(std::uint32_t centre) {
        const std::uint32_t distance = word() >> below(32);
        return one_in(2) ? centre + distance : centre - distance;
    }

  private:
    std::mt19937_64 engine_{11};
};

std::unique_ptr<Sessions> make_sessions() {
    Sessions::Config config;
    config.capacity = 100;
    config.hash_key = {5, 6, 7, 8};
    return std::move(*Sessions::create(config));
}

Session& start(Sessions& sessions, std::uint8_t protocol) {
    SessionPlan plan;
    const TestPacket first = protocol == 6 ? make_tcp(kClient, kServer, 40000, 443, {1, 0, kTcpSyn})
                                           : make_udp(kClient, kServer, 40000, 443, {1});
    TestPacket packet = first;
    plan.initiator = key_of(first, 3);
    plan.translated_source = kClient;
    plan.translated_source_port = 40000;
    plan.translated_destination = kServer;
    plan.translated_destination_port = 443;
    plan.responder_interface = 4;
    plan.idle_seconds = 300;
    return *sessions.start(plan, packet.view(), kNow).session;
}

TcpSide random_side(Random& random, std::uint32_t around) {
    TcpSide side;
    side.end = random.near(around);
    side.max_end = random.near(side.end);
    side.acked = random.near(side.end);
    side.max_window = static_cast<std::uint16_t>(random.word() >> random.below(32));
    side.window_scale = static_cast<std::uint8_t>(random.below(15));
    static constexpr std::uint8_t kFlags[] = {kTcpSideSeen, kTcpSideSeen | kTcpSideScale, 0};
    side.flags = kFlags[random.below(3)];
    if (random.one_in(16)) side.flags |= kTcpSideFin;
    if (random.one_in(16)) side.flags |= kTcpSideReset;
    if (random.one_in(16)) side.flags |= kTcpSideChallenged;
    return side;
}

// Everything that a packet may move.
bool same(const Session& a, const Session& b) {
    return a.state == b.state && a.last_seen == b.last_seen && a.twin_last == b.twin_last &&
           std::memcmp(&a.packets, &b.packets, sizeof a.packets) == 0 && a.bytes(0) == b.bytes(0) &&
           a.bytes(1) == b.bytes(1) &&
           std::memcmp(&a.protocol, &b.protocol, sizeof a.protocol) == 0;
}

// Whether the short way took the packet; fails where the two disagree.
bool both_ways(Sessions& sessions, Session& session, Direction direction, const PacketView& view,
               Millis now) {
    const Session before = session;
    const bool taken = sessions.track_established({&session, direction}, view, now);
    const Session quick = session;
    if (!taken) {
        EXPECT_TRUE(same(before, quick)) << "it declined, and changed the session";
        return false;
    }
    session = before;
    const TrackResult tracked = sessions.track({&session, direction}, view, now);
    EXPECT_EQ(tracked.track, Track::pass);
    EXPECT_EQ(tracked.session, &session);
    EXPECT_EQ(tracked.direction, direction);
    EXPECT_TRUE(same(quick, session));
    return true;
}

TEST(TrackEstablished, AgreesWithTrackOnRandomTcpSegments) {
    Random random;
    const auto sessions = make_sessions();
    Session& session = start(*sessions, 6);
    const Session fresh = session;
    unsigned taken = 0;
    constexpr unsigned kRounds = 300'000;
    for (unsigned round = 0; round < kRounds && !HasFailure(); ++round) {
        session = fresh;
        session.state = random.one_in(8) ? SessionState::fin_wait : SessionState::established;
        session.bytes_low[0] = random.word() | 0xff000000;  // about to overflow, now and then
        const std::uint32_t around = random.word();
        const std::uint32_t other = random.word();
        session.protocol.tcp[0] = random_side(random, around);
        session.protocol.tcp[1] = random_side(random, other);
        const auto direction = static_cast<Direction>(random.below(2));
        const bool initiator = direction == Direction::initiator;
        TcpFields fields;
        fields.sequence = random.near(initiator ? around : other);
        fields.ack = random.near(initiator ? other : around);
        static constexpr std::uint8_t kFlags[] = {kTcpAck, kTcpAck | kTcpPsh, kTcpAck | kTcpFin,
                                                  kTcpRst, kTcpAck | kTcpUrg, kTcpSyn};
        fields.flags = kFlags[random.one_in(4) ? random.below(6) : random.below(2)];
        fields.window = static_cast<std::uint16_t>(random.word());
        fields.payload = static_cast<std::uint16_t>(random.below(40));
        TestPacket packet = make_tcp(kClient, kServer, 40000, 443, fields);
        taken += both_ways(*sessions, session, direction, packet.view(), kNow + random.below(1000));
    }
    EXPECT_GT(taken, kRounds / 100);
}

TEST(TrackEstablished, AgreesWithTrackOnDatagrams) {
    Random random;
    const auto sessions = make_sessions();
    Session& session = start(*sessions, 17);
    const Session fresh = session;
    unsigned taken = 0;
    for (unsigned round = 0; round < 20'000 && !HasFailure(); ++round) {
        session = fresh;
        session.state = random.one_in(8) ? SessionState::one_way : SessionState::established;
        session.av_path = random.one_in(2);
        Bytes payload(random.below(30));
        for (auto& byte : payload) byte = static_cast<std::uint8_t>(random.word());
        if (!payload.empty() && random.one_in(2)) payload[0] = 0x80;
        TestPacket packet = make_udp(kClient, kServer, 40000, 443, payload);
        taken += both_ways(*sessions, session, static_cast<Direction>(random.below(2)),
                           packet.view(), kNow + random.below(200'000));
    }
    EXPECT_GT(taken, 1000U);
}

}  // namespace
}  // namespace portcullis::dataplane
