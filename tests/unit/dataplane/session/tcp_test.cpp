// The TCP tracker, scenario by scenario: handshakes, ends of connections, and attacks.
#include "dataplane/session/tcp.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

constexpr std::uint32_t kClientIsn = 0xfffffff0;  // wraps early
constexpr std::uint32_t kServerIsn = 5000;

// Sequence and ack are relative to the ISNs: 0 is the SYN.
struct Step {
    char from;  // 'c' or 's'
    std::string flags;
    std::int64_t sequence;
    std::int64_t ack;
    std::uint16_t payload;
    TcpVerdict verdict;
    SessionState state;  // afterwards
    std::uint16_t window = 8192;
};

TcpSegment segment_of(const Step& step) {
    TcpSegment s;
    const bool client = step.from == 'c';
    s.sequence = (client ? kClientIsn : kServerIsn) + static_cast<std::uint32_t>(step.sequence);
    for (const char f : step.flags)
        s.flags |= f == 'S'   ? kTcpSyn
                   : f == 'A' ? kTcpAck
                   : f == 'F' ? kTcpFin
                   : f == 'R' ? kTcpRst
                              : kTcpPsh;
    if (s.has(kTcpAck))
        s.ack = (client ? kServerIsn : kClientIsn) + static_cast<std::uint32_t>(step.ack);
    s.payload = step.payload;
    s.length = step.payload + (s.has(kTcpSyn) ? 1U : 0U) + (s.has(kTcpFin) ? 1U : 0U);
    s.window = step.window;
    return s;
}

bool same(const TcpSide& a, const TcpSide& b) {
    return a.end == b.end && a.max_end == b.max_end && a.acked == b.acked &&
           a.max_window == b.max_window && a.window_scale == b.window_scale && a.flags == b.flags;
}

// The first step opens.
void run(const std::vector<Step>& steps) {
    Session session;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const Step& step = steps[i];
        const TcpSegment s = segment_of(step);
        if (i == 0) {
            tcp_open(session, s);
        } else {
            const TcpSide before[2] = {session.protocol.tcp[0], session.protocol.tcp[1]};
            const SessionState state = session.state;
            const auto direction = step.from == 'c' ? Direction::initiator : Direction::responder;
            EXPECT_EQ(tcp_track(session, direction, s), step.verdict) << "step " << i;
            if (step.verdict == TcpVerdict::out_of_window || step.verdict == TcpVerdict::closed) {
                EXPECT_TRUE(same(before[0], session.protocol.tcp[0])) << "step " << i;
                EXPECT_TRUE(same(before[1], session.protocol.tcp[1])) << "step " << i;
                EXPECT_EQ(session.state, state) << "step " << i;
            }
        }
        EXPECT_EQ(session.state, step.state) << "step " << i;
    }
}

using enum TcpVerdict;
using enum SessionState;

std::vector<Step> handshake_and(std::vector<Step> rest) {
    std::vector<Step> steps = {
        {'c', "S", 0, 0, 0, pass, syn_sent},
        {'s', "SA", 0, 1, 0, pass, syn_received},
        {'c', "A", 1, 1, 0, pass, established},
    };
    steps.insert(steps.end(), rest.begin(), rest.end());
    return steps;
}

TEST(Tcp, HandshakeDataAndOrderlyEnd) {
    run(handshake_and({{'c', "PA", 1, 1, 100, pass, established},
                       {'s', "PA", 1, 101, 50, pass, established},
                       {'c', "FA", 101, 51, 0, pass, fin_wait},
                       {'s', "A", 51, 102, 0, pass, fin_wait},
                       {'s', "PA", 51, 102, 10, pass, fin_wait},  // half closed: data goes on
                       {'s', "FA", 61, 102, 0, pass, closing},
                       {'c', "A", 102, 62, 0, pass, closing}}));
}

TEST(Tcp, BothEndAtTheSameTime) {
    run(handshake_and({{'c', "FA", 1, 1, 0, pass, fin_wait},
                       {'s', "FA", 1, 1, 0, pass, closing},
                       {'c', "A", 2, 2, 0, pass, closing},
                       {'s', "A", 2, 2, 0, pass, closing}}));
}

