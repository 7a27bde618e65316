// ARP and ND as a neighbour on the wire sees them: literal frames in, frames out.
#include "dataplane/host/arp.h"
#include "dataplane/host/nd.h"
#include "tests/unit/dataplane/host/fake_sink.h"

namespace portcullis::dataplane {
namespace {

struct ArpNdTest : testing::Test {
    ArpNdTest() {
        const auto policy = small_policy();
        policy->services.clear();  // no probes
        host.on_policy(policy, {0, 1}, 1);
        // The announcements at the start are not what these tests are about.
        for (Millis t = 1; t < 3000; t += 100) host.tick(t);
        sink.take_sent();
    }
    std::optional<DropReason> receive(NoteKind kind, const Frame& frame, Attachment at = kWan) {
        return host.on_packet({.kind = kind,
                               .l3_offset = static_cast<std::uint8_t>(at.vlan ? 18 : 14),
                               .at = at,
                               .next_hop = {}},
                              frame.bytes(), now);
    }
    Frame arp_from(Attachment at, std::uint16_t operation, std::string_view sender,
                   std::string_view target, const MacAddress& target_mac = {},
                   const MacAddress& sender_mac = kPeerMac) {
        Frame frame(at, sender_mac, kBroadcastMac, kEtherTypeArp);
        std::uint8_t* arp = frame.append(28);
        const std::uint8_t head[] = {0, 1, 8, 0, 6, 4, 0, static_cast<std::uint8_t>(operation)};
        std::memcpy(arp, head, sizeof head);
        std::memcpy(arp + 8, sender_mac.data(), 6);
        write32(arp + 14, ip(sender).v4());
        std::memcpy(arp + 18, target_mac.data(), 6);
        write32(arp + 24, ip(target).v4());
        return frame;
    }
    // An ICMPv6 message with a right checksum.
    Frame icmpv6_from(std::string_view source, std::string_view destination,
                      std::vector<std::uint8_t> icmp, std::uint8_t hop_limit = 255) {
        Frame frame(kWan, kPeerMac, kWanMac, kEtherTypeIpv6);
        frame.append_ip(ip(source), ip(destination), kProtocolIcmpv6, icmp.size(), hop_limit);
        write16(&icmp[2], internet_checksum(icmp, pseudo_header_sum(ip(source), ip(destination),
                                                                    kProtocolIcmpv6, icmp.size())));
        std::memcpy(frame.append(icmp.size()), icmp.data(), icmp.size());
        return frame;
    }
    static std::vector<std::uint8_t> nd_message(std::uint8_t type, std::uint8_t flags,
                                                std::string_view target,
                                                std::optional<MacAddress> mac = kPeerMac) {
        std::vector<std::uint8_t> icmp(24);
        icmp[0] = type;
        icmp[4] = flags;
        std::memcpy(&icmp[8], ip(target).bytes().data(), 16);
        if (mac) {
            icmp.push_back(type == 135 ? 1 : 2);
            icmp.push_back(1);
            icmp.insert(icmp.end(), mac->begin(), mac->end());
        }
        return icmp;
    }
    rte_mbuf* packet() { return sink.make(Frame(kWan, kWanMac, {}, kEtherTypeIpv4).bytes()); }
    std::optional<MacAddress> mac_of(std::string_view address, Attachment at = kWan) {
        const NeighbourId id = table.find(at, ip(address));
        return id == kNoNeighbour ? std::nullopt : table.resolve(id);
    }

