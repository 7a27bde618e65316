#include "dataplane/stages/parse.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/support/frames.h"

namespace portcullis::dataplane {
namespace {

using test::Bytes;
using test::HandMadeMbuf;
using test::ip;
using test::TestPacket;

const MacAddress kOwn{0x02, 0, 0, 0, 0, 0x01};
const MacAddress kPeer{0x02, 0, 0, 0, 0, 0x99};
const IpAddress kClient = ip("198.51.100.25");
const IpAddress kServer = ip("203.0.113.10");
const IpAddress kClient6 = ip("2001:db8:ffff::25");
const IpAddress kServer6 = ip("2001:db8:113::10");

struct Result {
    Parsed parsed;
    Attachment ingress{3, 0};
    PacketView view;
    FlowKey key;
    PacketKind kind = PacketKind::flow;
};

Result parse_frame(HandMadeMbuf& buffer) {
    Result result;
    Headers headers{result.ingress, result.view, result.key, result.kind};
    result.parsed = parse_ethernet(buffer.mbuf(), mac_word(kOwn), headers);
    if (result.parsed.fate == Fate::live) result.parsed = parse_payload(headers);
    return result;
}

std::string describe(const Parsed& parsed) {
    if (parsed.fate == Fate::dropped) return std::string(to_string(parsed.reason));
    if (parsed.fate == Fate::punted) return "punt " + std::to_string(int(parsed.note));
    return "pass";
}

std::string outcome(const Bytes& frame) {
    HandMadeMbuf buffer(frame);
    return describe(parse_frame(buffer).parsed);
}

Bytes framed(const TestPacket& packet, std::uint16_t vlan = 0) {
    return test::ethernet(kOwn, kPeer, vlan, packet);
}
// A packet with something wrong; the IPv4 header checksum is made right again afterwards.
Bytes framed(TestPacket packet, const std::function<void(Bytes&)>& spoil) {
    spoil(packet.bytes);
    if (packet.family == Family::ipv4 && packet.bytes.size() >= 20 &&
        packet.bytes.size() >= (packet.bytes[0] & 0xfU) * 4)
        test::put16(packet.bytes, 10, packet.header_checksum());
    return framed(packet);
}

TestPacket syn() {
    return test::make_tcp(kClient, kServer, 40000, 443, {1, 0, 0x02});
}
TestPacket syn6() {
    return test::make_tcp(kClient6, kServer6, 40000, 443, {1, 0, 0x02});
}
TestPacket udp() {
    return test::make_udp(kClient, kServer, 40000, 3478, {1, 2, 3});
}
TestPacket udp6() {
    return test::make_udp(kClient6, kServer6, 40000, 3478, {1, 2, 3});
}

TEST(Parse, KeyAndViewOfTcp) {
    for (const auto vlan : {std::uint16_t{0}, std::uint16_t{10}}) {
        HandMadeMbuf buffer(framed(syn(), vlan));
        const Result result = parse_frame(buffer);
        ASSERT_EQ(describe(result.parsed), "pass");
        EXPECT_EQ(result.ingress, (Attachment{3, vlan}));
        EXPECT_EQ(result.key, test::key_of(syn(), wire_id({3, vlan})));
        EXPECT_EQ(result.view.l3_bytes, 40);
        EXPECT_EQ(result.view.l4_offset, 20);
        EXPECT_EQ(result.view.protocol, 6);
        EXPECT_EQ(result.kind, PacketKind::flow);
    }
}

TEST(Parse, KeysOfEveryKind) {
    for (const TestPacket& packet :
         {syn6(), udp(), udp6(), test::make_echo(kClient, kServer, true, 77),
          test::make_echo(kClient, kServer, false, 77),
          test::make_echo(kClient6, kServer6, true, 78),
          test::make_echo(kClient6, kServer6, false, 78)}) {
        HandMadeMbuf buffer(framed(packet, 20));
        const Result result = parse_frame(buffer);
        ASSERT_EQ(describe(result.parsed), "pass");
        EXPECT_EQ(result.key, test::key_of(packet, wire_id({3, 20})));
        EXPECT_EQ(result.view.l3_bytes, packet.bytes.size());
    }
}

TEST(Parse, EthernetPaddingIsNoPartOfThePacket) {
    Bytes frame = framed(udp());
    const std::size_t ip_bytes = frame.size() - 14;
    frame.resize(60, 0xee);
    HandMadeMbuf buffer(frame);
    const Result result = parse_frame(buffer);
    ASSERT_EQ(describe(result.parsed), "pass");
    EXPECT_EQ(result.view.l3_bytes, ip_bytes);
}

TEST(Parse, ATagThatTheDeviceStripped) {
    HandMadeMbuf buffer(framed(syn()));
    buffer.mbuf().ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    buffer.mbuf().vlan_tci = 0xe00a;  // priority 7, id 10
    const Result result = parse_frame(buffer);
    ASSERT_EQ(describe(result.parsed), "pass");
    EXPECT_EQ(result.ingress.vlan, 10);
    EXPECT_EQ(result.key.interface, wire_id({3, 10}));

    // And another one in the frame.
    HandMadeMbuf twice(framed(syn(), 20));
    twice.mbuf().ol_flags = RTE_MBUF_F_RX_VLAN_STRIPPED;
    twice.mbuf().vlan_tci = 10;
    EXPECT_EQ(describe(parse_frame(twice).parsed), "bad-ethernet");
}

TEST(Parse, PriorityTagIsUntagged) {
    Bytes frame = framed(syn(), 1);
    frame[14] = 0xe0;  // priority 7, id 0
    frame[15] = 0;
    HandMadeMbuf buffer(frame);
    const Result result = parse_frame(buffer);
    EXPECT_EQ(describe(result.parsed), "pass");
    EXPECT_EQ(result.ingress.vlan, 0);
}

TEST(Parse, MalformedEthernet) {
    EXPECT_EQ(outcome({}), "bad-ethernet");
    EXPECT_EQ(outcome(Bytes(13, 2)), "bad-ethernet");
    Bytes frame = framed(syn(), 10);
    frame.resize(17);
    EXPECT_EQ(outcome(frame), "bad-ethernet");
    EXPECT_EQ(outcome(test::ethernet(kOwn, kPeer, 10, 0x8100, Bytes(40, 0))), "bad-ethernet");
    EXPECT_EQ(outcome(test::ethernet(kOwn, kPeer, 0, 0x88a8, Bytes(40, 0))), "bad-ethernet");
    EXPECT_EQ(outcome(test::ethernet(kOwn, test::kBroadcastMac, 0, 0x0800, syn().bytes)),
              "bad-ethernet");
    EXPECT_EQ(outcome(test::ethernet(kPeer, kPeer, 0, syn())), "not-for-us");
    EXPECT_EQ(outcome(test::ethernet({0x01, 0, 0x5e, 0, 0, 1}, kPeer, 0, udp())), "not-for-us");
    EXPECT_EQ(outcome(test::ethernet({0x33, 0x33, 0, 0, 0, 2}, kPeer, 0, udp6())), "not-for-us");
    for (const TestPacket& packet : {syn(), udp(), udp6(), syn6()})
        EXPECT_EQ(outcome(test::ethernet(test::kBroadcastMac, kPeer, 0, packet)), "not-for-us");
    EXPECT_EQ(outcome(test::ethernet(kOwn, kPeer, 0, 0x88cc, Bytes(40, 0))), "unknown-ethertype");
    EXPECT_EQ(outcome(test::ethernet(kOwn, kPeer, 0, 46, Bytes(46, 0))), "unknown-ethertype");
}

TEST(Parse, SeveralBuffersOrNoRoomForATag) {
    HandMadeMbuf buffer(framed(syn()));
    buffer.mbuf().nb_segs = 2;
    EXPECT_EQ(describe(parse_frame(buffer).parsed), "multi-segment");
    buffer.mbuf().nb_segs = 1;
    buffer.mbuf().data_off = 3;
    EXPECT_EQ(describe(parse_frame(buffer).parsed), "multi-segment");
}

TEST(Parse, Arp) {
    const auto with = [](const std::function<void(Bytes&)>& spoil) {
        Bytes packet = test::arp(1, kPeer, kClient, kServer);
        spoil(packet);
        return outcome(test::ethernet(test::kBroadcastMac, kPeer, 10, 0x0806, packet));
    };
    const std::string punt = "punt " + std::to_string(int(NoteKind::arp));
    EXPECT_EQ(with([](Bytes&) {}), punt);
    EXPECT_EQ(with([](Bytes& b) { b[7] = 2; }), punt);
    EXPECT_EQ(with([](Bytes& b) { b.resize(60); }), punt);
    EXPECT_EQ(with([](Bytes& b) { b.resize(27); }), "bad-arp");
    EXPECT_EQ(with([](Bytes& b) { b[1] = 6; }), "bad-arp");
    EXPECT_EQ(with([](Bytes& b) { b[2] = 0x86; }), "bad-arp");
    EXPECT_EQ(with([](Bytes& b) { b[4] = 8; }), "bad-arp");
    EXPECT_EQ(with([](Bytes& b) { b[5] = 16; }), "bad-arp");
    EXPECT_EQ(with([](Bytes& b) { b[7] = 3; }), "bad-arp");
    EXPECT_EQ(with([](Bytes& b) { b[7] = 0; }), "bad-arp");
}

// The checksum is the device's work where it says so. Its bad word only means a second look.
TEST(Parse, IPv4ChecksumByTheDevice) {
    TestPacket broken = syn();
    broken.bytes[10] ^= 1;
    const auto with = [](const TestPacket& packet, std::uint64_t flags) {
        HandMadeMbuf buffer(framed(packet));
        buffer.mbuf().ol_flags = flags;
        return describe(parse_frame(buffer).parsed);
    };
    EXPECT_EQ(with(broken, RTE_MBUF_F_RX_IP_CKSUM_GOOD), "pass");
    EXPECT_EQ(with(broken, RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN), "bad-ip-checksum");
    EXPECT_EQ(with(broken, RTE_MBUF_F_RX_IP_CKSUM_BAD), "bad-ip-checksum");
    EXPECT_EQ(with(broken, RTE_MBUF_F_RX_IP_CKSUM_NONE), "bad-ip-checksum");
    EXPECT_EQ(with(syn(), RTE_MBUF_F_RX_IP_CKSUM_BAD), "pass");
}

TEST(Parse, MalformedIpv4) {
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b.resize(19); })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b.clear(); })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b[0] = 0x65; })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b[0] = 0x44; })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b[0] = 0x4f; })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { test::put16(b, 2, 19); })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { test::put16(b, 2, 41); })), "bad-ip-header");
    TestPacket broken = syn();
    broken.bytes[10] ^= 1;
    EXPECT_EQ(outcome(framed(broken)), "bad-ip-checksum");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b[0] = 0x46; })), "ip-options");
    for (const unsigned field : {0x2000U, 0x0001U, 0x1fffU, 0x6001U})
        EXPECT_EQ(outcome(framed(syn(), [&](Bytes& b) { test::put16(b, 6, field); })), "fragment");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { std::copy_n(&b[12], 4, &b[16]); })), "land");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b[9] = 47; })), "unknown-protocol");
    EXPECT_EQ(outcome(framed(syn(), [](Bytes& b) { b[9] = 58; })), "unknown-protocol");
}

