// TCP sessions that are held to a protocol, through the whole pipeline: what passes, what is refused,
// who hears of it, and what is counted.
#include "tests/eal/inspect_fixture.h"

namespace portcullis::dataplane::test {
namespace {

TEST_F(Inspect, AHelloInOneSegmentIsJudgedOnceTheServerHasIt) {
    hold_access_to(ConformanceMode::enforce);
    Conversation talk(rig);
    EXPECT_EQ(access().undecided, 1U);
    const Bytes hello = client_hello();
    EXPECT_EQ(talk.client_says(hello).payload(), hello);
    EXPECT_EQ(access().matched, 1U);
    EXPECT_TRUE(talk.session().undecided()) << "not before the server has acknowledged it";
    talk.node_acknowledges();
    EXPECT_FALSE(talk.session().undecided());
    EXPECT_EQ(talk.session().aside, 0) << "the short way from here on";
    EXPECT_EQ(access().undecided, 0U);
    // Nobody asks what comes now, not even whether it is the same as before.
    EXPECT_EQ(talk.node_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(talk.client_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(talk.client_says_at(0, Bytes(hello.size(), 'x')).payload(), Bytes(hello.size(), 'x'));
    EXPECT_EQ(rig.drops(), "");
    EXPECT_TRUE(samples().empty());
    rig.expect_identity();
}

TEST_F(Inspect, AHelloByteByByteAndInLargePieces) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello("sip.example.com", 3000);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1400}}) {
        Conversation talk(rig);
        Bytes arrived;
        for (std::size_t at = 0; at < hello.size(); at += piece) {
            const auto end = std::min(hello.size(), at + piece);
            append(arrived, talk.client_says(slice(hello, at, end)).payload());
            if (at % 5 == 0) talk.node_acknowledges();
        }
        talk.node_acknowledges();
        EXPECT_EQ(arrived, hello);
        EXPECT_FALSE(talk.session().undecided()) << piece;
    }
    EXPECT_EQ(access().matched, 3U);
    EXPECT_EQ(rig.drops(), "");
    rig.expect_identity();
}

TEST_F(Inspect, SshIsRefusedWithAResetToBothSides) {
    hold_access_to(ConformanceMode::enforce);
    Conversation talk(rig);
    const IpAddress node = talk.node();
    talk.send_from_client(0, ssh_banner());
    const Sent to_node = rig.one_sent(kDmz);
    EXPECT_EQ(to_node.tcp_flags(), kRst | kAckOnly);
    EXPECT_EQ(to_node.sequence(), kClientIsn + 1) << "what the node expects next";
    EXPECT_EQ(to_node.from(), kAccessVip);
    EXPECT_EQ(to_node.to(), node);
    EXPECT_EQ(to_node.source_port(), talk.drawn());
    EXPECT_EQ(to_node.destination_port(), 443U);
    EXPECT_TRUE(to_node.packet.checksums_right());
    const Sent to_client = rig.one_sent(kWan);
    EXPECT_EQ(to_client.tcp_flags(), kRst | kAckOnly);
    EXPECT_EQ(to_client.sequence(), kNodeIsn + 1);
    EXPECT_EQ(to_client.from(), kAccessVip);
    EXPECT_EQ(to_client.to(), talk.client());
    EXPECT_EQ(to_client.destination_port(), talk.port());
    EXPECT_TRUE(to_client.packet.checksums_right());

    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(sessions(), 0U);
    EXPECT_EQ(access().refused, 1U);
    EXPECT_EQ(access().undecided, 0U);
    const auto logged = samples();
    ASSERT_EQ(logged.size(), 1U);
    EXPECT_EQ(logged[0].reason, DropReason::not_conformant);
    EXPECT_EQ(logged[0].violation, Violation::wrong_protocol);
    EXPECT_FALSE(logged[0].passed);
    EXPECT_EQ(logged[0].rule, 0U);
    EXPECT_EQ(logged[0].key.source, talk.client());
    EXPECT_EQ(logged[0].key.destination, kAccessVip);
    EXPECT_EQ(
        Bytes(logged[0].first_bytes.begin(), logged[0].first_bytes.begin() + logged[0].first_count),
        slice(ssh_banner(), 0, 32));
    rig.expect_identity();
}

