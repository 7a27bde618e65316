// Sessions that are held to a protocol, within the time after a start in which mid-stream TCP is
// picked up: what began through us must not get round inspection by having its session ended here
// alone.
#include "tests/eal/inspect_fixture.h"

namespace portcullis::dataplane::test {
namespace {

const IpAddress kAvNode = ip("203.0.113.31");
constexpr std::uint32_t kAvTcp = 2;  // in Policy::conformance

// The A/V VIP's 443 by destination NAT, for the direct path the node's; and what nodes send out.
class InspectPickUp : public Inspect {
  protected:
    explicit InspectPickUp(const RigOptions& options = {}) : Inspect(options) {}

    void hold_to(ConformanceMode mode) { rig.publish(policy_of(mode)); }
    static policy::Policy policy_of(ConformanceMode mode) {
        policy::Policy policy = held_to(mode);
        policy.conformance.push_back(policy.conformance[kAccess]);
        policy.conformance[kAvTcp].name = "av-443";
        policy::Service service = policy.services[policy.rules[2].service];
        service.name = "av-443/tcp";
        service.transport = policy::Transport::tcp;
        service.port = 443;
        policy::Rule rule = policy.rules[2];
        rule.id = service.name;
        rule.transport = policy::Transport::tcp;
        rule.destination_ports = {443, 443};
        rule.service = static_cast<std::uint32_t>(policy.services.size());
        rule.conformance = kAvTcp;
        policy.services.push_back(service);
        policy.rules.push_back(rule);
        rule.id = "av-443-direct";
        rule.nat = policy::NatKind::none;
        rule.service = policy::kNoService;
        rule.destinations = {policy::Prefix::host(kAvNode),
                             policy::Prefix::host(ip("203.0.113.32"))};
        policy.rules.push_back(rule);
        rule.id = "av-out";  // held to nothing
        std::swap(rule.from, rule.to);
        rule.sources = rule.destinations;
        rule.destinations.clear();
        rule.destination_ports = {};
        rule.conformance = policy::kNoConformance;
        policy.rules.push_back(rule);
        return policy;
    }
    ConformanceHits::Totals av() { return rig.active().conformance.total(kAvTcp); }

