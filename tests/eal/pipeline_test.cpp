// Packets through the whole pipeline under a real policy: what leaves, what main gets, what is
// counted.
#include "dataplane/pipeline.h"

#include <gtest/gtest.h>

#include "tests/eal/worker_rig.h"

namespace portcullis::dataplane::test {
namespace {

const IpAddress kClient = ip("198.51.100.25");
const IpAddress kClient6 = ip("2001:db8:ffff::25");
const IpAddress kAccessVip = ip("203.0.113.10");
const IpAddress kAccessVip6 = ip("2001:db8:113::10");
const IpAddress kAvVip = ip("203.0.113.30");
const IpAddress kAvNode = ip("203.0.113.31");
const IpAddress kEdgeNode = ip("203.0.113.11");
constexpr std::uint8_t kSyn = 0x02, kSynAck = 0x12, kAckOnly = 0x10;
constexpr Millis kLongAfterStart = 200'000;

RigOptions settled(unsigned workers = 1) {
    RigOptions options;
    options.workers = workers;
    options.already_running = kLongAfterStart;
    return options;
}

TcpFields tcp(std::uint8_t flags, std::uint32_t sequence, std::uint32_t ack = 0,
              std::uint16_t payload = 0) {
    TcpFields fields;
    fields.flags = flags;
    fields.sequence = sequence;
    fields.ack = ack;
    fields.payload = payload;
    return fields;
}

TEST(Pipeline, WithoutAPolicyEverythingIsDropped) {
    Rig rig;
    rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, tcp(kSyn, 1)));
    rig.send(kWan, ethernet(kBroadcastMac, kGatewayMac, 0, 0x0806,
                            arp(1, kGatewayMac, ip("192.0.2.254"), ip("192.0.2.1"))));
    rig.send(kWan, {});
    rig.pump();
    EXPECT_EQ(rig.drops(), "no-policy 3");
    EXPECT_TRUE(rig.sent(kWan).empty() && rig.sent(kDmz).empty() && rig.punted().empty());
    rig.expect_identity();
}

// Whatever queue each packet comes by, one handshake and its data pass, both ways translated.
void full_nat_conversation(unsigned workers, const IpAddress& client, const IpAddress& vip) {
    Rig rig(settled(workers));
    rig.publish(::portcullis::test::small_policy());
    for (unsigned round = 0; round < 3 * workers; ++round) {
        const auto port = static_cast<std::uint16_t>(40000 + round);
        const unsigned queue = round % workers, other = (round / workers) % workers;

        rig.from_wan(make_tcp(client, vip, port, 443, tcp(kSyn, 1000)), queue);
        rig.pump();
        const Sent syn = rig.one_sent(kDmz);
        EXPECT_EQ(syn.source, kDmzMac);
        EXPECT_EQ(syn.vlan, kDmzVlan);
        EXPECT_EQ(syn.from(), vip);
        EXPECT_EQ(syn.destination_port(), 443U);
        EXPECT_TRUE(syn.packet.checksums_right());
        EXPECT_EQ(syn.destination[5], client.is_v4()                 ? syn.to().bytes()[15]
                                      : syn.to().bytes()[15] == 0x11 ? 11
                                                                     : 12);

        const auto drawn = static_cast<std::uint16_t>(syn.source_port());
        rig.from_dmz(make_tcp(syn.to(), vip, 443, drawn, tcp(kSynAck, 5000, 1001)), other);
        rig.pump();
        const Sent synack = rig.one_sent(kWan);
        EXPECT_EQ(synack.destination, kGatewayMac);
        EXPECT_EQ(synack.source, kWanMac);
        EXPECT_EQ(synack.vlan, 0);
        EXPECT_EQ(synack.from(), vip);
        EXPECT_EQ(synack.to(), client);
        EXPECT_EQ(synack.source_port(), 443U);
        EXPECT_EQ(synack.destination_port(), port);
        EXPECT_TRUE(synack.packet.checksums_right());

        rig.from_wan(make_tcp(client, vip, port, 443, tcp(kAckOnly, 1001, 5001, 100)), other);
        rig.pump();
        const Sent data = rig.one_sent(kDmz);
        EXPECT_EQ(data.source_port(), drawn);
        EXPECT_EQ(data.to(), syn.to());
        EXPECT_TRUE(data.packet.checksums_right());
        EXPECT_EQ(data.packet.bytes[client.is_v4() ? 8 : 7], 63) << "TTL";
    }
    EXPECT_EQ(rig.drops(), "");
    EXPECT_EQ(rig.total(&Counters::sessions_started), 3 * workers);
    if (workers > 1) {
        EXPECT_GT(rig.total(&Counters::handed_out), 0U);
    }
    EXPECT_EQ(rig.active().hits.total(client.is_v4() ? 0 : 1), 3 * workers);
    rig.expect_identity();
}