// All that was sent, and all that is known to have arrived: a node takes only an exact reset for one.
TEST_F(Inspect, AResetSaysWhatTheNodeHasReceived) {
    hold_access_to(ConformanceMode::enforce);
    Conversation talk(rig);
    talk.client_says({0x16, 0x03, 0x01});
    // Out of order: held, so the node has not got it.
    talk.send_from_client(10, Bytes(5, 1));
    EXPECT_EQ(rig.drops(), "inspection-hold 1");
    talk.send_from_client(3, Bytes(5, 0xff));
    EXPECT_EQ(reset_offsets(), (std::vector{3U, 0U}));
    EXPECT_EQ(rig.one_sent(kWan).sequence(), kNodeIsn + 1);
    EXPECT_EQ(rig.drops(), "not-conformant 1, inspection-hold 1");
}

TEST_F(Inspect, ServerFirst) {
    hold_access_to(ConformanceMode::enforce);
    Conversation talk(rig);
    talk.send_from_node(ssh_banner());
    EXPECT_EQ(rig.one_sent(kDmz).sequence(), kClientIsn + 1);
    const Sent to_client = rig.one_sent(kWan);
    EXPECT_EQ(to_client.tcp_flags(), kRst | kAckOnly);
    EXPECT_EQ(to_client.sequence(), kNodeIsn + 1) << "the banner was not delivered";
    const auto logged = samples();
    ASSERT_EQ(logged.size(), 1U);
    EXPECT_EQ(logged[0].violation, Violation::server_first);
    EXPECT_EQ(logged[0].key.source, talk.client()) << "as the session began";
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    rig.expect_identity();
}

TEST_F(Inspect, BytesSentAgainMustBeTheSame) {
    hold_access_to(ConformanceMode::enforce);
    Conversation talk(rig);
    const Bytes hello = client_hello();
    talk.client_says(slice(hello, 0, 8));
    EXPECT_EQ(talk.client_says_at(0, slice(hello, 0, 8)).payload(), slice(hello, 0, 8));
    Bytes other = slice(hello, 0, 8);
    other[7] ^= 1;
    talk.send_from_client(0, other);
    EXPECT_EQ(reset_offsets(), (std::vector{8U, 0U}));
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(samples().at(0).violation, Violation::overlap_differs);

    (void)rig.one_sent(kWan);
    // Even once it is recognised, until the node has it.
    Conversation late(rig);
    late.client_says(hello);
    other = slice(hello, 0, 8);
    other[7] ^= 1;
    late.send_from_client(0, other);
    // A decoy that died behind us, the whole hello: the node would only answer the first.
    EXPECT_EQ(reset_offsets(), (std::vector{static_cast<std::uint32_t>(hello.size()), 0U}));
    EXPECT_EQ(rig.drops(), "not-conformant 2");
}

// Bytes that only we would have read.
TEST_F(Inspect, ADecoyWithABrokenChecksumSaysNothing) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    Conversation talk(rig);
    TestPacket decoy = with_payload(kClient, kAccessVip, talk.port(), 443,
                                    {kClientIsn + 1, kNodeIsn + 1, 0x18}, ssh_banner());
    decoy.bytes.back() ^= 1;
    rig.from_wan(decoy);
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "bad-l4-checksum 1");
    EXPECT_EQ(talk.session().protocol.tcp[0].end, kClientIsn + 1);
    EXPECT_EQ(talk.client_says(hello).payload(), hello);
    talk.node_acknowledges();
    EXPECT_EQ(access().matched, 1U);
    rig.expect_identity();
}

