// UDP sessions that are held to a protocol, through the whole pipeline.
#include "dataplane/session_listing.h"
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
    void answer(const Bytes& payload, const IpAddress& node, std::uint16_t port = 40000) {
        rig.from_dmz(make_udp(node, kClient, 3478, port, payload));
        rig.pump();
    }
    Session& session_of(std::uint16_t port, const IpAddress& to = kAvVip) {
        auto& table = rig.worker(0).sessions();
        std::uint32_t slot = 0;
        while (table.at(slot).state == SessionState::free ||
               table.at(slot).key[0].source_port != port || table.at(slot).key[0].destination != to)
            ++slot;
        return table.at(slot);
    }
    peer::SessionConformance listed(std::uint16_t port) {
        peer::SessionQuery query;
        query.protocol = 17;
        query.port = port;
        SessionListing listing(query);
        EXPECT_TRUE(rig.worker(0).submit(&listing));
        while (!listing.done()) rig.worker(0).poll();
        EXPECT_EQ(listing.records().size(), 1U);
        return listing.records().at(0).conformance;
    }
    // So that it was refused as long ago as a refusal lasts.
    void age(Session& refused) { refused.inspection -= kRefusedMillis; }
};

// As a packet that arrives with a TTL of 1.
TestPacket dying(TestPacket packet) {
    packet.bytes[8] = 1;
    packet.finish();
    return packet;
}

Bytes rtp(std::uint32_t ssrc, std::uint16_t sequence) {
    Bytes packet(60, 0x5a);
    put16(packet, 0, 0x8000);
    put16(packet, 2, sequence);
    put32(packet, 8, ssrc);
    return packet;
}

TEST_F(InspectUdp, StunPassesAndJunkDoesNot) {
    hold_av_to(ConformanceMode::enforce);
    send(stun_request());
    const Sent in = rig.one_sent(kDmz);
    EXPECT_EQ(av().matched, 1U);
    answer({9, 9}, in.to());
    EXPECT_EQ(rig.one_sent(kWan).payload(), (Bytes{9, 9}));
    EXPECT_EQ(av().undecided, 0U);
    EXPECT_EQ(session_of(40000).aside, 0) << "the short way from here on";
    send({1, 2, 3, 4});
    EXPECT_EQ(rig.one_sent(kDmz).payload(), (Bytes{1, 2, 3, 4})) << "judged, and left alone";

    send(ssh_banner(), 40001);
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_TRUE(rig.sent(kWan).empty()) << "no answer to junk";
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(av().refused, 1U);
    EXPECT_EQ(av().undecided, 0U);
    send({}, 40002);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U) << "an empty datagram says nothing";
    rig.expect_identity();
}

// A genuine message may die behind us, before its receiver: until that one has answered, each
// datagram of the initiator is judged on its own.
TEST_F(InspectUdp, AMatchWithoutAnAnswerSpeaksForItselfOnly) {
    hold_av_to(ConformanceMode::enforce);
    for (std::uint8_t i = 1; i < 4; ++i) send(stun_request(i));
    const std::vector<Sent> in = rig.sent(kDmz);
    ASSERT_EQ(in.size(), 3U) << "each matches";
    EXPECT_EQ(av().matched, 1U) << "a session is counted once";
    EXPECT_EQ(av().undecided, 1U);
    send(ssh_banner());
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(av().refused, 1U);
    EXPECT_EQ(av().undecided, 0U);
    answer({9, 9}, in[0].to());
    EXPECT_TRUE(rig.sent(kWan).empty()) << "too late";

    // What matches after an answer waits for the next one.
    send(rtp(7, 1), 40001);
    answer(rtp(8, 1), rig.one_sent(kDmz).to(), 40001);
    EXPECT_EQ(rig.sent(kWan).size(), 1U);
    send(stun_request(), 40001);
    const Sent heard = rig.one_sent(kDmz);
    EXPECT_TRUE(session_of(40001).undecided());
    answer(stun_request(), heard.to(), 40001);
    EXPECT_EQ(session_of(40001).aside, 0);
    rig.expect_identity();
}