TEST(Pipeline, FullNatOverAnyQueue) {
    for (const unsigned workers : {1U, 2U, 3U, 4U}) {
        SCOPED_TRACE(workers);
        full_nat_conversation(workers, kClient, kAccessVip);
        full_nat_conversation(workers, kClient6, ip("2001:db8:113::10"));
    }
}

TEST(Pipeline, DestinationNatKeepsTheClient) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1, 2, 3}));
    rig.pump();
    const Sent in = rig.one_sent(kDmz);
    EXPECT_EQ(in.from(), kClient);
    EXPECT_EQ(in.source_port(), 40000U);
    EXPECT_TRUE(in.to() == ip("203.0.113.31") || in.to() == ip("203.0.113.32"));
    EXPECT_TRUE(in.packet.checksums_right());

    rig.from_dmz(make_udp(in.to(), kClient, 3478, 40000, {4, 5}));
    rig.pump();
    const Sent out = rig.one_sent(kWan);
    EXPECT_EQ(out.from(), kAvVip);
    EXPECT_EQ(out.to(), kClient);
    EXPECT_TRUE(out.packet.checksums_right());
    EXPECT_EQ(rig.drops(), "");
}

TEST(Pipeline, ManyFirstPacketsInOneBurst) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    // Every flow twice in the burst: the second packet follows the session that the first began.
    for (unsigned i = 0; i < 32; ++i)
        for (unsigned twice = 0; twice < 2; ++twice)
            rig.from_wan(
                make_udp(kClient, kAvVip, static_cast<std::uint16_t>(41000 + i), 3478, {9}));
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 64U) << rig.drops();
    EXPECT_EQ(rig.worker(0).sessions().size(), 32U);
}