TEST(Tcp, RepeatedHandshakeSegments) {
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'c', "S", 0, 0, 0, pass, syn_sent},
         {'s', "SA", 0, 1, 0, pass, syn_received},
         {'c', "S", 0, 0, 0, pass_unproven, syn_received},
         {'s', "SA", 0, 1, 0, pass_unproven, syn_received},
         {'c', "A", 1, 1, 0, pass, established},
         {'s', "SA", 0, 1, 0, pass_unproven, established},
         {'c', "A", 1, 1, 0, pass, established},
         {'c', "S", 0, 0, 0, pass_unproven, established}});
}

// The ends have lost the connection, unseen, and the client begins another within its session.
TEST(Tcp, ASynAckOfAnotherConnectionDoesNotPass) {
    for (const std::int64_t other : {-1, -2000, 30, 49})
        run(handshake_and({{'s', "PA", 1, 1, 50, pass, established},
                           {'c', "A", 1, 51, 0, pass, established},
                           {'c', "S", -500, 0, 0, pass_unproven, established},
                           {'s', "SA", other, -499, 0, out_of_window, established}}));
}

TEST(Tcp, OnlyTheResponderSendsSynAck) {
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'c', "SA", 0, 0, 0, out_of_window, syn_sent},
         {'s', "S", 0, 0, 0, out_of_window, syn_sent},   // simultaneous open is not passed
         {'s', "SA", 0, 5, 0, out_of_window, syn_sent},  // acknowledges another SYN
         {'s', "SA", 0, 0, 0, out_of_window, syn_sent},
         {'c', "A", 1, 1, 0, out_of_window, syn_sent},
         {'s', "SA", 0, 1, 0, pass, syn_received},
         {'s', "SA", 77, 2, 0, out_of_window, syn_received}});
}

// As from behind SYN cookies: each SYN gets an answer with a sequence number of its own.
TEST(Tcp, TheInitiatorSaysWhichAnswerItHasTaken) {
    for (const std::int64_t other : {-3'000'000, -1, 9, 3'000'000}) {
        const std::vector<Step> answers = {
            {'c', "S", 0, 0, 0, pass, syn_sent},
            {'s', "SA", 0, 1, 0, pass, syn_received},
            {'c', "S", 0, 0, 0, pass_unproven, syn_received},
            {'s', "SA", 123'456, 1, 0, pass_unproven, syn_received},  // one more, that is lost
            {'s', "SA", other, 1, 0, pass_unproven, syn_received},
            {'s', "SA", 0, 1, 0, pass_unproven, syn_received},
            {'s', "SA", other, 1, 0, pass_unproven, syn_received},
            {'s', "SA", other, 2, 0, out_of_window, syn_received},
            {'s', "SA", other, 1, 7, out_of_window, syn_received},
            {'s', "PA", 1, 1, 5, out_of_window, syn_received},
            {'c', "A", 1, other + 50, 0, out_of_window, syn_received},
            {'c', "A", 9000, other + 1, 0, out_of_window, syn_received},
        };
        for (const std::int64_t taken : {std::int64_t{0}, other}) {
            const std::int64_t left = taken == 0 ? other : 0;
            std::vector<Step> steps = answers;
            steps.insert(steps.end(), {{'c', "A", 1, taken + 1, 0, pass, established},
                                       {'s', "SA", left, 1, 0, out_of_window, established},
                                       {'s', "SA", taken, 1, 0, pass_unproven, established},
                                       {'s', "PA", taken + 1, 1, 8000, pass, established},
                                       {'c', "PA", 1, taken + 8001, 100, pass, established},
                                       {'s', "FA", taken + 8001, 101, 0, pass, fin_wait}});
            run(steps);
        }
        auto given_up = answers;
        given_up.push_back({'c', "R", 1, 0, 0, pass, closing});
        run(given_up);
    }
}

// What has been made of the first answer's scale would not fit the other.
TEST(Tcp, AnAnswerThatScalesOtherwiseDoesNotPass) {
    Session session;
    TcpSegment syn = segment_of({'c', "S", 0, 0, 0, pass, syn_sent});
    syn.has_scale = true;
    syn.scale = 7;
    tcp_open(session, syn);
    TcpSegment answer = segment_of({'s', "SA", 0, 1, 0, pass, syn_sent});
    answer.has_scale = true;
    answer.scale = 9;
    ASSERT_EQ(tcp_track(session, Direction::responder, answer), pass);
    TcpSegment other = segment_of({'s', "SA", 5000, 1, 0, pass, syn_sent});
    EXPECT_EQ(tcp_track(session, Direction::responder, other), out_of_window);
    other.has_scale = true;
    other.scale = 8;
    EXPECT_EQ(tcp_track(session, Direction::responder, other), out_of_window);
    other.scale = 9;
    EXPECT_EQ(tcp_track(session, Direction::responder, other), pass_unproven);
}

TEST(Tcp, TheHandshakeEndsOnlyWithTheRightAck) {
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'s', "SA", 0, 1, 0, pass, syn_received},
         {'c', "A", 1, 0, 0, out_of_window, syn_received},
         {'c', "A", 1, 2, 0, out_of_window, syn_received},
         {'c', "A", 1, 1, 0, pass, established}});
}