TEST_F(InspectUdp, WhatDiesHereSaysNothing) {
    for (const auto mode : {ConformanceMode::enforce, ConformanceMode::watch}) {
        hold_av_to(mode);
        const std::uint16_t port = mode == ConformanceMode::enforce ? 40000 : 40001;
        rig.from_wan(dying(make_udp(kClient, kAvVip, port, 3478, stun_request())));
        rig.from_wan(dying(make_udp(kClient, kAvVip, port, 3478, ssh_banner())));
        rig.pump();
        EXPECT_EQ(av().matched + av().refused + av().watched, 0U);
        EXPECT_EQ(av().undecided, 1U);
        send(stun_request(), port);
        const Sent in = rig.one_sent(kDmz);
        EXPECT_EQ(av().matched, 1U);
        // Nor is an answer heard that dies here.
        rig.from_dmz(dying(make_udp(in.to(), kClient, 3478, port, {9})));
        rig.pump();
        EXPECT_EQ(session_of(port).undecided(), mode == ConformanceMode::enforce);
        rig.sent(kDmz);  // the ICMP error
    }
    EXPECT_EQ(rig.drops(), "ttl-expired 6");
    rig.expect_identity();
}

TEST_F(InspectUdp, TheListingSaysWhatIsUndecidedAndWhatIsRefused) {
    hold_av_to(ConformanceMode::enforce);
    send(stun_request(), 40000);
    answer({9}, rig.one_sent(kDmz).to(), 40000);
    send(rtp(1, 7), 40001);
    send(ssh_banner(), 40002);
    using enum peer::SessionConformance;
    EXPECT_EQ(listed(40000), none);
    EXPECT_EQ(listed(40001), undecided);
    EXPECT_EQ(listed(40002), refused);
}

// Before as after a packet has had them taken over by the policy that runs.
TEST_F(InspectUdp, TheListingSaysWhatTheRunningPolicyMakesOfThem) {
    using enum peer::SessionConformance;
    const struct {
        ConformanceMode mode;
        peer::SessionConformance begun, junk;
    } pushes[] = {
        {ConformanceMode::watch, undecided, none},
        {ConformanceMode::enforce, undecided, refused},
        {ConformanceMode::off, none, none},
    };
    std::uint16_t port = 40000;
    for (const auto& push : pushes) {
        const std::uint16_t begun = port++, junk = port++;
        hold_av_to(ConformanceMode::enforce);
        send(rtp(1, 7), begun);
        send(ssh_banner(), junk);
        EXPECT_EQ(rig.sent(kDmz).size(), 1U);
        EXPECT_EQ(listed(begun), undecided);
        EXPECT_EQ(listed(junk), refused);
        hold_av_to(push.mode);
        EXPECT_EQ(listed(begun), push.begun);
        EXPECT_EQ(listed(junk), push.junk);
        send({}, begun);
        send(ssh_banner(), junk);
        EXPECT_EQ(rig.sent(kDmz).size(), push.junk == refused ? 1U : 2U);
        EXPECT_EQ(listed(begun), push.begun);
        EXPECT_EQ(listed(junk), push.junk);
    }
}