TEST(Pipeline, DenialsHaveTheirReasons) {
    Rig rig(settled());
    auto policy = ::portcullis::test::small_policy();
    policy::Rule deny = policy.rules[3];
    deny.id = "site-1";
    deny.origin = policy::Origin::site;
    deny.action = policy::Action::deny;
    deny.destination_ports = {50010, 50010};
    policy.rules.insert(policy.rules.begin(), deny);
    rig.publish(policy);
    const auto expect = [&](std::uint16_t device, const TestPacket& packet, DropReason reason) {
        const std::uint64_t before = rig.dropped(reason);
        if (device == kWan)
            rig.from_wan(packet);
        else
            rig.from_dmz(packet);
        rig.pump();
        EXPECT_EQ(rig.dropped(reason), before + 1) << to_string(reason) << "; " << rig.drops();
        EXPECT_TRUE(rig.sent(kWan).empty() && rig.sent(kDmz).empty());
    };
    const auto syn = [](const IpAddress& from, const IpAddress& to, std::uint16_t port) {
        return make_tcp(from, to, 40000, port, tcp(kSyn, 1));
    };
    expect(kWan, syn(kClient, kAccessVip, 80), DropReason::no_rule);
    expect(kWan, syn(kClient, kEdgeNode, 443), DropReason::no_rule);
    expect(kWan, syn(kClient, kAvNode, 50010), DropReason::site_rule);
    expect(kWan, syn(kEdgeNode, kAccessVip, 443), DropReason::spoofed_source);
    expect(kDmz, syn(kClient, kAccessVip, 443), DropReason::spoofed_source);
    expect(kWan, syn(ip("192.0.2.1"), kAccessVip, 443), DropReason::own_source);
    expect(kWan, syn(ip("10.1.2.3"), kAccessVip, 443), DropReason::bogon_source);
    expect(kWan, make_tcp(kClient, kAccessVip, 40000, 443, tcp(kAckOnly, 1, 1)),
           DropReason::not_a_syn);
    expect(kWan, make_tcp(kClient, kAccessVip, 40000, 443, tcp(kSynAck, 1, 1)),
           DropReason::not_a_syn);
    expect(kWan, make_echo(kClient, kAvNode, false, 7), DropReason::no_rule);
    for (std::uint32_t service = 0; service < 3; ++service)
        for (std::uint32_t node = 0; node < 2; ++node)
            rig.runtime().set_node_up(service, node, false);
    expect(kWan, syn(kClient, kAccessVip, 443), DropReason::no_live_node);
    rig.expect_identity();

    // The deny log has a sample of each denial by policy, in order; the rule's hits count its
    // denial.
    std::vector<DenySample> samples(100);
    samples.resize(rig.worker(0).denies().take(samples));
    ASSERT_EQ(samples.size(), 8U);
    EXPECT_EQ(samples[2].reason, DropReason::site_rule);
    EXPECT_EQ(samples[2].rule, 0U);
    EXPECT_EQ(samples[2].key.destination, kAvNode);
    EXPECT_EQ(samples[2].key.interface, wire_id({kWan, 0}));
    EXPECT_EQ(samples[4].key.interface, wire_id({kDmz, kDmzVlan}));
    EXPECT_EQ(rig.active().hits.total(0), 1U);
}

TEST(Pipeline, DenialsBeyondTheSamplesAreCounted) {
    constexpr unsigned kMore = 50;
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const TestPacket denied = make_udp(kClient, kAvVip, 40000, 3479, {1});
    for (unsigned i = 0; i < DenyRing::kCapacity + kMore; ++i) {
        rig.from_wan(denied);
        rig.pump();
    }
    std::vector<DenySample> samples(2 * DenyRing::kCapacity);
    EXPECT_EQ(rig.worker(0).denies().take(samples), DenyRing::kCapacity);
    rig.from_wan(denied);
    rig.pump();
    ASSERT_EQ(rig.worker(0).denies().take(samples), 1U);
    EXPECT_EQ(samples[0].suppressed, kMore);
}

TEST(Pipeline, FramesOnUnknownVlansAndForOthers) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const TestPacket packet = make_udp(kClient, kAvVip, 40000, 3478, {1});
    rig.send(kWan, ethernet(kWanMac, kGatewayMac, 7, packet));
    rig.send(kDmz, ethernet(kDmzMac, kGatewayMac, 0, packet));
    rig.send(kWan, ethernet(kDmzMac, kGatewayMac, 0, packet));
    rig.pump();
    EXPECT_EQ(rig.drops(), "unknown-interface 2, not-for-us 1");
    rig.expect_identity();
}