TEST(Parse, MalformedIpv6) {
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { b.resize(39); })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { b[0] = 0x40; })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { test::put16(b, 4, 21); })), "bad-ip-header");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { test::put16(b, 4, 19); })), "bad-l4-header");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { std::copy_n(&b[8], 16, &b[24]); })), "land");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { b[6] = 1; })), "unknown-protocol");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { b[6] = 59; })), "unknown-protocol");
    EXPECT_EQ(outcome(framed(syn6(), [](Bytes& b) { b[6] = 50; })), "unknown-protocol");
}

// Keys hold IPv4 as ::ffff:a.b.c.d: the same bytes out of an IPv6 header must never become a key.
TEST(Parse, MappedAddressesOnTheWire) {
    const auto mapped = [](std::size_t at) {
        return [at](Bytes& b) {
            std::fill_n(&b[at], 10, std::uint8_t{0});
            b[at + 10] = b[at + 11] = 0xff;
        };
    };
    EXPECT_EQ(outcome(framed(syn6(), mapped(8))), "bogon-source");
    EXPECT_EQ(outcome(framed(syn6(), mapped(24))), "no-rule");
}

// An IPv6 packet whose UDP datagram sits behind extension headers.
Bytes extended(std::uint8_t first, const Bytes& headers) {
    TestPacket packet = udp6();
    packet.bytes[6] = first;
    packet.bytes.insert(packet.bytes.begin() + 40, headers.begin(), headers.end());
    test::put16(packet.bytes, 4, static_cast<unsigned>(packet.bytes.size() - 40));
    return framed(packet);
}