    void client(std::uint8_t flags, std::uint32_t offset, const Bytes& payload = {},
                const IpAddress& to = kAvVip) {
        TcpFields tcp;
        tcp.flags = flags;
        tcp.sequence = kClientIsn + offset;
        tcp.ack = (flags & kAckOnly) != 0 ? kNodeIsn + 1 : 0;
        rig.from_wan(with_payload(kClient, to, port, 443, tcp, payload));
        rig.pump();
    }
    void node(std::uint8_t flags, std::uint32_t offset, const Bytes& payload = {}) {
        TcpFields tcp;
        tcp.flags = flags;
        tcp.sequence = kNodeIsn + offset;
        tcp.ack = kClientIsn + 1;
        rig.from_dmz(with_payload(at, kClient, 443, port, tcp, payload));
        rig.pump();
    }
    // SYN and SYN-ACK have passed.
    void begin() {
        client(kSyn, 0);
        at = rig.one_sent(kDmz).to();
        node(kSynAck, 0);
        (void)rig.one_sent(kWan);
    }
    void shake_hands() {
        begin();
        client(kAckOnly, 1);
        (void)rig.one_sent(kDmz);
    }
    Session& session() {
        auto& table = rig.worker(0).sessions();
        std::uint32_t slot = 0;
        while (table.at(slot).state == SessionState::free) ++slot;
        return table.at(slot);
    }
    void reset_that_dies_behind_us(std::uint32_t offset) {
        TcpFields rst;
        rst.flags = kRst;
        rst.sequence = kClientIsn + offset;
        TestPacket decoy = make_tcp(kClient, kAvVip, port, 443, rst);
        decoy.bytes[8] = 2;
        decoy.finish();
        rig.from_wan(decoy);
        rig.pump();
        EXPECT_EQ(rig.one_sent(kDmz).packet.bytes[8], 1);
        ASSERT_EQ(session().state, SessionState::closing);
    }
    // So that nothing came of it for so long.
    void age(std::uint32_t milliseconds) { session().last_seen -= milliseconds; }
    void expect_nothing_passes() {
        client(kAckOnly, 1, ssh_banner());
        client(kAckOnly | kTcpFin, 1, ssh_banner());
        client(kAckOnly, 1, ssh_banner(), at);  // by the other path
        node(kAckOnly, 1, ssh_banner());
        client(kAckOnly, 1, ssh_banner());
        EXPECT_TRUE(rig.sent(kDmz).empty());
        EXPECT_TRUE(rig.sent(kWan).empty());
        EXPECT_EQ(sessions(), 0U);
        rig.expect_identity();
    }
    std::uint16_t port = 41000;
    IpAddress at = kAvNode;  // the node that was chosen
};

TEST_F(InspectPickUp, WhatWasRefusedIsNotPickedUp) {
    hold_to(ConformanceMode::enforce);
    shake_hands();
    client(kAckOnly, 1, ssh_banner());
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(reset_offsets(), std::vector{0U});
    EXPECT_EQ(rig.sent(kWan).size(), 1U);
    EXPECT_EQ(sessions(), 0U);
    // The resets were lost, or not exact: the node still has its side.
    expect_nothing_passes();
    EXPECT_EQ(rig.drops(), "not-a-syn 5, not-conformant 1");
    EXPECT_EQ(av().refused, 1U);
}

TEST_F(InspectPickUp, NorIsWhatAResetEndedHereAlone) {
    hold_to(ConformanceMode::enforce);
    shake_hands();
    reset_that_dies_behind_us(1);
    client(kAckOnly, 1, ssh_banner());
    EXPECT_EQ(rig.drops(), "tcp-closed 1");
    age(15'000);
    expect_nothing_passes();
    EXPECT_EQ(rig.drops(), "not-a-syn 5, tcp-closed 1");
}

// Two handshakes: the client's ACK is what makes a session established here.
TEST_F(InspectPickUp, NorIsAWithheldHandshake) {
    hold_to(ConformanceMode::enforce);
    begin();
    ASSERT_EQ(session().state, SessionState::syn_received);
    age(30'000);
    expect_nothing_passes();
    EXPECT_EQ(rig.drops(), "not-a-syn 5");
    EXPECT_EQ(av().undecided, 0U);

    begin();  // given way to another
    rig.worker(0).sessions().end(session(), 0);
    expect_nothing_passes();
    EXPECT_EQ(rig.drops(), "not-a-syn 10");
}

TEST_F(InspectPickUp, AConnectionFromBeforeTheStartIs) {
    hold_to(ConformanceMode::enforce);
    client(kAckOnly, 1, ssh_banner());
    EXPECT_EQ(rig.one_sent(kDmz).payload(), ssh_banner());
    EXPECT_EQ(session().state, SessionState::picked_up);
    EXPECT_EQ(session().aside, 0);
    // It may time out and come again.
    age(2'000'000);
    client(kAckOnly, 1, ssh_banner());
    EXPECT_EQ(rig.one_sent(kDmz).payload(), ssh_banner());
    EXPECT_EQ(rig.drops(), "");
    rig.expect_identity();
}

// A SYN alone speaks for nobody: forged ones must not keep connections from being picked up.
TEST_F(InspectPickUp, ASynBeginsNothing) {
    hold_to(ConformanceMode::enforce);
    client(kSyn, 0);
    (void)rig.one_sent(kDmz);
    age(30'000);
    client(kAckOnly, 1, ssh_banner());
    EXPECT_EQ(rig.one_sent(kDmz).payload(), ssh_banner());
}

TEST_F(InspectPickUp, WhatIsOnlyWatchedIsPickedUpAsEver) {
    for (const auto mode : {ConformanceMode::watch, ConformanceMode::off}) {
        ++port;
        hold_to(mode);
        shake_hands();
        rig.worker(0).sessions().end(session(), 0);
        client(kAckOnly, 1, ssh_banner());
        EXPECT_EQ(rig.one_sent(kDmz).payload(), ssh_banner());
        EXPECT_EQ(session().state, SessionState::picked_up);
        rig.worker(0).sessions().end(session(), 0);
    }
    EXPECT_EQ(rig.drops(), "");
    rig.expect_identity();
}

TEST_F(InspectPickUp, APushWithinTheWindowKnowsWhatHasBegun) {
    hold_to(ConformanceMode::watch);
    shake_hands();
    rig.worker(0).sessions().end(session(), 0);
    hold_to(ConformanceMode::enforce);
    expect_nothing_passes();
    EXPECT_EQ(rig.drops(), "not-a-syn 5");
}

class InspectAfterTheWindow : public InspectPickUp {
  protected:
    InspectAfterTheWindow() : InspectPickUp(settled()) {}
};

// The node has its side still. While the session closes new data is `tcp-closed`, what is sent again
// is judged as before, and a SYN begins another session; later all of it is no SYN.
TEST_F(InspectAfterTheWindow, NothingPassesOfWhatAResetEndedHereAlone) {
    hold_to(ConformanceMode::enforce);
    for (const bool heard : {false, true}) {
        ++port;
        shake_hands();
        const Bytes first = {0x16, 0x03, 0x01};
        if (heard) {
            client(kAckOnly, 1, first);
            EXPECT_EQ(rig.one_sent(kDmz).payload(), first);
        }
        const std::uint32_t next = heard ? 4 : 1;
        reset_that_dies_behind_us(next);
        client(kAckOnly, next, ssh_banner());
        client(kAckOnly | kTcpFin, next);
        node(kAckOnly, 1, ssh_banner());
        EXPECT_TRUE(rig.sent(kDmz).empty());
        EXPECT_TRUE(rig.sent(kWan).empty());
        if (heard) {
            client(kAckOnly, 1, {'S', 'S', 'H'});  // in place of what was judged
            EXPECT_EQ(rig.sent(kDmz).size(), 2U) << "resets";
            EXPECT_EQ(rig.sent(kWan).size(), 1U);
        } else {
            age(15'000);
        }
        expect_nothing_passes();
    }
    EXPECT_EQ(rig.drops(), "not-a-syn 10, tcp-closed 6, not-conformant 1");
}

TEST_F(InspectAfterTheWindow, NothingIsPickedUp) {
    hold_to(ConformanceMode::enforce);
    expect_nothing_passes();
    EXPECT_EQ(rig.drops(), "not-a-syn 5");
}

}  // namespace
}  // namespace portcullis::dataplane::test
