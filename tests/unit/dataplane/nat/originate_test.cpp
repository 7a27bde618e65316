// ICMP errors and resets that we send ourselves.
#include "dataplane/nat/originate.h"

#include <gtest/gtest.h>

#include "dataplane/nat/icmp_error.h"
#include "dataplane/session/tcp.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

TestPacket built(const Bytes& out, std::size_t length) {
    TestPacket p;
    p.bytes.assign(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length));
    p.family = p.bytes[0] >> 4 == 4 ? Family::ipv4 : Family::ipv6;
    p.l4 = p.family == Family::ipv4 ? 20 : 40;
    p.protocol = p.bytes[p.family == Family::ipv4 ? 9 : 6];
    return p;
}

struct Ends {
    IpAddress client, server, router;
};
const Ends kFamilies[] = {{ip("198.51.100.7"), ip("203.0.113.10"), ip("203.0.113.1")},
                          {ip("2001:db8:1::7"), ip("2001:db8:2::10"), ip("2001:db8:2::1")}};

TEST(Originate, IcmpErrorsAreCompleteAndComeBack) {
    for (const Ends& ends : kFamilies)
        for (const std::size_t payload : {0, 1, 100, 1400}) {
            const bool v4 = ends.client.is_v4();
            TestPacket about = make_udp(ends.client, ends.server, 1000, 3478, Bytes(payload, 0xab));
            Bytes out(kMaxOriginatedBytes, 0xee);
            const std::size_t length =
                build_icmp_error(about.view(), IcmpError::too_big, 1280, ends.router, out);
            ASSERT_GT(length, 0U);
            const std::size_t headers = v4 ? 28 : 48;
            const std::size_t limit = v4 ? 576 : 1280;
            EXPECT_EQ(length, std::min(headers + about.bytes.size(), limit));
            TestPacket error = built(out, length);
            EXPECT_TRUE(error.checksums_right());
            EXPECT_EQ(get16(error.bytes, v4 ? 2 : 4), v4 ? length : length - 40);
            const FlowKey outer = key_of(error, 0);
            EXPECT_EQ(outer.source, ends.router);
            EXPECT_EQ(outer.destination, ends.client);
            EXPECT_EQ(error.bytes[error.l4], v4 ? 3 : 2);
            EXPECT_EQ(error.bytes[error.l4 + 1], v4 ? 4 : 0);
            EXPECT_EQ(v4 ? get16(error.bytes, error.l4 + 6) : get32(error.bytes, error.l4 + 4),
                      1280U);
            EXPECT_TRUE(std::equal(error.bytes.begin() + static_cast<std::ptrdiff_t>(headers),
                                   error.bytes.end(), about.bytes.begin()));
            // Another Portcullis on the way would know it as this session's.
            const auto flow = parse_icmp_error(error.view(), 0);
            ASSERT_TRUE(flow);
            EXPECT_EQ(flow->key.source, ends.server);
            EXPECT_EQ(flow->key.source_port, 3478);
            EXPECT_EQ(flow->key.destination_port, 1000);
        }
}

TEST(Originate, TypesAndCodes) {
    struct Case {
        IcmpError error;
        unsigned v4, v6;
    };
    for (const Case& c : {Case{IcmpError::time_exceeded, 0x0b00, 0x0300},
                          {IcmpError::too_big, 0x0304, 0x0200},
                          {IcmpError::no_route, 0x0300, 0x0100},
                          {IcmpError::host_unreachable, 0x0301, 0x0103},
                          {IcmpError::port_unreachable, 0x0303, 0x0104},
                          {IcmpError::admin_prohibited, 0x030d, 0x0101}})
        for (const Ends& ends : kFamilies) {
            TestPacket about = make_udp(ends.client, ends.server, 1, 2);
            Bytes out(kMaxOriginatedBytes);
            const std::size_t n = build_icmp_error(about.view(), c.error, 1500, ends.router, out);
            TestPacket error = built(out, n);
            EXPECT_EQ(get16(error.bytes, error.l4), ends.client.is_v4() ? c.v4 : c.v6);
        }
}

TEST(Originate, WhatGetsNoIcmpError) {
    Bytes out(kMaxOriginatedBytes);
    const auto about = [&](TestPacket p) {
        return build_icmp_error(
            p.view(), IcmpError::time_exceeded, 0,
            p.family == Family::ipv4 ? kFamilies[0].router : kFamilies[1].router, out);
    };
    for (const Ends& ends : kFamilies) {
        const bool v4 = ends.client.is_v4();
        EXPECT_NE(about(make_echo(ends.client, ends.server, true, 1)), 0U);
        const TestPacket udp = make_udp(ends.client, ends.server, 1, 2);
        EXPECT_EQ(about(make_icmp_error(ends.client, ends.server, v4 ? 3 : 1, 0, udp.bytes)), 0U);
        EXPECT_EQ(about(make_icmp_error(ends.client, ends.server, v4 ? 5 : 137, 0, {})), 0U);
        for (const char* bad :
             {"224.0.0.5", "255.255.255.255", "127.0.0.1", "0.0.0.0", "ff02::1", "::", "::1"}) {
            if (ip(bad).is_v4() != v4) continue;
            EXPECT_EQ(about(make_udp(ip(bad), ends.server, 1, 2)), 0U) << bad;
            EXPECT_EQ(about(make_udp(ends.client, ip(bad), 1, 2)), 0U) << bad;
        }
        Bytes small(60);
        TestPacket p = make_udp(ends.client, ends.server, 1, 2, Bytes(100));
        const std::size_t n =
            build_icmp_error(p.view(), IcmpError::time_exceeded, 0, ends.router, small);
        EXPECT_EQ(n, v4 ? 60U : 0U);
    }
    TestPacket fragment = make_udp(kFamilies[0].client, kFamilies[0].server, 1, 2, Bytes(64));
    put16(fragment.bytes, 6, 0x0003);
    EXPECT_EQ(about(fragment), 0U);
}

