// Decoys as other projects' tools make them (zapret, byedpi, GoodbyeDPI, Geneva, SymTCP, fragroute):
// what conforms, in a segment that the firewall may read and the server does not, then something else
// in its place. Whatever the decoy is, the something else never reaches the server.
#include "tests/eal/inspect_fixture.h"

namespace portcullis::dataplane::test {
namespace {

constexpr std::uint8_t kFin = 0x01, kPush = 0x08, kUrgent = 0x20;

// A segment of the client, in every respect as it likes.
struct Segment {
    std::int32_t offset = 0;  // from its first byte
    Bytes payload;
    std::uint8_t flags = kAckOnly | kPush;
    std::int32_t ack = 0;  // from the node's first byte
    Bytes tcp_options;     // a multiple of 4
    Bytes ip_options;
    std::uint16_t fragment = 0x4000;  // flags and offset
    std::uint8_t ttl = 64;
    bool broken = false;
};

Bytes of(const Segment& segment, std::uint16_t port) {
    Bytes l4(20, 0);
    put16(l4, 0, port);
    put16(l4, 2, 443);
    put32(l4, 4, kClientIsn + 1 + static_cast<std::uint32_t>(segment.offset));
    put32(l4, 8, kNodeIsn + 1 + static_cast<std::uint32_t>(segment.ack));
    l4[13] = segment.flags;
    put16(l4, 14, 65535);
    append(l4, segment.tcp_options);
    l4[12] = static_cast<std::uint8_t>(l4.size() / 4 << 4);
    append(l4, segment.payload);
    TestPacket packet = make_ip(kClient, kAccessVip, 6, l4);
    packet.bytes[8] = segment.ttl;
    put16(packet.bytes, 6, segment.fragment);
    packet.finish();
    if (segment.broken) packet.bytes.back() ^= 1;
    if (segment.ip_options.empty()) return packet.bytes;
    packet.bytes.insert(packet.bytes.begin() + 20, segment.ip_options.begin(),
                        segment.ip_options.end());
    packet.bytes[0] = static_cast<std::uint8_t>(0x45 + segment.ip_options.size() / 4);
    put16(packet.bytes, 2, static_cast<unsigned>(packet.bytes.size()));
    put16(packet.bytes, 10, packet.header_checksum());
    return packet.bytes;
}

class InspectEvasion : public Inspect {
  protected:
    void send(const Conversation& talk, const Segment& segment) {
        TestPacket packet;
        packet.bytes = of(segment, talk.port());
        packet.l4 = 20 + static_cast<unsigned>(segment.ip_options.size());
        packet.protocol = 6;
        rig.from_wan(packet);
        rig.pump();
    }
    // What the node has been sent since the last call, as long as it is payload.
    Bytes delivered() {
        Bytes all;
        for (const Sent& sent : rig.sent(kDmz)) append(all, sent.payload());
        (void)rig.sent(kWan);
        return all;
    }
};

const Bytes kMd5 = {1, 1, 19, 18, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const Bytes kOldTimestamp = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1};

struct Decoy {
    const char* name;
    Segment segment;
};

std::vector<Decoy> decoys() {
    const Bytes hello = client_hello();
    std::vector<Decoy> made;
    const auto add = [&](const char* name, auto change) {
        Segment segment;
        segment.payload = hello;
        change(segment);
        made.push_back({name, segment});
    };
    add("MD5 signature", [](Segment& s) { s.tcp_options = kMd5; });
    add("timestamp of the past", [](Segment& s) { s.tcp_options = kOldTimestamp; });
    add("options that do not add up", [](Segment& s) { s.tcp_options = {8, 200, 0, 0}; });
    add("acknowledges the past", [](Segment& s) { s.ack = -66000; });
    add("acknowledges the future", [](Segment& s) { s.ack = 100000; });
    add("sequence of the past", [](Segment& s) { s.offset = -10000; });
    add("sequence of the future", [](Segment& s) { s.offset = 1 << 20; });
    add("no flag at all", [](Segment& s) { s.flags = 0; });
    add("push alone", [](Segment& s) { s.flags = kPush; });
    add("FIN alone", [](Segment& s) { s.flags = kFin; });
    add("SYN and FIN", [](Segment& s) { s.flags = kSyn | kFin; });
    add("another SYN", [](Segment& s) { s.flags = kSyn; });
    add("a SYN's answer", [](Segment& s) { s.flags = kSynAck; });
    add("every flag", [](Segment& s) { s.flags = 0x3f; });
    add("urgent", [](Segment& s) { s.flags = kAckOnly | kUrgent; });
    add("reset with payload", [](Segment& s) { s.flags = kRst | kAckOnly; });
    add("reset with an MD5 signature", [](Segment& s) {
        s.flags = kRst;
        s.payload.clear();
        s.tcp_options = kMd5;
    });
    add("FIN that dies", [](Segment& s) {
        s.flags = kFin | kAckOnly;
        s.payload.clear();
        s.tcp_options = kMd5;
    });
    add("wrong checksum", [](Segment& s) { s.broken = true; });
    add("a TTL that ends here", [](Segment& s) { s.ttl = 1; });
    add("a TTL that ends behind us", [](Segment& s) { s.ttl = 2; });
    add("IP options", [](Segment& s) { s.ip_options = {7, 7, 4, 0, 0, 0, 0, 0}; });
    add("first fragment", [](Segment& s) { s.fragment = 0x2000; });
    add("later fragment", [](Segment& s) { s.fragment = 4; });
    return made;
}

TEST_F(InspectEvasion, NoDecoySpeaksForWhatFollows) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes ssh = ssh_banner();
    for (const Decoy& decoy : decoys()) {
        SCOPED_TRACE(decoy.name);
        Conversation talk(rig);
        send(talk, decoy.segment);
        (void)delivered();
        for (int again = 0; again < 3; ++again) {
            Segment real;
            real.payload = ssh;
            send(talk, real);
            EXPECT_TRUE(delivered().empty()) << "the server has read something else";
        }
        // In pieces, the first of which could be a hello's.
        Conversation slowly(rig);
        send(slowly, decoy.segment);
        (void)delivered();
        Bytes seen;
        Bytes bad = slice(client_hello(), 0, 12);
        append(bad, ssh);
        for (std::size_t at = 0; at < bad.size(); at += 4) {
            Segment real;
            real.offset = static_cast<std::int32_t>(at);
            real.payload = slice(bad, at, at + 4);
            send(slowly, real);
            append(seen, delivered());
        }
        EXPECT_LT(seen.size(), 52U) << "more than may still become a hello";
        EXPECT_EQ(seen, slice(bad, 0, seen.size()));
    }
}

// And what is lost by itself costs nobody anything: the same once more, as it should be.
TEST_F(InspectEvasion, WhatDiedOnTheWayMayComeAgain) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    for (const Decoy& decoy : decoys()) {
        const std::string_view name = decoy.name;
        // These end the session, for the node too if it had believed them.
        if (name.starts_with("reset") || name.find("FIN") != std::string_view::npos ||
            name.find("SYN") != std::string_view::npos || name == "every flag")
            continue;
        SCOPED_TRACE(name);
        Conversation talk(rig);
        send(talk, decoy.segment);
        (void)delivered();
        Segment real;
        real.payload = hello;
        send(talk, real);
        EXPECT_EQ(delivered(), hello);
    }
}