TEST(Tcp, ARefusedConnection) {
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'s', "R", 1, 0, 0, out_of_window, syn_sent},   // acknowledges nothing: blind
         {'s', "RA", 0, 9, 0, out_of_window, syn_sent},  // not the SYN
         {'s', "RA", 0, 1, 0, pass, closing},
         {'c', "S", 70'000, 0, 0, start_new, closing}});
}

TEST(Tcp, AClientThatStartsAgainBeforeAnAnswer) {
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'c', "S", 90'000, 0, 0, pass, syn_sent},
         {'s', "SA", 0, 1, 0, out_of_window, syn_sent},
         {'s', "SA", 0, 90'001, 0, pass, syn_received}});
}

TEST(Tcp, AServerThatStillHasAnOlderConnectionIsResetByTheClient) {
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'s', "A", 700'000, 400'000, 0, pass_unproven, syn_sent},  // challenge
         {'c', "R", 400'001, 0, 0, out_of_window, syn_sent},
         {'c', "R", 400'000, 0, 0, pass_unproven, syn_sent},
         {'s', "A", 700'000, 400'000, 10, out_of_window, syn_sent},  // data is not passed
         {'c', "S", 0, 0, 0, pass, syn_sent},
         {'s', "SA", 0, 1, 0, pass, syn_received}});
}

TEST(Tcp, ResetsEndTheSessionOnlyWhenExact) {
    run(handshake_and({{'c', "PA", 1, 1, 100, pass, established},
                       {'s', "A", 1, 101, 0, pass, established},
                       {'c', "R", 102, 0, 0, pass_unproven, established},  // in the window
                       {'c', "R", 101 + 8192 + 2, 0, 0, out_of_window, established},
                       {'c', "R", -9000, 0, 0, out_of_window, established},
                       {'s', "R", 9000, 0, 0, out_of_window, established},
                       {'c', "R", 101, 0, 0, pass, closing},
                       {'c', "PA", 101, 1, 5, closed, closing},
                       {'s', "A", 1, 101, 0, pass_unproven, closing}}));
    run(handshake_and({{'c', "PA", 1, 1, 100, pass, established},
                       {'c', "PA", 101, 1, 100, pass, established},
                       {'s', "A", 1, 101, 0, pass, established},
                       {'c', "R", 101, 0, 0, pass, closing}}));  // all that is acknowledged
    run({{'c', "S", 0, 0, 0, pass, syn_sent},
         {'s', "SA", 0, 1, 0, pass, syn_received},
         {'c', "R", 1, 0, 0, pass, closing}});  // a port scanner, or a client that gave up
}

