// UDP flows under `portcullis identify`: as the data plane in mode enforce, which judges the
// initiator's datagrams until the responder has answered.
#include "tests/unit/control/cli/identify_fixture.h"

namespace portcullis::control::cli {
namespace {

using namespace testing;

class IdentifyUdp : public IdentifyTest {
  protected:
    void client(const Bytes& payload) { add(make_udp(kClient, kServer, 40000, 3478, payload)); }
    void server(const Bytes& payload) { add(make_udp(kServer, kClient, 3478, 40000, payload)); }
    Json flow() const { return flows(file_).at(0); }

    static Bytes stun(std::uint8_t type) {
        Bytes message(20, type);
        put16(message, 0, type);
        put16(message, 2, 0);
        put32(message, 4, 0x2112a442);
        return message;
    }
    static Bytes rtp(std::uint16_t sequence) {
        Bytes packet(60, 0x5a);
        put16(packet, 0, 0x8000);
        put16(packet, 2, sequence);
        return packet;
    }
    static inline const Bytes kRequest = stun(1);
    static inline const Bytes kTunnel = {'S', 'S', 'H', '-', '2', '.', '0', '-', 'x', '\r', '\n'};

  private:
    void add(const dataplane::test::TestPacket& packet) {
        file_.add(packet.bytes, time_ += 1'000'000);
    }
    CaptureFile file_;
    std::uint64_t time_ = 1'700'000'000'000'000'000;
};

TEST_F(IdentifyUdp, AnotherProtocolBeforeAnyAnswerIsRefused) {
    client(kRequest);
    client(kTunnel);
    EXPECT_EQ(flow()["class"], "unknown");
    EXPECT_EQ(flow()["passes"]["turn-udp"], false);
    EXPECT_EQ(flow()["reasons"]["media-udp"], "the first bytes are of another protocol");
    EXPECT_TRUE(flow()["notes"].empty());
    server(kRequest);
    EXPECT_EQ(flow()["class"], "unknown") << "too late";
}

TEST_F(IdentifyUdp, WhatFollowsAnAnswerIsNotLookedAt) {
    client(kRequest);
    client(kRequest);
    server({9, 9});
    client(kTunnel);
    EXPECT_EQ(flow()["class"], "turn-udp");
    EXPECT_TRUE(flow()["notes"].empty()) << flow()["notes"];
}

TEST_F(IdentifyUdp, ACaptureThatEndsWithoutAnAnswerPassesAndSaysSo) {
    client(kRequest);
    EXPECT_EQ(flow()["class"], "turn-udp");
    EXPECT_EQ(flow()["passes"]["media-udp"], true);
    EXPECT_EQ(flow()["passes"]["dns-udp"], false);
    EXPECT_EQ(flow()["notes"],
              Json({"no answer follows in the capture: until there is one, all that the initiator "
                    "sends is judged"}));
    client({0});
    client(kRequest);
    EXPECT_EQ(flow()["class"], "turn-udp");
}

// Recognised by going on, and judged still.
TEST_F(IdentifyUdp, MediaToo) {
    for (std::uint16_t i = 0; i < 20; ++i) client(rtp(i));
    EXPECT_EQ(flow()["class"], "turn-udp");
    EXPECT_EQ(flow()["notes"].size(), 1U);
    for (std::uint16_t i = 0; i < 5; ++i) client(rtp(7));
    EXPECT_EQ(flow()["reasons"]["media-udp"],
              "neither a STUN check nor an RTP stream that goes on");
}

// The responder's word is an answer: nobody need hear it any more.
TEST_F(IdentifyUdp, TheRespondersOwnProof) {
    client(rtp(1));
    server(kRequest);
    client(kTunnel);
    EXPECT_EQ(flow()["class"], "turn-udp");
    EXPECT_TRUE(flow()["notes"].empty());
}

}  // namespace
}  // namespace portcullis::control::cli