    NeighbourTable table{64};
    FakeSink sink;
    Host host{table, sink, {kWanMac, kDmzMac}, 42};
    Millis now = 10'000;
};

TEST_F(ArpNdTest, ARequestForAnAddressOfOursIsAnswered) {
    EXPECT_EQ(receive(NoteKind::arp, arp_from(kWan, 1, "192.0.2.254", "192.0.2.10")), std::nullopt);
    const auto sent = sink.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    const std::vector<std::uint8_t> expected = {
        0x02, 0, 0, 0, 0, 0x77, 0x02, 0, 0, 0,  0, 0x01, 0x08, 0x06,  // to the asker
        0,    1, 8, 0, 6, 4,    0,    2,                              // reply
        0x02, 0, 0, 0, 0, 0x01, 192,  0, 2, 10,                       // 192.0.2.10 is at our MAC
        0x02, 0, 0, 0, 0, 0x77, 192,  0, 2, 254};
    EXPECT_EQ(sent[0].bytes, expected);
}

TEST_F(ArpNdTest, AnAddressProbeIsAnswered) {
    EXPECT_EQ(receive(NoteKind::arp, arp_from(kWan, 1, "0.0.0.0", "192.0.2.1")), std::nullopt);
    EXPECT_EQ(sink.take_sent(kEtherTypeArp).size(), 1U);
}

TEST_F(ArpNdTest, OnlyTheLegOfAnAddressAnswersForIt) {
    EXPECT_EQ(receive(NoteKind::arp, arp_from(kWan, 1, "192.0.2.254", "203.0.113.10")),
              std::nullopt);
    EXPECT_TRUE(sink.take_sent().empty());
    EXPECT_EQ(receive(NoteKind::arp, arp_from(kDmz, 1, "203.0.113.11", "203.0.113.10"), kDmz),
              std::nullopt);
    const auto sent = sink.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].at, kDmz);
    EXPECT_EQ(read16(&sent[0].bytes[12]), kEtherTypeVlan);
    EXPECT_EQ(read16(&sent[0].bytes[14]), 10);
}

TEST_F(ArpNdTest, NothingUnaskedMakesAnEntry) {
    receive(NoteKind::arp, arp_from(kWan, 1, "192.0.2.254", "192.0.2.1"));
    receive(NoteKind::arp, arp_from(kWan, 2, "192.0.2.66", "192.0.2.1", kWanMac));
    receive(NoteKind::arp, arp_from(kWan, 1, "192.0.2.66", "192.0.2.66"));
    receive(NoteKind::nd, icmpv6_from("2001:db8:2::66", "2001:db8:2::1",
                                      nd_message(136, 0x60, "2001:db8:2::66")));
    EXPECT_EQ(host.resolver().size(), 0U);
    EXPECT_EQ(table.size(), 0U);
}

TEST_F(ArpNdTest, MalformedArpIsDropped) {
    const Frame good = arp_from(kWan, 1, "192.0.2.254", "192.0.2.1");
    const auto corrupted = [&](std::size_t offset, std::uint8_t value) {
        std::vector<std::uint8_t> bytes(good.bytes().begin(), good.bytes().end());
        bytes[14 + offset] = value;
        return host.on_packet({.kind = NoteKind::arp, .l3_offset = 14, .at = kWan, .next_hop = {}},
                              bytes, now);
    };
    EXPECT_EQ(corrupted(1, 6), DropReason::bad_arp);     // hardware type
    EXPECT_EQ(corrupted(2, 0x86), DropReason::bad_arp);  // protocol type
    EXPECT_EQ(corrupted(4, 8), DropReason::bad_arp);     // hardware length
    EXPECT_EQ(corrupted(5, 16), DropReason::bad_arp);    // protocol length
    EXPECT_EQ(corrupted(7, 3), DropReason::bad_arp);     // RARP
    EXPECT_EQ(corrupted(8, 0x03), DropReason::bad_arp);  // a group address as sender
    for (std::size_t size = 14; size < 42; ++size)
        EXPECT_EQ(
            host.on_packet({.kind = NoteKind::arp, .l3_offset = 14, .at = kWan, .next_hop = {}},
                           good.bytes().first(size), now),
            DropReason::bad_arp);
    EXPECT_TRUE(sink.take_sent().empty());
}