// What was under way when the other end gave up: that end says so once more.
TEST(Tcp, WhatCrossesAResetPasses) {
    run(handshake_and({{'c', "PA", 1, 1, 100, pass, established},
                       {'c', "RA", 101, 1, 0, pass, closing},
                       {'s', "PA", 1, 101, 50, pass_unproven, closing},
                       {'s', "FA", 51, 101, 0, pass_unproven, closing},
                       {'c', "R", 101, 0, 0, pass, closing},
                       {'s', "PA", 8193, 101, 50, out_of_window, closing},
                       {'c', "PA", 101, 1, 1, closed, closing},
                       {'c', "FA", 101, 1, 0, closed, closing}}));
    run(handshake_and({{'c', "PA", 1, 1, 100, pass, established},
                       {'s', "R", 1, 0, 0, pass, closing},
                       {'c', "PA", 101, 1, 100, pass_unproven, closing},
                       {'s', "PA", 1, 101, 1, closed, closing}}));
}

// Nothing new of a session whose first bytes are still being looked at.
TEST(Tcp, NothingCrossesTheResetOfAnUndecidedSession) {
    Session session;
    tcp_open(session, segment_of({'c', "S", 0, 0, 0, pass, syn_sent}));
    session.aside = kAsideUndecided;
    const auto track = [&](const Step& step) {
        return tcp_track(session, step.from == 'c' ? Direction::initiator : Direction::responder,
                         segment_of(step));
    };
    EXPECT_EQ(track({'s', "SA", 0, 1, 0, pass, syn_received}), pass);
    EXPECT_EQ(track({'c', "A", 1, 1, 0, pass, established}), pass);
    EXPECT_EQ(track({'c', "R", 1, 0, 0, pass, closing}), pass);
    EXPECT_EQ(track({'s', "PA", 1, 1, 50, pass, closing}), closed);
}