TEST(Pipeline, TtlThatRunsOutIsAnsweredWithTheOriginalQuoted) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    for (TestPacket packet : {make_udp(kClient, kAvVip, 40000, 3478, {1, 2, 3}),
                              make_tcp(kClient6, kAccessVip6, 40000, 443, tcp(kSyn, 1))}) {
        const bool v4 = packet.family == Family::ipv4;
        packet.bytes[v4 ? 8 : 7] = 1;
        packet.finish();
        rig.from_wan(packet);
        rig.pump();
        EXPECT_TRUE(rig.sent(kDmz).empty());
        const Sent error = rig.one_sent(kWan);
        EXPECT_EQ(error.destination, kGatewayMac);
        EXPECT_EQ(error.from(), v4 ? ip("192.0.2.1") : ip("2001:db8:2::1"));
        EXPECT_EQ(error.to(), v4 ? kClient : kClient6);
        EXPECT_EQ(error.packet.bytes[error.packet.l4], v4 ? 11 : 3);
        EXPECT_TRUE(error.packet.checksums_right());
        const Bytes quote(error.packet.bytes.begin() + error.packet.l4 + 8,
                          error.packet.bytes.end());
        EXPECT_EQ(quote, packet.bytes);
    }
    EXPECT_EQ(rig.drops(), "ttl-expired 2");
    EXPECT_EQ(rig.total(&Counters::originated), 2U);
    rig.expect_identity();
}

TEST(Pipeline, TooBigForTheEgressTellsItsMtu) {
    Rig rig(settled());
    auto policy = ::portcullis::test::small_policy();
    policy.interfaces[1].mtu = 1400;
    rig.publish(policy);
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, Bytes(1373, 7)));
    rig.pump();
    const Sent error = rig.one_sent(kWan);
    EXPECT_EQ(error.packet.bytes[error.packet.l4], 3);
    EXPECT_EQ(error.packet.bytes[error.packet.l4 + 1], 4);
    EXPECT_EQ(get16(error.packet.bytes, error.packet.l4 + 6), 1400U);
    // The quote names the VIP, not the node: it is what the client sent.
    EXPECT_EQ(get32(error.packet.bytes, error.packet.l4 + 8 + 16), kAvVip.v4());
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, Bytes(1372, 7)));
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    EXPECT_EQ(rig.drops(), "too-big 1");
    rig.expect_identity();
}

TEST(Pipeline, IcmpErrorsAreRateLimited) {
    Rig rig(settled());
    auto policy = ::portcullis::test::small_policy();
    policy.settings.icmp_error_per_second = 20;
    rig.publish(policy);
    TestPacket packet = make_udp(kClient, kAvVip, 40000, 3478, {1});
    packet.bytes[8] = 1;
    packet.finish();
    for (unsigned i = 0; i < 50; ++i) rig.from_wan(packet);
    rig.pump();
    EXPECT_EQ(rig.sent(kWan).size(), 2U);
    EXPECT_EQ(rig.total(&Counters::rate_limited), 48U);
    EXPECT_EQ(rig.drops(), "ttl-expired 50");
    rig.expect_identity();
}

TEST(Pipeline, IcmpErrorOfASessionIsTranslatedOutsideAndInside) {
    for (const unsigned workers : {1U, 3U}) {
        Rig rig(settled(workers));
        rig.publish(::portcullis::test::small_policy());
        rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1, 2, 3}));
        rig.pump();
        const Sent in = rig.one_sent(kDmz);
        rig.from_dmz(make_icmp_error(in.to(), kClient, 3, 3, in.packet.bytes), workers - 1);
        rig.pump();
        const Sent error = rig.one_sent(kWan);
        EXPECT_EQ(error.from(), kAvVip);
        EXPECT_EQ(error.to(), kClient);
        EXPECT_TRUE(error.packet.checksums_right());
        EXPECT_EQ(get32(error.packet.bytes, error.packet.l4 + 8 + 16), kAvVip.v4());

        // One about nothing that passed here.
        const TestPacket never = make_udp(kClient, kAvNode, 1234, 3478, {1});
        rig.from_dmz(make_icmp_error(kAvNode, kClient, 3, 3, never.bytes));
        rig.pump();
        EXPECT_EQ(rig.drops(), "icmp-no-session 1");
        rig.expect_identity();
    }
}