// Else a tunnel that looks like RTP would lose one datagram of five only.
TEST_F(InspectUdp, ARefusedSessionStaysRefused) {
    hold_av_to(ConformanceMode::enforce);
    for (std::uint32_t i = 0; i < 20; ++i) send(rtp(i, 7));
    const std::vector<Sent> in = rig.sent(kDmz);
    EXPECT_EQ(in.size(), 4U);
    EXPECT_EQ(rig.drops(), "not-conformant 16");
    EXPECT_EQ(av().refused, 1U) << "a session is counted once";
    EXPECT_EQ(samples().size(), 1U);
    send(stun_request());
    answer(stun_request(), in[0].to());
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_TRUE(rig.sent(kWan).empty());
    EXPECT_EQ(rig.drops(), "not-conformant 18");
    EXPECT_EQ(sessions(), 1U);
    EXPECT_EQ(records(), 0U);

    age(session_of(40000));
    send(stun_request());
    EXPECT_EQ(rig.sent(kDmz).size(), 1U) << "begins anew";
    EXPECT_EQ(av().matched, 1U);
    EXPECT_EQ(av().undecided, 1U);
    rig.expect_identity();
}

// A port unreachable of the node, or the client's, would carry bytes of either side to the other.
TEST_F(InspectUdp, NorDoesAnErrorAboutItPass) {
    hold_av_to(ConformanceMode::enforce);
    send(rtp(1, 7));
    const IpAddress node = rig.one_sent(kDmz).to();
    const TestPacket in = make_udp(kClient, node, 40000, 3478, ssh_banner());
    const TestPacket out = make_udp(kAvVip, kClient, 3478, 40000, ssh_banner());
    const auto errors = [&] {
        rig.from_dmz(make_icmp_error(node, kClient, 3, 3, in.bytes));
        rig.from_wan(make_icmp_error(kClient, kAvVip, 3, 3, out.bytes));
        rig.pump();
    };
    errors();  // about an undecided one they do, and say nothing of what it speaks
    EXPECT_EQ(rig.sent(kWan).size(), 1U);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    EXPECT_EQ(rig.drops(), "");
    EXPECT_EQ(av().undecided, 1U);

    send(ssh_banner());
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    errors();
    EXPECT_TRUE(rig.sent(kWan).empty());
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "not-conformant 3");

    hold_av_to(ConformanceMode::watch);
    errors();
    EXPECT_EQ(rig.sent(kWan).size(), 1U);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);

    // Refused by an earlier packet of the same burst.
    hold_av_to(ConformanceMode::enforce);
    send(rtp(2, 7), 40001);
    (void)rig.one_sent(kDmz);
    rig.from_wan(make_udp(kClient, kAvVip, 40001, 3478, ssh_banner()));
    rig.from_wan(make_icmp_error(kClient, kAvVip, 3, 3,
                                 make_udp(kAvVip, kClient, 3478, 40001, {1, 2}).bytes));
    rig.pump();
    EXPECT_TRUE(rig.sent(kDmz).empty());
    EXPECT_EQ(rig.drops(), "not-conformant 5");
    rig.expect_identity();
}

TEST_F(InspectUdp, WatchingLiftsARefusal) {
    hold_av_to(ConformanceMode::enforce);
    send(ssh_banner());
    EXPECT_TRUE(rig.sent(kDmz).empty());
    hold_av_to(ConformanceMode::watch);
    send(ssh_banner());
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    policy::Policy without = held_to(ConformanceMode::off);
    rig.publish(without);
    send(ssh_banner());
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
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
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    EXPECT_EQ(rig.drops(), "not-conformant 5");
    EXPECT_EQ(av().refused, 2U);
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
    age(session_of(40000, node));
    send(stun_request(2), 40000, node);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    EXPECT_EQ(sessions(), 2U);
    EXPECT_EQ(av().matched, 2U);
    EXPECT_EQ(av().undecided, 2U);
    // Each answer is of the path of its request.
    Bytes response = stun_request(1);
    response[0] = 1;
    answer(response, node);
    EXPECT_EQ(session_of(40000).undecided(), false);
    EXPECT_EQ(session_of(40000, node).undecided(), true);
    response = stun_request(2);
    response[0] = 1;
    answer(response, node);
    EXPECT_EQ(rig.sent(kWan).size(), 2U);
    EXPECT_EQ(av().undecided, 0U);
    rig.expect_identity();
}

}  // namespace
}  // namespace portcullis::dataplane::test