TEST_F(ArpNdTest, AClaimToAnAddressOfOursIsContradictedButNotInAStorm) {
    for (int i = 0; i < 10; ++i)
        receive(NoteKind::arp, arp_from(kWan, 1, "192.0.2.10", "192.0.2.10"));
    host.tick(now);
    const auto sent = sink.take_sent(kEtherTypeArp);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(read_arp(sent[0])->sender, ip("192.0.2.10"));
    EXPECT_EQ(read_arp(sent[0])->sender_mac, kWanMac);
}

TEST_F(ArpNdTest, ASolicitationIsAnswered) {
    EXPECT_EQ(receive(NoteKind::nd, icmpv6_from("2001:db8:2::fe", "ff02::1:ff00:10",
                                                nd_message(135, 0, "2001:db8:2::10"))),
              std::nullopt);
    const auto sent = sink.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(read_mac(sent[0].bytes.data()), kPeerMac);
    const auto packet = read_ip(std::span(sent[0].bytes).subspan(14));
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->destination, ip("2001:db8:2::fe"));
    const auto nd = read_nd(*packet);
    ASSERT_TRUE(nd);
    EXPECT_FALSE(nd->solicitation);
    EXPECT_TRUE(nd->solicited && nd->override_flag);
    EXPECT_EQ(nd->target, ip("2001:db8:2::10"));
    EXPECT_EQ(nd->link_layer, kWanMac);
    EXPECT_EQ(packet->payload[4] & 0x80, 0x80) << "we are a router";
}

TEST_F(ArpNdTest, DuplicateAddressDetectionIsAnsweredToAll) {
    EXPECT_EQ(receive(NoteKind::nd, icmpv6_from("::", "ff02::1:ff00:10",
                                                nd_message(135, 0, "2001:db8:2::10", {}))),
              std::nullopt);
    const auto sent = sink.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(read_mac(sent[0].bytes.data()), (MacAddress{0x33, 0x33, 0, 0, 0, 1}));
    EXPECT_EQ(read_ip(std::span(sent[0].bytes).subspan(14))->destination, ip("ff02::1"));
}

TEST_F(ArpNdTest, OurLinkLocalAddressIsAnswered) {
    EXPECT_EQ(link_local_of(kWanMac), ip("fe80::ff:fe00:1"));
    receive(NoteKind::nd,
            icmpv6_from("fe80::77", "ff02::1:ff00:1", nd_message(135, 0, "fe80::ff:fe00:1")));
    EXPECT_EQ(sink.take_sent(kEtherTypeIpv6).size(), 1U);
}

TEST_F(ArpNdTest, InvalidNdIsDropped) {
    const auto good = nd_message(135, 0, "2001:db8:2::10");
    const auto refused = [&](const Frame& frame) {
        return receive(NoteKind::nd, frame) == DropReason::bad_l4_header &&
               sink.take_sent().empty();
    };
    EXPECT_TRUE(refused(
        icmpv6_from("2001:db8:2::fe", "2001:db8:2::10", good, 254)));  // from beyond the link
    auto code = good;
    code[1] = 1;
    EXPECT_TRUE(refused(icmpv6_from("2001:db8:2::fe", "2001:db8:2::10", code)));
    auto zero_option = good;
    zero_option[25] = 0;
    EXPECT_TRUE(refused(icmpv6_from("2001:db8:2::fe", "2001:db8:2::10", zero_option)));
    auto long_option = good;
    long_option[25] = 2;
    EXPECT_TRUE(refused(icmpv6_from("2001:db8:2::fe", "2001:db8:2::10", long_option)));
    EXPECT_TRUE(
        refused(icmpv6_from("2001:db8:2::fe", "2001:db8:2::10", nd_message(135, 0, "ff02::1"))));
    EXPECT_TRUE(refused(icmpv6_from("::", "ff02::1:ff00:10", good)));  // DAD with a MAC option
    EXPECT_TRUE(
        refused(icmpv6_from("::", "2001:db8:2::10", nd_message(135, 0, "2001:db8:2::10", {}))));
    EXPECT_TRUE(refused(icmpv6_from("fe80::1", "2001:db8:2::1", nd_message(134, 0, "::"))));  // RA
    EXPECT_TRUE(
        refused(icmpv6_from("fe80::1", "2001:db8:2::1", nd_message(137, 0, "::1"))));  // redirect
    Frame bad_sum = icmpv6_from("2001:db8:2::fe", "2001:db8:2::10", good);
    std::vector<std::uint8_t> bytes(bad_sum.bytes().begin(), bad_sum.bytes().end());
    bytes[14 + 40 + 2] ^= 0xff;
    EXPECT_EQ(host.on_packet({.kind = NoteKind::nd, .l3_offset = 14, .at = kWan, .next_hop = {}},
                             bytes, now),
              DropReason::bad_l4_header);
}