TEST(Pipeline, AnIcmpErrorComesFromWhoeverMayLiveThere) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1}));
    rig.pump();
    const IpAddress node = rig.one_sent(kDmz).to();
    rig.from_dmz(make_udp(node, kClient, 3478, 40000, {2}));
    rig.pump();
    const Bytes reply = rig.one_sent(kWan).packet.bytes;
    for (const char* liar : {"10.1.2.3", "203.0.113.77", "203.0.113.1", "192.0.2.1"})
        rig.from_wan(make_icmp_error(ip(liar), kAvVip, 3, 4, reply));
    rig.pump();
    EXPECT_EQ(rig.drops(), "spoofed-source 1, own-source 2, bogon-source 1");
    EXPECT_TRUE(rig.sent(kDmz).empty());
    const IpAddress router = ip("198.51.100.1");
    rig.from_wan(make_icmp_error(router, kAvVip, 3, 4, reply));
    rig.pump();
    const Sent error = rig.one_sent(kDmz);
    EXPECT_EQ(error.from(), router);
    EXPECT_EQ(error.to(), node);
    EXPECT_TRUE(error.packet.checksums_right());
    rig.expect_identity();
}

TEST(Pipeline, AnIcmpErrorAboutTcpQuotesWhatCanBeUnderWay) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const TestPacket syn = make_tcp(kClient, kAvNode, 40000, 50001, tcp(kSyn, 1000));
    rig.from_wan(syn);
    rig.pump();
    (void)rig.one_sent(kDmz);
    const TestPacket forged = make_tcp(kClient, kAvNode, 40000, 50001, tcp(kSyn, 77'000));
    rig.from_dmz(make_icmp_error(kAvNode, kClient, 3, 3, forged.bytes));
    rig.pump();
    EXPECT_EQ(rig.drops(), "icmp-no-session 1");
    EXPECT_TRUE(rig.sent(kWan).empty());
    rig.from_dmz(make_icmp_error(kAvNode, kClient, 3, 3, syn.bytes));
    rig.pump();
    EXPECT_EQ(rig.one_sent(kWan).to(), kClient);
    rig.expect_identity();
}

TEST(Pipeline, UnknownNextHopGoesToMainFinished) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const Attachment at{kDmz, kDmzVlan};
    const IpAddress hop = ip("203.0.113.31");
    rig.neighbours().remove(rig.neighbours().find(at, hop));
    const TestPacket packet = make_udp(kClient, hop, 40000, 50001, {1, 2});
    auto policy = ::portcullis::test::small_policy();
    policy.rules[3].transport = policy::Transport::udp;
    rig.publish(policy);

    rig.from_wan(packet);
    rig.pump();
    auto punted = rig.punted();
    ASSERT_EQ(punted.size(), 1U) << rig.drops();
    EXPECT_EQ(punted[0].note.kind, NoteKind::resolve);
    EXPECT_EQ(punted[0].note.at, at);
    EXPECT_EQ(punted[0].note.next_hop, hop);
    EXPECT_EQ(punted[0].note.l3_offset, 18);
    EXPECT_EQ(get16(punted[0].frame, 14), kDmzVlan);
    EXPECT_TRUE(std::equal(kDmzMac.begin(), kDmzMac.end(), punted[0].frame.begin() + 6));

    // Main asks and waits: more of the same; it gives up: dropped; it hears an answer: sent.
    const NeighbourId id = rig.neighbours().add(at, hop);
    rig.from_wan(packet);
    rig.pump();
    EXPECT_EQ(rig.punted().size(), 1U);
    rig.neighbours().set(id, NeighbourState::failed, {});
    rig.from_wan(packet);
    rig.pump();
    EXPECT_EQ(rig.drops(), "neighbour-failed 1");
    rig.neighbours().set(id, NeighbourState::reachable, {0x02, 0, 0, 0, 0, 0x77});
    rig.from_wan(packet);
    rig.pump();
    EXPECT_EQ(rig.one_sent(kDmz).destination[5], 0x77);
    // The next hop gets a new MAC address: sessions notice at once.
    rig.neighbours().set(id, NeighbourState::reachable, {0x02, 0, 0, 0, 0, 0x78});
    rig.from_wan(packet);
    rig.pump();
    EXPECT_EQ(rig.one_sent(kDmz).destination[5], 0x78);
    rig.expect_identity();
}

