// TCP sessions that try to begin at another place than the inspector believes: SYNs, FINs and RSTs
// before the first byte.
#include "tests/eal/inspect_fixture.h"

namespace portcullis::dataplane::test {
namespace {

constexpr std::uint16_t kOutsideVlan = 20;
constexpr std::uint16_t kPort = 39000;

// Both interfaces on one device: packets of both directions come in one burst.
class InspectTrunk : public Inspect {
  protected:
    void hold_to(ConformanceMode mode) {
        policy::Policy policy = held_to(mode);
        policy.interfaces[0].device = "dmz";
        policy.interfaces[0].vlan = kOutsideVlan;
        rig.learn({kDmz, kOutsideVlan}, ip("192.0.2.254"), 0xfe);
        rig.publish(policy);
    }
    void client(std::uint8_t flags, std::uint32_t sequence, const Bytes& payload = {}) {
        TcpFields tcp;
        tcp.flags = flags;
        tcp.sequence = sequence;
        tcp.ack = (flags & kAckOnly) != 0 ? kNodeIsn + 1 : 0;
        rig.send(kDmz, ethernet(kDmzMac, kGatewayMac, kOutsideVlan,
                                with_payload(kClient, kAccessVip, kPort, 443, tcp, payload)));
    }
    void node(std::uint8_t flags, std::uint32_t sequence, std::uint32_t ack,
              const Bytes& payload = {}) {
        TcpFields tcp;
        tcp.flags = flags;
        tcp.sequence = sequence;
        tcp.ack = ack;
        rig.from_dmz(with_payload(node_, kAccessVip, 443, drawn_, tcp, payload));
    }
    void open(std::uint32_t isn) {
        client(kSyn, isn);
        rig.pump();
        const Sent syn = rig.one_sent(kDmz);
        node_ = syn.to();
        drawn_ = static_cast<std::uint16_t>(syn.source_port());
    }
    IpAddress node_;
    std::uint16_t drawn_ = 0;
};

// The SYN that the node has answered, and another one that would make its answer acknowledge
// payload.
TEST_F(InspectTrunk, ASynWithPayloadDoesNotMoveWhatAnAnswerMeans) {
    hold_to(ConformanceMode::enforce);
    open(kClientIsn);
    client(kSyn, kClientIsn - 100, Bytes(200, 0x16));
    node(kSynAck, kNodeIsn, kClientIsn + 1);
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "tcp-out-of-window 1, inspection-hold 1");
    client(kAckOnly, kClientIsn + 1, ssh_banner());
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "tcp-out-of-window 2, inspection-hold 1");

    // Two of them, and then the client begins again.
    client(kSyn, kClientIsn + 50, Bytes(20, 0x16));
    client(kSyn, kClientIsn - 50, Bytes(20, 0x16));
    client(kSyn, kClientIsn);
    node(kSynAck, kNodeIsn, kClientIsn + 1);
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 2U);
    client(kAckOnly, kClientIsn + 1, client_hello());
    rig.pump();
    EXPECT_EQ(rig.one_sent(kDmz).payload(), client_hello());
    EXPECT_EQ(access().matched, 1U);
    rig.expect_identity();
}

// The FIN, its acknowledgement and what follows are one burst.
TEST_F(InspectTrunk, NoByteFollowsAFin) {
    hold_to(ConformanceMode::enforce);
    open(kClientIsn);
    node(kSynAck, kNodeIsn, kClientIsn + 1);
    rig.pump();
    rig.sent(kDmz);
    client(kAckOnly | kTcpFin, kClientIsn + 1);
    node(kAckOnly, kNodeIsn + 1, kClientIsn + 2);
    client(kAckOnly, kClientIsn + 1, ssh_banner());
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 4U) << "FIN, ACK, two resets";
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(samples().at(0).violation, Violation::bad_sequence);
    EXPECT_EQ(sessions(), 0U);
    EXPECT_EQ(access().undecided, 0U);
    EXPECT_EQ(access().refused, 1U);
    rig.expect_identity();
}

