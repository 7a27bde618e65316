// The short way of parse against the long one: on random frames, most of them nearly good, what the
// one passes the other passes with the same view and key.
#include "dataplane/stages/parse_quickly.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/stages/parse.h"
#include "tests/support/frames.h"

namespace portcullis::dataplane {
namespace {

using test::Bytes;
using test::HandMadeMbuf;
using test::ip;
using test::TestPacket;

const MacAddress kOwn{0x02, 0, 0, 0, 0, 0x01};
const MacAddress kPeer{0x02, 0, 0, 0, 0, 0x99};

struct Slow {
    Parsed parsed;
    Attachment ingress{3, 0};
    PacketView view;
    FlowKey key;
    PacketKind kind = PacketKind::flow;
    bool passes() const { return parsed.fate == Fate::live && kind == PacketKind::flow; }
};

Slow parse_slowly(const rte_mbuf& mbuf) {
    Slow slow;
    Headers headers{slow.ingress, slow.view, slow.key, slow.kind};
    slow.parsed = parse_ethernet(mbuf, mac_word(kOwn), headers);
    if (slow.parsed.fate == Fate::live) slow.parsed = parse_payload(headers);
    return slow;
}

// nullopt where the short way declines; else whether it agrees with the long one.
testing::AssertionResult agree(const rte_mbuf& mbuf, bool& taken) {
    Attachment ingress{3, 0x777};
    PacketView view;
    FlowKey key;
    const auto pass = [&key](const KeyWords& words) { return store(words, key), true; };
    taken = parse_quickly(mbuf, mac_word(kOwn), ingress, view, pass);
    if (!taken) return testing::AssertionSuccess();
    const Slow slow = parse_slowly(mbuf);
    if (!slow.passes())
        return testing::AssertionFailure() << "the long way says " << to_string(slow.parsed.reason);
    if (!(key == slow.key)) return testing::AssertionFailure() << "another key";
    if (!(ingress == slow.ingress)) return testing::AssertionFailure() << "another VLAN";
    const PacketView& other = slow.view;
    if (view.l3 != other.l3 || view.l3_bytes != other.l3_bytes ||
        view.l4_offset != other.l4_offset || view.family != other.family ||
        view.protocol != other.protocol)
        return testing::AssertionFailure() << "another view";
    return testing::AssertionSuccess();
}

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }
    bool one_in(unsigned n) { return below(n) == 0; }
    std::uint16_t port() {
        return one_in(16) ? std::uint16_t{0} : static_cast<std::uint16_t>(engine_());
    }
    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

    IpAddress address(bool v4) {
        if (v4) return IpAddress::from_v4(one_in(8) ? 0x0a000001 : word());
        std::array<std::uint8_t, 16> bytes{};
        for (auto& b : bytes) b = static_cast<std::uint8_t>(word());
        if (one_in(8)) std::fill_n(bytes.begin(), 10, std::uint8_t{0});
        bytes[10] &= 0x7f;  // mapped ones are put in by frame()
        if (one_in(8)) bytes = ip("2001:db8::1").bytes();
        return IpAddress::from_bytes(bytes);
    }

    TestPacket packet() {
        const bool v4 = one_in(2);
        const IpAddress source = address(v4);
        const IpAddress destination = address(v4);
        const Bytes payload(below(30), 0x5a);
        if (one_in(2)) return test::make_udp(source, destination, port(), port(), payload);
        static constexpr std::uint8_t kFlags[] = {0x10, 0x18, 0x02, 0x12, 0x11,
                                                  0x04, 0x14, 0x03, 0xd0};
        test::TcpFields tcp;
        tcp.flags = one_in(3) ? kFlags[below(std::size(kFlags))] : 0x10;
        tcp.payload = static_cast<std::uint16_t>(payload.size());
        return test::make_tcp(source, destination, port(), port(), tcp);
    }

    // A frame around it, possibly with one thing wrong anywhere in its headers.
    Bytes frame() {
        TestPacket made = packet();
        const bool spoilt = one_in(2);
        const std::size_t headers = std::min<std::size_t>(made.l4 + 20, made.bytes.size());
        if (spoilt) made.bytes[below(headers)] ^= static_cast<std::uint8_t>(1U << below(8));
        if (made.family == Family::ipv6 && one_in(16)) {  // ::ffff:0:0/96, RFC 4291 2.5.5.2
            const std::size_t at = one_in(2) ? 8 : 24;
            std::fill_n(made.bytes.begin() + at, 10, std::uint8_t{0});
            std::fill_n(made.bytes.begin() + at + 10, 2, std::uint8_t{0xff});
        }
        if (spoilt && made.family == Family::ipv4 && !one_in(4) &&
            (made.bytes[0] & 0xfU) * 4 <= made.bytes.size())
            test::put16(made.bytes, 10, made.header_checksum());
        const auto vlan = static_cast<std::uint16_t>(one_in(3) ? 1 + below(4095) : 0);
        Bytes out = test::ethernet(one_in(30) ? test::kBroadcastMac : kOwn, kPeer, vlan, made);
        if (one_in(40)) out[6] |= 1;  // a group as source
        if (one_in(40)) out[below(18)] ^= 0x80;
        if (out.size() < 60 && !one_in(4)) out.resize(60);  // as devices do
        if (one_in(10)) out.resize(below(out.size() + 1));
        return out;
    }