TEST(Pipeline, AFloodToASilentHostLeavesRoomInMainsRing) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const Attachment at{kDmz, kDmzVlan};
    const TestPacket packet = make_tcp(kClient, kAvNode, 40000, 50001, tcp(kSyn, 1000));
    // As many as a limit that was never asked lets through at once, and in the time it took.
    const auto flood = [&](unsigned per_second) {
        const Millis begin = rig.worker(0).now();
        for (unsigned i = 0; i < 900; ++i) rig.from_wan(packet);
        rig.pump();
        const Millis took = rig.worker(0).now() - begin + 1;
        const std::size_t punted = rig.punted().size();
        EXPECT_GE(punted, per_second / 10);
        EXPECT_LE(punted, per_second / 10 + took * per_second / 1000);
    };
    rig.neighbours().remove(rig.neighbours().find(at, kAvNode));
    flood(5000);  // main has not been told of the next hop yet
    const NeighbourId id = rig.neighbours().add(at, kAvNode);
    flood(2000);  // main is asking for it
    EXPECT_EQ(rig.dropped(DropReason::punt_full), 0U);
    EXPECT_GT(rig.dropped(DropReason::neighbour_queue_full), 0U);
    rig.neighbours().set(id, NeighbourState::reachable, {0x02, 0, 0, 0, 0, 0x77});
    rig.from_wan(packet);
    rig.pump();
    EXPECT_EQ(rig.one_sent(kDmz).destination[5], 0x77);
    rig.expect_identity();
}

TEST(Pipeline, WhatIsForMainGoesToMain) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const auto expect = [&](NoteKind kind, Attachment at, unsigned l3_offset) {
        rig.pump();
        const auto punted = rig.punted();
        ASSERT_EQ(punted.size(), 1U) << rig.drops();
        EXPECT_EQ(punted[0].note.kind, kind);
        EXPECT_EQ(punted[0].note.at, at);
        EXPECT_EQ(punted[0].note.l3_offset, l3_offset);
    };
    const Attachment wan{kWan, 0}, dmz{kDmz, kDmzVlan};
    rig.send(kWan, ethernet(kBroadcastMac, kGatewayMac, 0, 0x0806,
                            arp(1, kGatewayMac, ip("192.0.2.254"), ip("192.0.2.1"))));
    expect(NoteKind::arp, wan, 14);
    TestPacket nd = make_icmp_error(ip("fe80::1"), ip("ff02::1:ff00:1"), 135, 0, Bytes(24, 0));
    nd.bytes[7] = 255;
    rig.send(kDmz, ethernet({0x33, 0x33, 0xff, 0, 0, 1}, kGatewayMac, kDmzVlan, nd));
    expect(NoteKind::nd, dmz, 18);
    for (const IpAddress& own : {ip("192.0.2.1"), kAccessVip, kAvVip}) {
        rig.from_wan(make_echo(kClient, own, true, 7));
        expect(NoteKind::icmp_own, wan, 14);
    }
    rig.from_wan(make_echo(kClient6, kAccessVip6, true, 7));
    expect(NoteKind::icmp_own, wan, 14);
    EXPECT_EQ(rig.drops(), "");

    // Not echo replies, not spoofed, and not more than the limit.
    rig.from_wan(make_echo(kClient, ip("192.0.2.1"), false, 7));
    rig.from_wan(make_echo(kClient, ip("192.0.2.1"), false, 0));
    rig.from_wan(make_echo(kEdgeNode, ip("192.0.2.1"), true, 7));
    rig.pump();
    EXPECT_TRUE(rig.punted().empty());
    for (unsigned i = 0; i < 40; ++i) rig.from_wan(make_echo(kClient, kAccessVip, true, 8));
    rig.pump();
    EXPECT_LE(rig.punted().size(), 10U);
    EXPECT_GE(rig.dropped(DropReason::host_rate_limit), 30U);
    rig.expect_identity();
}

