// UDP sessions that are held to a protocol, through the whole pipeline.
#include "tests/eal/inspect_fixture.h"

namespace portcullis::dataplane::test {
namespace {

// UDP on the A/V VIP's 3478, by destination NAT.
class InspectUdp : public Inspect {
  protected:
    void hold_av_to(ConformanceMode mode) { rig.publish(held_to(mode)); }
    ConformanceHits::Totals av() { return rig.active().conformance.total(kAv); }
    void send(const Bytes& payload, std::uint16_t port = 40000, const IpAddress& to = kAvVip) {
        rig.from_wan(make_udp(kClient, to, port, 3478, payload));
        rig.pump();
    }
};

TEST_F(InspectUdp, StunPassesAndJunkDoesNot) {
    hold_av_to(ConformanceMode::enforce);
    send(stun_request());
    const Sent in = rig.one_sent(kDmz);
    EXPECT_EQ(av().matched, 1U);
    EXPECT_EQ(av().undecided, 0U);
    send({1, 2, 3, 4});
    EXPECT_EQ(rig.one_sent(kDmz).payload(), (Bytes{1, 2, 3, 4})) << "judged, and left alone";
    rig.from_dmz(make_udp(in.to(), kClient, 3478, 40000, {9, 9}));
    rig.pump();
    EXPECT_EQ(rig.one_sent(kWan).payload(), (Bytes{9, 9}));

    send(ssh_banner(), 40001);
    send(ssh_banner(), 40001);
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_TRUE(rig.sent(kWan).empty()) << "no answer to junk";
    EXPECT_EQ(rig.drops(), "not-conformant 2");
    EXPECT_EQ(av().refused, 2U);
    EXPECT_EQ(sessions(), 1U);
    send({}, 40002);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U) << "an empty datagram says nothing";
    rig.expect_identity();
}

// A genuine message that its receiver will throw away must not open the session for another.
TEST_F(InspectUdp, ADecoyWithABrokenChecksumSaysNothing) {
    hold_av_to(ConformanceMode::enforce);
    TestPacket decoy = make_udp(kClient, kAvVip, 40000, 3478, stun_request());
    decoy.bytes.back() ^= 1;
    rig.from_wan(decoy);
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, ssh_banner()));
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "not-conformant 1, bad-l4-checksum 1");
    EXPECT_EQ(av().matched, 0U);

    TestPacket without = make_udp(kClient, kAvVip, 40001, 3478, stun_request());
    put16(without.bytes, without.checksum_at(), 0);
    rig.from_wan(without);
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 1U) << "IPv4 UDP may have no checksum";
    rig.expect_identity();
}

TEST_F(InspectUdp, TheRestOfABurstFollowsItsFirstDatagram) {
    hold_av_to(ConformanceMode::enforce);
    for (unsigned i = 0; i < 3; ++i)
        rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, ssh_banner()));
    for (unsigned i = 0; i < 3; ++i)
        rig.from_wan(
            make_udp(kClient, kAvVip, 40001, 3478, i == 0 ? stun_request() : ssh_banner()));
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 3U);
    EXPECT_EQ(rig.drops(), "not-conformant 3");
    EXPECT_EQ(av().refused, 1U);
    rig.expect_identity();
}

TEST_F(InspectUdp, WatchingDropsNothing) {
    hold_av_to(ConformanceMode::watch);
    for (unsigned i = 0; i < 3; ++i)
        rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, ssh_banner()));
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), 3U);
    EXPECT_EQ(av().watched, 1U);
    EXPECT_EQ(rig.drops(), "");
}

TEST_F(InspectUdp, EachPathOfAClientIsJudgedOnItsOwn) {
    policy::Policy policy = held_to(ConformanceMode::enforce);
    policy::Rule direct = policy.rules[2];
    direct.id = "av-direct-udp";
    direct.nat = policy::NatKind::none;
    direct.service = policy::kNoService;
    direct.destinations = {policy::Prefix::host(ip("203.0.113.31")),
                           policy::Prefix::host(ip("203.0.113.32"))};
    policy.rules[2].av_path = direct.av_path = true;
    policy.rules.push_back(direct);
    rig.publish(policy);

    send(stun_request(1));
    const IpAddress node = rig.one_sent(kDmz).to();
    send(ssh_banner(), 40000, node);
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    send(stun_request(2), 40000, node);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    EXPECT_EQ(sessions(), 2U);
    EXPECT_EQ(av().matched, 2U);
    EXPECT_EQ(av().undecided, 0U);
    rig.expect_identity();
}

}  // namespace
}  // namespace portcullis::dataplane::test