TEST_F(Inspect, WhatComesOutOfOrderIsHeldUntilItIsSentAgain) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    Conversation talk(rig);
    talk.send_from_client(30, slice(hello, 30, hello.size()));
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "inspection-hold 1");
    EXPECT_EQ(talk.client_says(slice(hello, 0, 30)).payload(), slice(hello, 0, 30));
    EXPECT_EQ(talk.client_says(slice(hello, 30, hello.size())).payload(),
              slice(hello, 30, hello.size()));
    talk.node_acknowledges();
    EXPECT_FALSE(talk.session().undecided());
    EXPECT_EQ(access().matched, 1U);

    // The same within one burst: the later packet closes the gap and leaves.
    Conversation together(rig);
    together.queue_from_client(30, slice(hello, 30, 50));
    together.queue_from_client(0, slice(hello, 0, 30));
    rig.pump();
    EXPECT_EQ(rig.one_sent(kDmz).payload(), slice(hello, 0, 30));
    EXPECT_EQ(together.session().protocol.tcp[0].end, kClientIsn + 1 + 30);
    rig.expect_identity();
}

TEST_F(Inspect, WatchingPassesEverythingAndLogsIt) {
    hold_access_to(ConformanceMode::watch);
    Conversation talk(rig);
    EXPECT_EQ(talk.client_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(talk.session().aside, 0) << "judged";
    EXPECT_EQ(talk.node_says(ssh_banner()).payload(), ssh_banner());
    const auto logged = samples();
    ASSERT_EQ(logged.size(), 1U);
    EXPECT_TRUE(logged[0].passed);
    EXPECT_EQ(logged[0].violation, Violation::wrong_protocol);
    EXPECT_EQ(access().watched, 1U);
    EXPECT_EQ(access().refused + access().matched + access().undecided, 0U);

    Conversation server_first(rig);
    EXPECT_EQ(server_first.node_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(access().watched, 2U);
    Conversation reordered(rig);
    const Bytes hello = client_hello();
    EXPECT_EQ(reordered.client_says_at(30, slice(hello, 30, 40)).payload(), slice(hello, 30, 40));
    EXPECT_EQ(rig.drops(), "");
    rig.expect_identity();
}

TEST_F(Inspect, OffLooksAtNothing) {
    hold_access_to(ConformanceMode::off);
    Conversation talk(rig);
    EXPECT_EQ(talk.session().aside, 0);
    EXPECT_EQ(talk.client_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(access().watched + access().undecided + access().matched, 0U);
    EXPECT_TRUE(samples().empty());
}

// What a receiver makes of a SYN's payload, or of urgent data, cannot be known.
TEST_F(Inspect, AmbiguousPayloadIsHeldOrLeftAlone) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    TcpFields syn;
    syn.flags = kSyn;
    syn.sequence = kClientIsn;
    rig.from_wan(with_payload(kClient, kAccessVip, 39999, 443, syn, slice(hello, 0, 10)));
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "inspection-hold 1");
    Conversation talk(rig, 39999);  // sent again without
    EXPECT_EQ(talk.session().protocol.tcp[0].end, kClientIsn + 1);
    TcpFields urgent;
    urgent.flags = kAckOnly | kTcpUrg;
    urgent.sequence = kClientIsn + 1;
    urgent.ack = kNodeIsn + 1;
    rig.from_wan(with_payload(kClient, kAccessVip, 39999, 443, urgent, slice(hello, 0, 10)));
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "inspection-hold 2");
    EXPECT_EQ(records(), 0U);
    EXPECT_EQ(talk.client_says(hello).payload(), hello);
    EXPECT_EQ(access().matched, 1U);

    hold_access_to(ConformanceMode::watch);
    rig.from_wan(with_payload(kClient, kAccessVip, 39998, 443, syn, slice(hello, 0, 10)));
    rig.pump();
    EXPECT_EQ(rig.one_sent(kDmz).payload(), slice(hello, 0, 10));
    EXPECT_EQ(rig.drops(), "inspection-hold 2");
    rig.expect_identity();
}