TEST(Pipeline, ASiteRuleForAnAddressOfOursForwardsNothing) {
    Rig rig(settled());
    auto policy = ::portcullis::test::small_policy();
    policy::Rule ours = policy.rules.back();
    ours.id = "site-ours";
    ours.origin = policy::Origin::site;
    ours.from = policy::Zone::internet;
    ours.to = policy::Zone::edge_external;
    ours.sources.clear();
    ours.destinations = {policy::Prefix::host(kAccessVip)};
    ours.destination_ports = {22, 22};
    policy.rules.insert(policy.rules.begin(), ours);
    ours.id = "site-ping";
    ours.transport = policy::Transport::icmp;
    ours.destination_ports = {};
    policy.rules.insert(policy.rules.begin(), ours);
    rig.publish(policy);
    rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 22, tcp(kSyn, 1)));
    rig.from_wan(make_echo(kClient, kAccessVip, true, 7));
    rig.pump();
    EXPECT_EQ(rig.drops(), "host-unhandled 1");
    const auto punted = rig.punted();
    ASSERT_EQ(punted.size(), 1U);
    EXPECT_EQ(punted[0].note.kind, NoteKind::icmp_own);
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.worker(0).sessions().size(), 0U);
    rig.expect_identity();
}

TEST(Pipeline, NorDoesARuleThatTranslatesTheSource) {
    Rig rig(settled());
    auto policy = ::portcullis::test::small_policy();
    policy::Service& out = policy.services.emplace_back();
    out.name = "access-outbound/tcp";
    out.vip = kAccessVip;
    out.nat = policy::NatKind::snat;
    policy::Rule rule = policy.rules.back();
    rule.id = "to-a-partner-with-our-address";
    rule.nat = policy::NatKind::snat;
    rule.service = static_cast<std::uint32_t>(policy.services.size() - 1);
    rule.to = policy::Zone::edge_external;
    rule.destinations = {policy::Prefix::host(kAvVip)};
    rule.destination_ports = {5061, 5061};
    policy.rules.push_back(rule);
    ASSERT_EQ(policy::find_defect(policy), std::nullopt);
    rig.publish(policy);
    rig.from_dmz(make_tcp(kEdgeNode, kAvVip, 40000, 5061, tcp(kSyn, 1)));
    rig.pump();
    EXPECT_EQ(rig.drops(), "host-unhandled 1");
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.worker(0).sessions().size(), 0U);
}

TEST(Pipeline, ProbeRepliesOnlyFromThePerimeter) {
    Rig rig(settled());
    rig.publish(::portcullis::test::small_policy());
    const IpAddress own = ip("203.0.113.1");
    rig.from_dmz(make_tcp(kEdgeNode, own, 443, kProbePorts.first, tcp(kSynAck, 1, 2)));
    rig.from_dmz(make_tcp(kEdgeNode, own, 443, kProbePorts.last, tcp(0x14, 0, 2)));
    rig.from_dmz(make_udp(kAvNode, own, 3478, kProbePorts.first, {1}));
    rig.pump();
    const auto punted = rig.punted();
    ASSERT_EQ(punted.size(), 3U) << rig.drops();
    for (const Punted& one : punted) EXPECT_EQ(one.note.kind, NoteKind::probe_reply);

    rig.from_wan(make_udp(kClient, ip("192.0.2.1"), 3478, kProbePorts.first, {1}));  // Internet
    rig.from_dmz(make_udp(kAvNode, kAvVip, 3478, kProbePorts.first, {1}));  // no interface address
    rig.from_dmz(make_udp(kAvNode, own, 3478, 60999, {1}));                 // no probe port
    rig.pump();
    EXPECT_TRUE(rig.punted().empty());
    EXPECT_EQ(rig.drops(), "no-rule 3");
    // A node's address on the Internet's wire is forged, and no answer of the node.
    rig.from_wan(make_udp(kAvNode, ip("192.0.2.1"), 3478, kProbePorts.first, {1}));
    rig.pump();
    EXPECT_TRUE(rig.punted().empty());
    EXPECT_EQ(rig.drops(), "spoofed-source 1, no-rule 3");
}