  private:
    std::mt19937_64 engine_;
};

TEST(ParseQuickly, WhatItPassesTheOthersPassAlike) {
    Random random(7);
    unsigned taken_in_all = 0;
    constexpr unsigned kRounds = 300'000;
    for (unsigned round = 0; round < kRounds; ++round) {
        HandMadeMbuf buffer(random.frame());
        rte_mbuf& mbuf = buffer.mbuf();
        if (random.one_in(4)) mbuf.ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        if (random.one_in(6)) {
            mbuf.ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
            mbuf.vlan_tci = static_cast<std::uint16_t>(random.word());
        }
        if (random.one_in(50)) mbuf.nb_segs = 2;
        bool taken = false;
        ASSERT_TRUE(agree(mbuf, taken)) << "round " << round;
        taken_in_all += taken;
    }
    // Neither everything nor nothing, or the test would say little.
    EXPECT_GT(taken_in_all, kRounds / 5);
    EXPECT_LT(taken_in_all, kRounds * 9 / 10);
}

// What the short way is there for must not fall back on the long one unnoticed.
TEST(ParseQuickly, TakesTheBulkOfAllPackets) {
    const auto takes = [](const TestPacket& packet, std::uint16_t vlan, std::uint64_t flags) {
        Bytes frame = test::ethernet(kOwn, kPeer, vlan, packet);
        if (frame.size() < 60) frame.resize(60);
        HandMadeMbuf buffer(frame);
        buffer.mbuf().ol_flags = flags;
        buffer.mbuf().vlan_tci = 0xe00a;
        bool taken = false;
        EXPECT_TRUE(agree(buffer.mbuf(), taken));
        return taken;
    };
    for (const auto& [source, destination] : {std::pair{ip("198.51.100.7"), ip("203.0.113.12")},
                                              std::pair{ip("2001:db8::7"), ip("2001:db8::12")}}) {
        const TestPacket udp = test::make_udp(source, destination, 50000, 3478, {1, 2});
        const TestPacket tcp = test::make_tcp(source, destination, 50000, 443, {1, 2, 0x10});
        for (const TestPacket& packet : {udp, tcp}) {
            EXPECT_TRUE(takes(packet, 0, 0));
            EXPECT_TRUE(takes(packet, 10, 0));
            EXPECT_TRUE(takes(packet, 0, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED));
        }
    }
    EXPECT_FALSE(
        takes(test::make_tcp(ip("198.51.100.7"), ip("203.0.113.12"), 1, 2, {1, 0, 0x02}), 0, 0));
}

// Each checksum that a header can have: taken where the long way finds it right. One of the headers sums
// up to 0xffff without its checksum, so that 0 and 0xffff are both right.
TEST(ParseQuickly, TakesTheChecksumsThatAreRightAndNoOthers) {
    const IpAddress source = ip("198.51.100.7"), destination = ip("203.0.113.12");
    for (const bool ambiguous : {false, true}) {
        TestPacket udp = test::make_udp(source, destination, 50000, 3478, Bytes(20, 1));
        if (ambiguous) {
            test::put16(udp.bytes, 4, 0);  // the identification makes up for what the rest lacks
            test::put16(udp.bytes, 10, 0);
            test::put16(udp.bytes, 4, udp.header_checksum());
        }
        HandMadeMbuf buffer(test::ethernet(kOwn, kPeer, 0, udp));
        unsigned right = 0;
        for (std::uint32_t checksum = 0; checksum <= 0xffff; ++checksum) {
            std::uint8_t* at = rte_pktmbuf_mtod(&buffer.mbuf(), std::uint8_t*) + 14 + 10;
            at[0] = static_cast<std::uint8_t>(checksum >> 8);
            at[1] = static_cast<std::uint8_t>(checksum);
            bool taken = false;
            ASSERT_TRUE(agree(buffer.mbuf(), taken)) << checksum;
            ASSERT_EQ(taken, parse_slowly(buffer.mbuf()).passes()) << checksum;
            right += taken;
        }
        EXPECT_EQ(right, ambiguous ? 2U : 1U);
    }
}

// A device's good word about the header checksum is taken, as the long way takes it.
TEST(ParseQuickly, ADevicesWordAboutTheChecksumIsTaken) {
    Bytes frame = test::ethernet(
        kOwn, kPeer, 0,
        test::make_udp(ip("198.51.100.7"), ip("203.0.113.12"), 50000, 3478, Bytes(40, 1)));
    frame[14 + 10] ^= 0xff;
    HandMadeMbuf buffer(frame);
    bool taken = true;
    EXPECT_TRUE(agree(buffer.mbuf(), taken));
    EXPECT_FALSE(taken);
    buffer.mbuf().ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    EXPECT_TRUE(agree(buffer.mbuf(), taken));
    EXPECT_TRUE(taken);
}

}  // namespace
}  // namespace portcullis::dataplane