TEST(Parse, ExtensionChain) {
    const Bytes to_udp = {17, 0, 1, 4, 0, 0, 0, 0};  // PadN
    const Bytes alert = {17, 0, 5, 2, 0, 0, 0, 0};   // router alert, two Pad1
    const Bytes two = {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0};
    for (const Bytes& chain : {to_udp, alert}) {
        HandMadeMbuf buffer(extended(0, chain));
        const Result result = parse_frame(buffer);
        ASSERT_EQ(describe(result.parsed), "pass");
        EXPECT_EQ(result.view.l4_offset, 48);
        EXPECT_EQ(result.view.protocol, 17);
        EXPECT_EQ(result.key.destination_port, 3478);
    }
    EXPECT_EQ(outcome(extended(60, to_udp)), "pass");
    EXPECT_EQ(outcome(extended(0, two)), "pass");
    EXPECT_EQ(outcome(extended(60, two)), "pass");

    // Hop-by-hop that is not first.
    EXPECT_EQ(outcome(extended(60, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0})),
              "bad-extension");
    // A jumbo payload, a fragment, routing, authentication, mobility, HIP, shim6.
    EXPECT_EQ(outcome(extended(0, {17, 0, 0xc2, 4, 0, 1, 0, 0})), "bad-extension");
    EXPECT_EQ(outcome(extended(44, {17, 0, 0, 0, 0, 0, 0, 1})), "fragment");
    EXPECT_EQ(outcome(extended(60, {44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1})),
              "fragment");
    for (const std::uint8_t type : Bytes{43, 51, 135, 139, 140})
        EXPECT_EQ(outcome(extended(type, {17, 0, 0, 0, 0, 0, 0, 0})), "bad-extension");
    // Longer than the packet; options that run over their header's end.
    EXPECT_EQ(outcome(extended(0, {17, 9, 1, 4, 0, 0, 0, 0})), "bad-extension");
    EXPECT_EQ(outcome(extended(0, {17, 0, 1, 5, 0, 0, 0, 0})), "bad-extension");
    EXPECT_EQ(outcome(extended(60, {17, 0, 0, 0, 0, 0, 0, 1})), "bad-extension");
    // At most four of them.
    const auto chain_of = [](unsigned headers) {
        Bytes chain(headers * 8, 0);
        for (unsigned i = 0; i < headers; ++i) {
            chain[i * 8] = i + 1 == headers ? 17 : 60;
            chain[i * 8 + 2] = 1;
            chain[i * 8 + 3] = 4;
        }
        return chain;
    };
    EXPECT_EQ(outcome(extended(60, chain_of(5))), "bad-extension");
    EXPECT_EQ(outcome(extended(60, chain_of(4))), "pass");
    // A chain that ends with the packet.
    TestPacket cut = udp6();
    cut.bytes.resize(48);
    cut.bytes[6] = 60;
    test::put16(cut.bytes, 4, 8);
    std::fill_n(&cut.bytes[40], 8, std::uint8_t{0});
    cut.bytes[40] = 60;
    EXPECT_EQ(outcome(framed(cut)), "bad-extension");
}