// The same, where the hosts behind the interface are not of the perimeter.
TEST(Pipeline, CorporateHostsAreNotProbed) {
    Rig rig(settled());
    auto policy = ::portcullis::test::small_policy();
    policy.interfaces[kDmz].zones = {};
    policy.interfaces[kDmz].zones.add(policy::Zone::corporate);
    for (policy::AddressClass& entry : policy.addresses)
        if (entry.zone == policy::Zone::edge_external) entry.zone = policy::Zone::corporate;
    rig.publish(policy);
    rig.from_dmz(make_udp(kAvNode, ip("203.0.113.1"), 3478, kProbePorts.first, {1}));
    rig.pump();
    EXPECT_TRUE(rig.punted().empty());
    EXPECT_EQ(rig.drops(), "no-rule 1");
}

TEST(Pipeline, AfterARestartConnectionsArePickedUpOrReset) {
    for (const bool settled_already : {false, true}) {
        Rig rig(settled_already ? settled() : RigOptions{});
        auto policy = ::portcullis::test::small_policy();
        policy::Rule& direct = policy.rules[3];
        ASSERT_EQ(direct.id, "av-direct");
        rig.publish(policy);
        const TestPacket untranslated =
            make_tcp(kClient, kAvNode, 40000, 50001, tcp(kAckOnly, 1000, 2000, 10));
        const TestPacket to_vip =
            make_tcp(kClient, kAccessVip, 40000, 443, tcp(kAckOnly, 1000, 2000, 10));
        const TestPacket from_node =
            make_tcp(kEdgeNode, kAccessVip, 443, 20000, tcp(kAckOnly, 1000, 2000, 10));
        rig.from_wan(untranslated);
        rig.from_wan(to_vip);
        rig.from_dmz(from_node);
        rig.pump();
        const auto inside = rig.sent(kDmz), outside = rig.sent(kWan);
        if (settled_already) {
            EXPECT_EQ(rig.drops(), "not-a-syn 3");
            EXPECT_TRUE(inside.empty() && outside.empty());
        } else {
            EXPECT_EQ(rig.drops(), "restart-reset 2");
            // The untranslated one goes on; both ends of the translated one hear of its end.
            ASSERT_EQ(inside.size(), 2U);
            ASSERT_EQ(outside.size(), 1U);
            EXPECT_EQ(outside[0].to(), kClient);
            EXPECT_EQ(outside[0].from(), kAccessVip);
            EXPECT_EQ(outside[0].packet.bytes[33] & 0x04, 0x04);
            EXPECT_EQ(rig.worker(0).sessions().size(), 1U);
        }
        rig.expect_identity();
    }
}

// Nobody's connection through us: from the inside to a service of the VIP, which no rule allows; and,
// once nothing is picked up any more, to a port that main sends its probes from.
TEST(Pipeline, WhatCannotHaveBeenTranslatedIsNotReset) {
    for (const bool settled_already : {false, true}) {
        Rig rig(settled_already ? settled() : RigOptions{});
        rig.publish(::portcullis::test::small_policy());
        const std::uint16_t port = settled_already ? kProbePorts.first : 443;
        rig.from_dmz(make_tcp(kEdgeNode, kAccessVip, 40000, port, tcp(kAckOnly, 1000, 2000, 10)));
        rig.pump();
        EXPECT_EQ(rig.drops(), "not-a-syn 1");
        EXPECT_TRUE(rig.sent(kDmz).empty());
    }
}

}  // namespace
}  // namespace portcullis::dataplane::test