TEST_F(ArpNdTest, PacketsWaitForTheAnswerAndLeaveInOrder) {
    const PacketNote note{
        .kind = NoteKind::resolve, .l3_offset = 14, .at = kWan, .next_hop = ip("192.0.2.254")};
    for (std::uint8_t i = 0; i < 3; ++i) {
        Frame frame(kWan, kWanMac, {}, kEtherTypeIpv4);
        *frame.append(1) = i;
        host.on_unresolved(sink.make(frame.bytes()), note, now);
    }
    const auto asked = sink.take_sent(kEtherTypeArp);
    ASSERT_EQ(asked.size(), 1U) << "one request for any number of packets";
    EXPECT_EQ(read_arp(asked[0])->target, ip("192.0.2.254"));
    EXPECT_EQ(read_arp(asked[0])->sender, ip("192.0.2.1"));
    EXPECT_EQ(host.resolver().waiting(), 3U);
    EXPECT_EQ(receive(NoteKind::arp, arp_from(kWan, 2, "192.0.2.254", "192.0.2.1", kWanMac)),
              std::nullopt);
    const auto sent = sink.take_sent();
    ASSERT_EQ(sent.size(), 3U);
    for (std::uint8_t i = 0; i < 3; ++i) {
        EXPECT_EQ(read_mac(sent[i].bytes.data()), kPeerMac);
        EXPECT_EQ(sent[i].bytes[14], i);
    }
    EXPECT_EQ(mac_of("192.0.2.254"), kPeerMac);
    EXPECT_EQ(host.resolver().waiting(), 0U);
}

TEST_F(ArpNdTest, Ipv6NextHopsAreResolvedBySolicitation) {
    const PacketNote note{
        .kind = NoteKind::resolve, .l3_offset = 14, .at = kWan, .next_hop = ip("2001:db8:2::fe")};
    host.on_unresolved(packet(), note, now);
    const auto sent = sink.take_sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(read_mac(sent[0].bytes.data()), (MacAddress{0x33, 0x33, 0xff, 0, 0, 0xfe}));
    const auto asked = read_nd(*read_ip(std::span(sent[0].bytes).subspan(14)));
    ASSERT_TRUE(asked && asked->solicitation);
    EXPECT_EQ(asked->destination, ip("ff02::1:ff00:fe"));
    receive(NoteKind::nd, icmpv6_from("2001:db8:2::fe", "2001:db8:2::1",
                                      nd_message(136, 0x60, "2001:db8:2::fe")));
    EXPECT_EQ(mac_of("2001:db8:2::fe"), kPeerMac);
    EXPECT_EQ(sink.take_sent(kEtherTypeIpv4).size(), 1U);
}