TEST(Parse, MalformedTcp) {
    const auto with = [](const std::function<void(Bytes&)>& spoil) {
        return outcome(framed(syn(), spoil));
    };
    EXPECT_EQ(with([](Bytes& b) {
                  b.resize(39);
                  test::put16(b, 2, 39);
              }),
              "bad-l4-header");
    EXPECT_EQ(with([](Bytes& b) { b[32] = 0x40; }), "bad-l4-header");
    EXPECT_EQ(with([](Bytes& b) { b[32] = 0x60; }), "bad-l4-header");
    EXPECT_EQ(with([](Bytes& b) { test::put16(b, 20, 0); }), "bad-l4-header");
    EXPECT_EQ(with([](Bytes& b) { test::put16(b, 22, 0); }), "bad-l4-header");

    const std::uint8_t sound[] = {0x02, 0x12, 0x10, 0x18, 0x11, 0x19, 0x04, 0x14, 0x30, 0xc2};
    const std::uint8_t absurd[] = {0x00, 0x03, 0x06, 0x13, 0x16, 0x05,
                                   0x15, 0x01, 0x08, 0x29, 0x3f};
    for (const std::uint8_t flags : sound)
        EXPECT_EQ(with([&](Bytes& b) { b[33] = flags; }), "pass") << unsigned{flags};
    for (const std::uint8_t flags : absurd)
        EXPECT_EQ(with([&](Bytes& b) { b[33] = flags; }), "bad-tcp-flags") << unsigned{flags};
}