TEST(Tcp, FinOutsideOfTheWindowIsDropped) {
    run(handshake_and({{'c', "FA", 9000, 1, 0, out_of_window, established},
                       {'c', "FA", 1, 500, 0, out_of_window, established},
                       {'s', "FA", 20'000, 1, 0, out_of_window, established},
                       {'s', "FA", 1, -70'000 - 8192, 0, out_of_window, established}}));
}

TEST(Tcp, DataBeyondTheWindowIsDropped) {
    run(handshake_and(
        {{'c', "A", 1, 1, 8192, pass, established},
         {'c', "A", 8193, 1, 1, pass, established},  // a probe of the full window
         {'c', "A", 8194, 1, 1, out_of_window, established},
         {'s', "A", 1, 8193, 0, pass, established, 0},
         {'c', "A", 8193, 1, 1, pass, established},
         {'c', "A", 8192, 1, 0, pass, established},  // Linux probes so, and keepalives
         {'s', "A", 1, 8193, 0, pass, established, 4000},
         {'c', "A", 8193, 1, 4000, pass, established}}));
}

TEST(Tcp, SynOnALiveSession) {
    run(handshake_and({{'c', "S", 100, 0, 0, out_of_window, established},  // inside the window
                       {'c', "S", 1'000'000, 0, 0, pass_unproven, established},
                       {'s', "A", 1, 1, 0, pass, established},  // the challenge ACK
                       {'c', "R", 1, 0, 0, pass, closing},      // its answer
                       {'c', "S", 1'000'000, 0, 0, start_new, closing}}));
    run(handshake_and({{'s', "S", 100'000, 0, 0, out_of_window, established}}));
}

TEST(Tcp, SynAfterFin) {
    run(handshake_and({{'c', "FA", 1, 1, 0, pass, fin_wait},
                       {'c', "S", 0, 0, 0, pass_unproven, fin_wait},  // the old one, late
                       {'c', "S", 100'000, 0, 0, start_new, fin_wait}}));
    run(handshake_and({{'s', "FA", 1, 1, 0, pass, fin_wait},
                       {'c', "S", 100'000, 0, 0, pass_unproven, fin_wait}}));
    run(handshake_and({{'s', "FA", 1, 1, 0, pass, fin_wait},
                       {'c', "FA", 1, 2, 0, pass, closing},
                       {'c', "S", -5000, 0, 0, start_new, closing}}));
}

TEST(Tcp, WindowScalingNeedsBothSides) {
    for (const bool both : {true, false}) {
        Session session;
        TcpSegment syn = segment_of({'c', "S", 0, 0, 0, pass, syn_sent});
        syn.has_scale = true;
        syn.scale = 7;
        tcp_open(session, syn);
        TcpSegment syn_ack = segment_of({'s', "SA", 0, 1, 0, pass, syn_sent});
        syn_ack.has_scale = both;
        syn_ack.scale = 9;
        ASSERT_EQ(tcp_track(session, Direction::responder, syn_ack), pass);
        ASSERT_EQ(tcp_track(session, Direction::initiator,
                            segment_of({'c', "A", 1, 1, 0, pass, syn_sent, 1000})),
                  pass);
        // The client has granted 1000, or 1000 << 7.
        const auto data = [](std::int64_t at) {
            return segment_of({'s', "A", at, 1, 1000, pass, syn_sent});
        };
        EXPECT_EQ(tcp_track(session, Direction::responder, data(100'000)),
                  both ? pass : out_of_window);
        EXPECT_EQ(tcp_track(session, Direction::responder, data(128'000)), out_of_window);
    }
}

TEST(Tcp, ABlindAttackerChangesNothing) {
    // 200,000 random segments of every kind, from outside any window: the session lives, and its
    // owner goes on.
    Session session;
    tcp_open(session, segment_of({'c', "S", 0, 0, 0, pass, syn_sent}));
    tcp_track(session, Direction::responder, segment_of({'s', "SA", 0, 1, 0, pass, syn_sent}));
    tcp_track(session, Direction::initiator, segment_of({'c', "A", 1, 1, 0, pass, syn_sent}));
    std::mt19937 engine(3);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    static constexpr std::uint8_t kFlags[] = {kTcpRst, kTcpRst | kTcpAck, kTcpFin | kTcpAck,
                                              kTcpAck, kTcpSyn,           kTcpSyn | kTcpAck};
    const TcpSide before[2] = {session.protocol.tcp[0], session.protocol.tcp[1]};
    for (unsigned i = 0; i < 200'000; ++i) {
        TcpSegment s;
        s.flags = kFlags[random() % std::size(kFlags)];
        const bool client = random() % 2 == 0;
        // More than two windows away from what is expected.
        s.sequence = (client ? kClientIsn : kServerIsn) + 20'000 + random() % 0xfffe0000;
        s.ack = random();
        s.payload = static_cast<std::uint16_t>(random() % 3 == 0 ? 0 : random() % 1400);
        s.length = s.payload + (s.has(kTcpSyn) ? 1U : 0U) + (s.has(kTcpFin) ? 1U : 0U);
        s.window = static_cast<std::uint16_t>(random());
        const TcpVerdict verdict =
            tcp_track(session, client ? Direction::initiator : Direction::responder, s);
        ASSERT_NE(verdict, pass);
        ASSERT_NE(verdict, start_new);
        if (!s.has(kTcpSyn)) {
            ASSERT_EQ(verdict, out_of_window);
        }
        ASSERT_EQ(session.state, established);
        ASSERT_TRUE(same(before[0], session.protocol.tcp[0]));
        ASSERT_TRUE(same(before[1], session.protocol.tcp[1]));
    }
}

TEST(Tcp, PickedUpSessionsLearnBothWindows) {
    Session session;
    tcp_pick_up(session, segment_of({'c', "PA", 50'000, 80'000, 100, pass, syn_sent, 500}));
    EXPECT_EQ(session.state, picked_up);
    const auto track = [&](const Step& step) {
        return tcp_track(session, step.from == 'c' ? Direction::initiator : Direction::responder,
                         segment_of(step));
    };
    // Half of the sequence space away is no part of this connection.
    EXPECT_EQ(track({'s', "A", 2'000'000'000, 50'100, 0, pass, established}), out_of_window);
    EXPECT_EQ(track({'s', "A", 80'000, 2'000'000'000, 0, pass, established}), out_of_window);
    EXPECT_EQ(session.state, picked_up);
    // More had been sent before the restart than the picked-up segment says.
    EXPECT_EQ(track({'s', "PA", 90'000, 60'000, 200, pass, established, 400}), pass);
    EXPECT_EQ(session.state, established);
    EXPECT_EQ(track({'c', "PA", 60'000, 90'200, 100, pass, established}), pass);
    EXPECT_EQ(track({'s', "R", 5'000'000, 0, 0, pass, established}), pass_unproven);
    EXPECT_EQ(track({'s', "FA", 90'200, 60'100, 0, pass, fin_wait}), pass);
    EXPECT_EQ(session.state, fin_wait);
    EXPECT_EQ(track({'c', "R", 60'100, 0, 0, pass, closing}), pass);
    EXPECT_EQ(session.state, closing);
}

TEST(Tcp, FlagCombinations) {
    unsigned valid = 0;
    for (unsigned flags = 0; flags < 64; ++flags) {
        const auto f = static_cast<std::uint8_t>(flags);
        const bool is_valid = valid_tcp_flags(f);
        valid += is_valid;
        EXPECT_EQ(is_valid, valid_tcp_flags(static_cast<std::uint8_t>(f | 0xc0))) << "ECN";
        EXPECT_EQ(is_valid, valid_tcp_flags(static_cast<std::uint8_t>(f ^ kTcpPsh)));
        const bool syn = (f & kTcpSyn) != 0;
        const bool rst = (f & kTcpRst) != 0;
        const bool fin = (f & kTcpFin) != 0;
        const bool ack = (f & kTcpAck) != 0;
        if (syn + rst + fin > 1) {
            EXPECT_FALSE(is_valid) << flags;
        }
        if (!syn && !rst && !ack) {
            EXPECT_FALSE(is_valid) << flags;
        }
    }
    EXPECT_EQ(valid, 16U);  // 8, each with and without PSH
}

TEST(Tcp, ReadsHeadersWithinTheirBounds) {
    using namespace test;
    TestPacket p = make_tcp(ip("192.0.2.1"), ip("192.0.2.2"), 1, 2,
                            {0x01020304, 0x05060708, kTcpSyn, 0xabcd, 3, 15});
    TcpSegment s;
    ASSERT_TRUE(read_tcp_segment(p.view(), s));
    EXPECT_EQ(s.sequence, 0x01020304U);
    EXPECT_EQ(s.ack, 0x05060708U);
    EXPECT_EQ(s.window, 0xabcd);
    EXPECT_EQ(s.payload, 3);
    EXPECT_EQ(s.length, 4U);
    EXPECT_TRUE(s.has_scale);
    EXPECT_EQ(s.scale, 14);  // RFC 7323 2.3: more than 14 counts as 14

    std::mt19937 random(5);
    for (unsigned round = 0; round < 100'000; ++round) {
        TestPacket q = p;
        q.bytes.resize(q.l4 + random() % (q.bytes.size() - q.l4 + 1));
        for (std::size_t i = q.l4; i < q.bytes.size(); ++i)
            if (random() % 3 == 0) q.bytes[i] = static_cast<std::uint8_t>(random());
        q.bytes.shrink_to_fit();  // for the address sanitiser
        TcpSegment any;
        if (read_tcp_segment(q.view(), any)) {
            EXPECT_LE(any.scale, 14);
            EXPECT_LE(any.payload, q.bytes.size() - q.l4 - 20);
        }
    }
}

TEST(Tcp, SequencesOfIcmpQuotes) {
    Session session;
    tcp_open(session, segment_of({'c', "S", 0, 0, 0, pass, syn_sent}));
    EXPECT_TRUE(tcp_sequence_in_flight(session, Direction::initiator, kClientIsn));
    EXPECT_FALSE(tcp_sequence_in_flight(session, Direction::initiator, kClientIsn + 100));
    tcp_track(session, Direction::responder, segment_of({'s', "SA", 0, 1, 0, pass, syn_sent}));
    tcp_track(session, Direction::initiator, segment_of({'c', "A", 1, 1, 1000, pass, syn_sent}));
    EXPECT_TRUE(tcp_sequence_in_flight(session, Direction::initiator, kClientIsn + 1));
    EXPECT_FALSE(tcp_sequence_in_flight(session, Direction::initiator, kClientIsn + 2000));
    EXPECT_FALSE(tcp_sequence_in_flight(session, Direction::initiator, kClientIsn - 20'000));
}

}  // namespace
}  // namespace portcullis::dataplane