TEST_F(ArpNdTest, AnAnnouncedMoveIsFollowedButNotTwiceASecond) {
    const PacketNote note{
        .kind = NoteKind::resolve, .l3_offset = 14, .at = kWan, .next_hop = ip("192.0.2.254")};
    host.on_unresolved(packet(), note, now);
    receive(NoteKind::arp, arp_from(kWan, 2, "192.0.2.254", "192.0.2.1", kWanMac));
    receive(NoteKind::arp, arp_from(kWan, 2, "192.0.2.254", "192.0.2.1", kWanMac, kOtherMac));
    EXPECT_EQ(mac_of("192.0.2.254"), kPeerMac) << "the first to answer is kept";
    now += 5000;
    receive(NoteKind::arp, arp_from(kWan, 1, "192.0.2.254", "192.0.2.254", {}, kOtherMac));
    EXPECT_EQ(mac_of("192.0.2.254"), kOtherMac) << "a fail-over's gratuitous ARP";
}

// RFC 4861 section 7.2.5: what nobody asked for replaces an address only where it says so.
TEST_F(ArpNdTest, AnAdvertisementThatDoesNotOverrideLeavesTheAddress) {
    constexpr std::uint8_t kOverride = 0x20;
    const PacketNote note{
        .kind = NoteKind::resolve, .l3_offset = 14, .at = kWan, .next_hop = ip("2001:db8:2::fe")};
    host.on_unresolved(packet(), note, now);
    const auto advertise = [&](std::uint8_t flags, const MacAddress& mac) {
        return receive(NoteKind::nd, icmpv6_from("2001:db8:2::fe", "2001:db8:2::1",
                                                 nd_message(136, flags, "2001:db8:2::fe", mac)));
    };
    EXPECT_EQ(advertise(0x40, kPeerMac), std::nullopt);
    ASSERT_EQ(mac_of("2001:db8:2::fe"), kPeerMac);
    now += 5000;
    EXPECT_EQ(advertise(0, kOtherMac), std::nullopt);
    EXPECT_EQ(mac_of("2001:db8:2::fe"), kPeerMac);
    EXPECT_EQ(advertise(kOverride, kOtherMac), std::nullopt);
    EXPECT_EQ(mac_of("2001:db8:2::fe"), kOtherMac);
}

TEST_F(ArpNdTest, APushForgetsWhoIsNoNeighbourAnyMore) {
    for (const auto* address : {"192.0.2.254", "192.0.2.66"}) {
        const PacketNote note{
            .kind = NoteKind::resolve, .l3_offset = 14, .at = kWan, .next_hop = ip(address)};
        host.on_unresolved(packet(), note, now);
        receive(NoteKind::arp, arp_from(kWan, 2, address, "192.0.2.1", kWanMac));
        ASSERT_EQ(mac_of(address), kPeerMac);
    }
    const auto narrower = small_policy();
    narrower->services.clear();
    narrower->interfaces[0].addresses[0].prefix_length = 25;
    host.on_policy(narrower, {0, 1}, now);
    EXPECT_EQ(mac_of("192.0.2.66"), kPeerMac);
    EXPECT_EQ(table.find(kWan, ip("192.0.2.254")), kNoNeighbour);
    EXPECT_EQ(host.resolver().size(), 1U);
}

TEST_F(ArpNdTest, GarbageNeverCrashes) {
    std::mt19937 random(7);
    for (int round = 0; round < 200'000; ++round) {
        std::vector<std::uint8_t> bytes(random() % 128);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        // Half of it nearly right, so that the later checks are reached.
        if (round % 2 == 0 && bytes.size() >= 80) {
            const Frame frame = icmpv6_from("2001:db8:2::fe", "2001:db8:2::10",
                                            nd_message(135, 0, "2001:db8:2::10"));
            const std::size_t where = random() % frame.bytes().size();
            bytes.assign(frame.bytes().begin(), frame.bytes().end());
            bytes[where] = static_cast<std::uint8_t>(random());
        }
        const auto kind = static_cast<NoteKind>(2 + random() % 4);
        host.on_packet({.kind = kind, .l3_offset = 14, .at = kWan, .next_hop = {}}, bytes, now);
    }
    EXPECT_EQ(table.size(), host.resolver().size());
}

}  // namespace
}  // namespace portcullis::dataplane