TEST(Parse, MalformedUdp) {
    const auto with = [](const TestPacket& packet, const std::function<void(Bytes&)>& spoil) {
        return outcome(framed(packet, spoil));
    };
    EXPECT_EQ(with(udp(), [](Bytes& b) { test::put16(b, 24, 12); }), "bad-l4-header");
    EXPECT_EQ(with(udp(), [](Bytes& b) { test::put16(b, 24, 10); }), "bad-l4-header");
    EXPECT_EQ(with(udp(), [](Bytes& b) { test::put16(b, 24, 7); }), "bad-l4-header");
    EXPECT_EQ(with(udp(),
                   [](Bytes& b) {
                       b.resize(27);
                       test::put16(b, 2, 27);
                   }),
              "bad-l4-header");
    EXPECT_EQ(with(udp(), [](Bytes& b) { test::put16(b, 22, 0); }), "bad-l4-header");
    EXPECT_EQ(with(udp(), [](Bytes& b) { test::put16(b, 26, 0); }), "pass");
    EXPECT_EQ(with(udp6(), [](Bytes& b) { test::put16(b, 46, 0); }), "bad-l4-header");
}

TEST(Parse, IcmpThatIsNotPassed) {
    const auto v4 = [](std::uint8_t type, std::uint8_t code) {
        return outcome(framed(test::make_icmp_error(kClient, kServer, type, code, Bytes(4, 0))));
    };
    const auto v6 = [](std::uint8_t type, std::uint8_t code) {
        return outcome(framed(test::make_icmp_error(kClient6, kServer6, type, code, Bytes(4, 0))));
    };
    for (const std::uint8_t type : Bytes{4, 5, 9, 10, 13, 17, 42, 255})
        EXPECT_EQ(v4(type, 0), "icmp-not-passed") << unsigned{type};
    for (const std::uint8_t type : Bytes{130, 131, 133, 134, 137, 143, 200})
        EXPECT_EQ(v6(type, 0), "icmp-not-passed") << unsigned{type};
    EXPECT_EQ(v4(8, 1), "bad-l4-header");
    EXPECT_EQ(v6(128, 1), "bad-l4-header");
    EXPECT_EQ(v4(3, 1), "icmp-no-session");
    EXPECT_EQ(v6(1, 0), "icmp-no-session");
    EXPECT_EQ(outcome(framed(test::make_echo(kClient, kServer, true, 1),
                             [](Bytes& b) {
                                 b.resize(27);
                                 test::put16(b, 2, 27);
                             })),
              "bad-l4-header");
}

TEST(Parse, IcmpErrorIsKeyedByItsQuoteReversed) {
    // The server answers "port unreachable" to a datagram that it got from the client.
    const TestPacket quoted = test::make_udp(kClient, kServer, 40000, 3478, {1, 2, 3});
    HandMadeMbuf buffer(framed(test::make_icmp_error(kServer, kClient, 3, 3, quoted.bytes), 10));
    const Result result = parse_frame(buffer);
    ASSERT_EQ(describe(result.parsed), "pass");
    EXPECT_EQ(result.kind, PacketKind::icmp_error);
    EXPECT_EQ(result.key,
              test::key_of(test::make_udp(kServer, kClient, 3478, 40000, {}), wire_id({3, 10})));
}