TEST_F(Inspect, AFinWithoutBytesIsAnEnd) {
    for (const auto mode : {ConformanceMode::enforce, ConformanceMode::watch}) {
        hold_access_to(mode);
        Conversation talk(rig);
        talk.client_says({}, kTcpFin);
        talk.node_acknowledges();
        EXPECT_TRUE(talk.session().undecided());
        EXPECT_EQ(rig.drops(), "");
    }
    EXPECT_TRUE(samples().empty());
    // One that overtakes the bytes before it.
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    Conversation overtaken(rig);
    overtaken.send_from_client(static_cast<std::uint32_t>(hello.size()), {}, kTcpFin);
    (void)rig.one_sent(kDmz);
    overtaken.node_acknowledges();
    EXPECT_EQ(overtaken.client_says(hello).payload(), hello);
    EXPECT_EQ(access().matched, 1U);
    EXPECT_EQ(rig.drops(), "");
}

// It passes or is held, as tracking says, and changes nothing.
TEST_F(Inspect, ASynOutsideTheWindowChangesNothing) {
    hold_access_to(ConformanceMode::enforce);
    const Bytes hello = client_hello();
    Conversation talk(rig);
    TcpFields syn;
    syn.flags = kSyn;
    syn.sequence = kClientIsn - 100'000;
    rig.from_wan(with_payload(kClient, kAccessVip, talk.port(), 443, syn, {0x16, 3}));
    TestPacket broken = make_tcp(kClient, kAccessVip, talk.port(), 443, syn);
    broken.bytes[broken.l4 + 16] ^= 1;
    rig.from_wan(broken);
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "bad-l4-checksum 1, inspection-hold 1");
    EXPECT_EQ(talk.session().protocol.tcp[0].end, kClientIsn + 1);
    EXPECT_EQ(talk.client_says(slice(hello, 0, 10)).payload(), slice(hello, 0, 10));
    rig.from_wan(with_payload(kClient, kAccessVip, talk.port(), 443, syn, {0x16, 3}));
    talk.send_from_client(10, Bytes(10, 0xff));
    EXPECT_EQ(reset_offsets(), (std::vector{10U, 0U})) << "what the node expects";
}

TEST_F(Inspect, AWatchedServerThatTookTheBytesOfASynMaySpeak) {
    hold_access_to(ConformanceMode::watch);
    Conversation talk(rig, 0, slice(client_hello(), 0, 10));
    EXPECT_FALSE(talk.session().undecided());
    EXPECT_EQ(talk.node_says(ssh_banner()).payload(), ssh_banner());
    EXPECT_EQ(access().watched + access().undecided, 0U);
    EXPECT_TRUE(samples().empty());
}

// Ended here alone, the connection could go on once sessions are picked up.
TEST_F(Inspect, AResetThatTheServerDoesNotHearEndsNothing) {
    TcpFields rst;
    rst.flags = kRst;
    rst.sequence = kClientIsn + 1;
    for (const auto mode : {ConformanceMode::enforce, ConformanceMode::watch}) {
        hold_access_to(mode);
        Conversation talk(rig);
        TestPacket broken = make_tcp(kClient, kAccessVip, talk.port(), 443, rst);
        broken.bytes[broken.l4 + 16] ^= 1;
        rig.from_wan(broken);
        rig.pump();
        EXPECT_EQ(rig.sent(kDmz).size(), mode == ConformanceMode::watch ? 1U : 0U);
        EXPECT_EQ(talk.session().state, SessionState::established);
        TestPacket dying = make_tcp(kClient, kAccessVip, talk.port(), 443, rst);
        dying.bytes[8] = 1;
        dying.finish();
        rig.from_wan(dying);
        rig.pump();
        EXPECT_TRUE(rig.sent(kDmz).empty());
        EXPECT_EQ(rig.sent(kWan).size(), 1U) << "time exceeded";
        EXPECT_EQ(talk.session().state, SessionState::established);
        rig.from_wan(make_tcp(kClient, kAccessVip, talk.port(), 443, rst));
        rig.pump();
        EXPECT_EQ(rig.one_sent(kDmz).tcp_flags(), kRst);
        EXPECT_EQ(talk.session().state, SessionState::closing);
    }
    EXPECT_EQ(rig.drops(), "bad-l4-checksum 1, ttl-expired 2");
    rig.expect_identity();
}

}  // namespace
}  // namespace portcullis::dataplane::test
