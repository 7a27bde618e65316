// STUN, TURN and MS-TURN messages: which are requests, which are answers, and to what.
#include "dataplane/session/stun.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;
using Kind = StunMessage::Kind;

Bytes message(unsigned type, std::uint8_t id, bool cookie = true, unsigned attributes = 0) {
    Bytes b(20 + attributes, 0);
    put16(b, 0, type);
    put16(b, 2, attributes);
    if (cookie)
        put32(b, 4, 0x2112a442);
    else
        put32(b, 4, 0x01010101U * id);
    for (unsigned i = 8; i < 20; ++i) b[i] = static_cast<std::uint8_t>(id + i);
    return b;
}

StunMessage read(const Bytes& payload) {
    TestPacket p = make_udp(ip("192.0.2.1"), ip("192.0.2.2"), 1, 3478, payload);
    p.bytes.shrink_to_fit();
    return read_stun(p.view());
}

TEST(Stun, Kinds) {
    struct Case {
        unsigned type;
        bool cookie;
        Kind kind;
    };
    for (const Case& c : {Case{0x0001, true, Kind::request},
                          {0x0101, true, Kind::response},
                          {0x0111, true, Kind::response},
                          {0x0011, true, Kind::none},
                          {0x0003, true, Kind::request},
                          {0x0103, true, Kind::response},
                          {0x0113, true, Kind::response},
                          {0x0004, true, Kind::request},
                          {0x0016, true, Kind::none},
                          {0x0017, true, Kind::none},
                          // MS-TURN, without a cookie
                          {0x0003, false, Kind::request},
                          {0x0103, false, Kind::response},
                          {0x0113, false, Kind::response},
                          {0x0006, false, Kind::request},
                          {0x0106, false, Kind::response},
                          {0x0004, false, Kind::none},
                          // RTP
                          {0x8000, false, Kind::none},
                          {0x4001, false, Kind::none}}) {
        EXPECT_EQ(read(message(c.type, 1, c.cookie)).kind, c.kind) << std::hex << c.type;
    }
}

TEST(Stun, AnswersHaveTheFingerprintOfTheirRequest) {
    for (const bool cookie : {true, false})
        for (unsigned id = 0; id < 256; ++id) {
            const auto i = static_cast<std::uint8_t>(id);
            const StunMessage request = read(message(3, i, cookie, 7));  // unpadded attributes
            const StunMessage answer = read(message(0x103, i, cookie, 40));
            EXPECT_NE(request.fingerprint, 0U);
            EXPECT_EQ(request.fingerprint, answer.fingerprint);
            const auto next = static_cast<std::uint8_t>(id + 1);
            EXPECT_NE(request.fingerprint, read(message(3, next, cookie)).fingerprint);
        }
}

TEST(Stun, BehindAMultiplexedTurnHeader) {
    Bytes framed = {0xff, 0x10, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const Bytes inner = message(3, 9, false);
    append(framed, inner);
    EXPECT_EQ(read(framed).kind, Kind::request);
    EXPECT_EQ(read(framed).fingerprint, read(inner).fingerprint);
    framed.resize(12 + 19);
    EXPECT_EQ(read(framed).kind, Kind::none);
}

TEST(Stun, NothingIsReadBeyondTheEnd) {
    Bytes lying = message(1, 1);
    put16(lying, 2, 4);
    EXPECT_EQ(read(lying).kind, Kind::none);
    std::mt19937 random(2);
    for (unsigned round = 0; round < 50'000; ++round) {
        Bytes b(random() % 40);
        for (auto& byte : b) byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : 0);
        if (b.size() > 2 && random() % 2 == 0) b[0] = 0xff, b[1] = 0x10;
        const StunMessage m = read(b);
        EXPECT_EQ(m.fingerprint != 0, m.kind != Kind::none);
    }
}

TEST(Stun, TheLastEightRequestsAreOutstanding) {
    Session session;
    session.protocol.stun = StunTransactions{};
    for (std::uint32_t id = 1; id <= 12; ++id) {
        stun_remember(session, id);
        stun_remember(session, id);  // sent again: takes no second place
    }
    for (std::uint32_t id = 1; id <= 12; ++id) EXPECT_EQ(stun_outstanding(session, id), id > 4);
    stun_forget(session, 12);
    EXPECT_FALSE(stun_outstanding(session, 12));
    EXPECT_FALSE(stun_outstanding(session, 0));
    stun_remember(session, 13);
    for (std::uint32_t id = 5; id <= 11; ++id) EXPECT_TRUE(stun_outstanding(session, id));
}

TEST(Stun, WhatIsAnsweredIsForgottenFirst) {
    Session session;
    session.protocol.stun = StunTransactions{};
    stun_remember(session, 1);
    for (std::uint32_t id = 2; id <= 100; ++id) {
        stun_remember(session, id);
        stun_answered(session, id);
        EXPECT_TRUE(stun_outstanding(session, id)) << "a second answer may come";
    }
    EXPECT_TRUE(stun_outstanding(session, 1));
}

}  // namespace
}  // namespace portcullis::dataplane