// Bytes in front of the first, as zapret's seqovl sends them: the server leaves them out, and so do we.
TEST_F(InspectEvasion, BytesBeforeTheFirstAreNobodys) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    const Bytes ssh = ssh_banner();
    Conversation good(rig);
    Segment overlap;
    overlap.offset = -8;
    overlap.payload = slice(ssh, 0, 8);
    append(overlap.payload, hello);
    send(good, overlap);
    EXPECT_EQ(delivered(), overlap.payload);
    good.node_acknowledges();
    EXPECT_EQ(access().matched, 1U);

    Conversation bad(rig);
    overlap.offset = -static_cast<std::int32_t>(hello.size());
    overlap.payload = hello;
    append(overlap.payload, ssh);
    send(bad, overlap);
    EXPECT_TRUE(delivered().empty());
    EXPECT_EQ(access().refused, 1U);
}

// Split, out of order and repeated, as multidisorder and fakedsplit do: the pieces that come too early
// are dropped, and fill in between is compared.
TEST_F(InspectEvasion, PiecesInAnyOrderAreOneStream) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    Conversation talk(rig);
    Bytes node;
    for (int round = 0; round < 8 && node.size() < hello.size(); ++round)
        for (std::size_t end = hello.size(); end > 0; end = end > 40 ? end - 40 : 0) {
            Segment piece;
            const std::size_t at = end > 40 ? end - 40 : 0;
            piece.offset = static_cast<std::int32_t>(at);
            piece.payload = slice(hello, at, end);
            send(talk, piece);
            const Bytes arrived = delivered();
            if (!arrived.empty() && at == node.size()) append(node, arrived);
        }
    EXPECT_EQ(node, hello);
    EXPECT_EQ(access().matched, 1U);

    Conversation filled(rig);
    Segment piece;
    piece.payload = slice(hello, 0, 20);
    send(filled, piece);
    piece.payload = Bytes(20, 0);  // a pattern in place of what was sent
    send(filled, piece);
    EXPECT_EQ(access().refused, 1U);
    EXPECT_EQ(samples().back().violation, Violation::overlap_differs);
}

}  // namespace
}  // namespace portcullis::dataplane::test