TEST(Originate, ResetsAnswerASegment) {
    for (const Ends& ends : kFamilies) {
        Bytes out(kMaxOriginatedBytes);
        TestPacket data = make_tcp(ends.client, ends.server, 1000, 443, {77, 99, kTcpAck, 500, 10});
        std::size_t n = build_tcp_reset(data.view(), out);
        TestPacket reset = built(out, n);
        EXPECT_TRUE(reset.checksums_right());
        TcpSegment s;
        ASSERT_TRUE(read_tcp_segment(reset.view(), s));
        EXPECT_EQ(s.flags, kTcpRst);
        EXPECT_EQ(s.sequence, 99U);
        FlowKey expected = key_of(data, 0);
        std::swap(expected.source, expected.destination);
        std::swap(expected.source_port, expected.destination_port);
        EXPECT_EQ(key_of(reset, 0), expected);

        TestPacket syn = make_tcp(ends.client, ends.server, 1000, 443, {77, 0, kTcpSyn});
        n = build_tcp_reset(syn.view(), out);
        reset = built(out, n);
        EXPECT_TRUE(reset.checksums_right());
        ASSERT_TRUE(read_tcp_segment(reset.view(), s));
        EXPECT_EQ(s.flags, kTcpRst | kTcpAck);
        EXPECT_EQ(s.sequence, 0U);
        EXPECT_EQ(s.ack, 78U);
        EXPECT_EQ(build_tcp_reset(reset.view(), out), 0U) << "a reset about a reset";
        TestPacket udp = make_udp(ends.client, ends.server, 1, 2, Bytes(40));
        EXPECT_EQ(build_tcp_reset(udp.view(), out), 0U);
    }
}

// A reset made from the session is one that the tracker itself takes for exact, and is addressed as
// the session's peer would be, translated.
TEST(Originate, SessionResetsReachBothEnds) {
    for (const Ends& ends : kFamilies) {
        const IpAddress& vip = ends.router;
        Session session;
        TestPacket p = make_tcp(ends.client, vip, 1000, 443, {77, 0, kTcpSyn});
        session.key[0] = key_of(p, 1);
        session.key[1] = key_of(make_tcp(ends.server, vip, 443, 2222, {}), 2);
        const auto segment = [](std::uint32_t seq, std::uint32_t ack, std::uint8_t flags,
                                std::uint16_t payload) {
            TcpSegment s;
            s.sequence = seq;
            s.ack = ack;
            s.flags = flags;
            s.payload = payload;
            s.length = payload + (s.has(kTcpSyn) ? 1U : 0U);
            s.window = 8000;
            return s;
        };
        Bytes out(kMaxOriginatedBytes);
        EXPECT_EQ(build_session_reset(session, Direction::initiator, ResetAt::sent, out), 0U)
            << "a free session";
        tcp_open(session, segment(77, 0, kTcpSyn, 0));
        TcpSegment s;
        // Before the answer: good in SYN-SENT (RFC 793 3.4: it acknowledges the SYN).
        TestPacket early =
            built(out, build_session_reset(session, Direction::initiator, ResetAt::sent, out));
        ASSERT_TRUE(read_tcp_segment(early.view(), s));
        EXPECT_EQ(s.flags, kTcpRst | kTcpAck);
        EXPECT_EQ(s.ack, 78U);
        // The responder has sent nothing that an ACK could be about.
        early = built(out, build_session_reset(session, Direction::responder, ResetAt::sent, out));
        ASSERT_TRUE(read_tcp_segment(early.view(), s));
        EXPECT_EQ(s.flags, kTcpRst);
        EXPECT_EQ(s.sequence, 78U);
        tcp_track(session, Direction::responder, segment(500, 78, kTcpSyn | kTcpAck, 0));
        tcp_track(session, Direction::initiator, segment(78, 501, kTcpAck, 300));
        tcp_track(session, Direction::responder, segment(501, 378, kTcpAck, 40));
        for (const Direction to : {Direction::initiator, Direction::responder}) {
            TestPacket reset = built(out, build_session_reset(session, to, ResetAt::sent, out));
            EXPECT_TRUE(reset.checksums_right());
            FlowKey key = key_of(reset, session.key[index_of(to)].interface);
            std::swap(key.source, key.destination);
            std::swap(key.source_port, key.destination_port);
            EXPECT_EQ(key, session.key[index_of(to)]);
            ASSERT_TRUE(read_tcp_segment(reset.view(), s));
            Session copy = session;
            EXPECT_EQ(tcp_track(copy, opposite(to), s), TcpVerdict::pass);
            EXPECT_EQ(copy.state, SessionState::closing);
        }
        EXPECT_EQ(
            build_session_reset(session, Direction::initiator, ResetAt::sent, {out.data(), 30}),
            0U);
        // The client has got 40 bytes that it has not acknowledged, or has not got them; the server has
        // acknowledged all.
        EXPECT_EQ(build_session_reset(session, Direction::responder, ResetAt::acknowledged, out),
                  0U);
        for (const auto& [at, sequence] :
             {std::pair{ResetAt::sent, 541U}, std::pair{ResetAt::acknowledged, 501U}}) {
            TestPacket reset =
                built(out, build_session_reset(session, Direction::initiator, at, out));
            ASSERT_TRUE(read_tcp_segment(reset.view(), s));
            EXPECT_EQ(s.sequence, sequence);
        }
    }
}

}  // namespace
}  // namespace portcullis::dataplane