TEST_F(Inspect, AWatchedServerMayTakeThePayloadOfASyn) {
    hold_access_to(ConformanceMode::watch);
    const Bytes hello = client_hello();
    Conversation talk(rig, 40100, slice(hello, 0, 10));
    EXPECT_EQ(talk.client_says(slice(hello, 10, hello.size())).payload(),
              slice(hello, 10, hello.size()));
    EXPECT_FALSE(talk.session().undecided());
    EXPECT_TRUE(samples().empty());
    EXPECT_EQ(access().undecided, 0U);
}

TEST_F(Inspect, TheLastSegmentMayCarryItsFin) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    Conversation talk(rig);
    talk.client_says(slice(hello, 0, 20));
    EXPECT_EQ(talk.client_says(slice(hello, 20, hello.size()), kTcpFin).payload(),
              slice(hello, 20, hello.size()));
    EXPECT_EQ(access().matched, 1U);
    Conversation ssh(rig);
    ssh.send_from_client(0, ssh_banner(), kTcpFin);
    EXPECT_EQ(rig.one_sent(kDmz).sequence(), kClientIsn + 1);
    EXPECT_EQ(rig.drops(), "not-conformant 1");
}

TEST_F(Inspect, APushChangesTheRulesOfUndecidedSessionsOnly) {
    hold_access_to(ConformanceMode::watch);
    Conversation judged(rig), undecided(rig), released(rig);
    judged.client_says(ssh_banner());
    undecided.client_says({0x16, 0x03});
    released.client_says({0x16, 0x03});
    EXPECT_EQ(access().undecided, 2U);

    hold_access_to(ConformanceMode::enforce);
    EXPECT_EQ(judged.client_says(ssh_banner()).payload(), ssh_banner());
    undecided.send_from_client(2, ssh_banner());
    EXPECT_EQ(reset_offsets(), (std::vector{2U, 0U}));
    EXPECT_EQ(rig.sent(kWan).size(), 1U);
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(access().refused, 1U);
    EXPECT_EQ(released.client_says({0x01}).payload(), Bytes{0x01});
    EXPECT_EQ(access().undecided, 1U);

    hold_access_to(ConformanceMode::off);
    EXPECT_EQ(released.client_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(released.session().aside, 0);
    EXPECT_EQ(access().undecided, 0U);
    EXPECT_EQ(records(), 0U);
    rig.expect_identity();
}

// Nobody has seen their first bytes.
TEST_F(Inspect, SessionsThatWereOpenedWhileOffAreNeverJudged) {
    hold_access_to(ConformanceMode::off);
    Conversation silent(rig), speaking(rig);
    EXPECT_EQ(speaking.client_says(ssh_banner()).payload(), ssh_banner());
    for (const auto mode : {ConformanceMode::watch, ConformanceMode::enforce}) {
        hold_access_to(mode);
        for (Conversation* talk : {&silent, &speaking}) {
            EXPECT_EQ(talk->client_says(ssh_banner()).payload(), ssh_banner());
            EXPECT_EQ(talk->session().aside, 0);
        }
    }
    EXPECT_EQ(access().undecided + access().refused + access().watched, 0U);
    EXPECT_TRUE(samples().empty());
    EXPECT_EQ(rig.drops(), "");
    Conversation later(rig);
    later.send_from_client(0, ssh_banner());
    EXPECT_EQ(rig.drops(), "not-conformant 1");
}

TEST_F(Inspect, ASessionThatEndsGivesItsRecordBack) {
    hold_access_to(ConformanceMode::enforce);
    Conversation talk(rig);
    talk.client_says({0x16, 0x03});
    EXPECT_EQ(records(), 1U);
    EXPECT_EQ(access().undecided, 1U);
    rig.worker(0).sessions().end(talk.session(), 0);
    EXPECT_EQ(records(), 0U);
    EXPECT_EQ(access().undecided, 0U);
}

}  // namespace
}  // namespace portcullis::dataplane::test