TEST(Parse, NeighbourDiscovery) {
    const auto nd = [](
                        std::uint8_t type, std::uint8_t hop_limit, const MacAddress& to,
                        const std::function<void(Bytes&)>& spoil = [](Bytes&) {}) {
        TestPacket packet =
            test::make_icmp_error(ip("fe80::1"), ip("ff02::1:ff00:10"), type, 0, Bytes(24, 0));
        packet.bytes[7] = hop_limit;
        spoil(packet.bytes);
        return outcome(test::ethernet(to, kPeer, 10, packet));
    };
    const MacAddress solicited{0x33, 0x33, 0xff, 0, 0, 0x10};
    const MacAddress all_nodes{0x33, 0x33, 0, 0, 0, 1};
    const std::string punt = "punt " + std::to_string(int(NoteKind::nd));
    EXPECT_EQ(nd(135, 255, solicited), punt);
    EXPECT_EQ(nd(135, 255, kOwn), punt);
    EXPECT_EQ(nd(136, 255, all_nodes), punt);
    // Duplicate address detection comes from the unspecified address.
    EXPECT_EQ(nd(135, 255, solicited, [](Bytes& b) { std::fill_n(&b[8], 16, std::uint8_t{0}); }),
              punt);
    EXPECT_EQ(nd(135, 254, solicited), "icmp-not-passed");
    EXPECT_EQ(nd(135, 255, solicited, [](Bytes& b) { b[41] = 1; }), "bad-l4-header");
    EXPECT_EQ(nd(135, 255, solicited,
                 [](Bytes& b) {
                     b.resize(63);
                     test::put16(b, 4, 23);
                 }),
              "bad-l4-header");
    EXPECT_EQ(nd(135, 255, solicited,
                 [](Bytes& b) {
                     b[6] = 60;
                     const std::array<std::uint8_t, 8> padding = {58, 0, 1, 4};
                     b.insert(b.begin() + 40, padding.begin(), padding.end());
                     test::put16(b, 4, static_cast<unsigned>(b.size() - 40));
                 }),
              "bad-l4-header")
        << "main reads what follows the IPv6 header";
    EXPECT_EQ(nd(134, 255, all_nodes), "not-for-us");
    EXPECT_EQ(nd(128, 255, all_nodes), "not-for-us");
    EXPECT_EQ(nd(135, 255, {0x33, 0x33, 0, 0, 0, 2}), "not-for-us");
}

// Whatever comes, it is parsed within its bounds (ASan watches the end of the buffer) and what
// passes keeps the promises of PacketView.
TEST(Parse, GarbageNeverEscapesItsBounds) {
    std::mt19937_64 random(7);
    const TestPacket quoted = udp();
    const Bytes seeds[] = {
        framed(syn()),
        framed(udp(), 10),
        framed(syn6()),
        framed(udp6(), 20),
        framed(test::make_echo(kClient, kServer, true, 5)),
        framed(test::make_icmp_error(kServer, kClient, 3, 3, quoted.bytes)),
        framed(test::make_icmp_error(kServer6, kClient6, 2, 0, udp6().bytes)),
        test::ethernet(test::kBroadcastMac, kPeer, 0, 0x0806,
                       test::arp(1, kPeer, kClient, kServer)),
        extended(0, {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}),
    };
    unsigned passed = 0;
    for (unsigned round = 0; round < 200'000; ++round) {
        Bytes frame = seeds[random() % std::size(seeds)];
        for (std::uint64_t n = random() % 4; n > 0; --n)
            frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
        if (random() % 2 == 0) frame.resize(random() % (frame.size() + 1));
        if (random() % 16 == 0)
            for (std::size_t i = 12; i < frame.size(); ++i)
                frame[i] = static_cast<std::uint8_t>(random());
        // Half of the IPv4 ones get past the checksum.
        const std::size_t at = frame.size() > 13 && frame[12] == 0x81 ? 18 : 14;
        if (random() % 2 == 0 && frame.size() >= at + 20 && frame[at] == 0x45) {
            test::put16(frame, at + 10, 0);
            test::put16(frame, at + 10, ~test::slow_sum(frame, at, at + 20) & 0xffff);
        }
        HandMadeMbuf buffer(frame);
        const Result result = parse_frame(buffer);
        if (result.parsed.fate != Fate::live) continue;
        ++passed;
        const auto* start = rte_pktmbuf_mtod(&buffer.mbuf(), const std::uint8_t*);
        ASSERT_LE(result.view.l3 + result.view.l3_bytes, start + frame.size());
        ASSERT_GE(result.view.l3_bytes, result.view.l4_offset + 8U);
        ASSERT_EQ(result.key.zero, 0);
    }
    EXPECT_GT(passed, 10'000U);
}

}  // namespace
}  // namespace portcullis::dataplane
