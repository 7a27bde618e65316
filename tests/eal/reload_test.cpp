// A new policy and the sessions of the old one: carried, judged again, or ended.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "dataplane/owner.h"
#include "tests/eal/worker_rig.h"

namespace portcullis::dataplane::test {
namespace {

const IpAddress kClient = ip("198.51.100.25");
const IpAddress kAccessVip = ip("203.0.113.10");
const IpAddress kAvVip = ip("203.0.113.30");

policy::Policy small() {
    return ::portcullis::test::small_policy();
}

// A TCP session through the Access VIP and a UDP one through the A/V VIP, both answered.
class Reload : public testing::Test {
  protected:
    static RigOptions settled() {
        RigOptions options;
        options.already_running = 200'000;
        options.sessions = 256;
        return options;
    }
    void SetUp() override {
        rig.publish(small());
        rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1000, 0, 0x02}));
        rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1}));
        rig.pump();
        for (const Sent& sent : rig.sent(kDmz)) (sent.packet.protocol == 6 ? access : av) = sent;
        port = static_cast<std::uint16_t>(access.source_port());
        rig.from_dmz(make_tcp(access.to(), kAccessVip, 443, port, {5000, 1001, 0x12}));
        rig.from_dmz(make_udp(av.to(), kClient, 3478, 40000, {2}));
        rig.pump();
        rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1001, 5001, 0x10}));
        rig.pump();
        ASSERT_EQ(rig.sent(kWan).size(), 2U) << rig.drops();
        ASSERT_EQ(rig.sent(kDmz).size(), 1U) << rig.drops();
        ASSERT_EQ(rig.worker(0).sessions().size(), 2U);
    }
    void TearDown() override { rig.expect_identity(); }
    void data_both_ways() {
        rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1001, 5001, 0x18, 65535, 10}));
        rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1}));
        rig.from_dmz(make_tcp(access.to(), kAccessVip, 443, port, {5001, 1001, 0x18, 65535, 10}));
        rig.from_dmz(make_udp(av.to(), kClient, 3478, 40000, {2}));
        rig.pump();
    }

    Rig rig{settled()};
    Sent access, av;
    std::uint16_t port = 0;
};

TEST_F(Reload, UnchangedRulesKeepTheirSessions) {
    rig.publish(small());
    data_both_ways();
    const auto inside = rig.sent(kDmz), outside = rig.sent(kWan);
    ASSERT_EQ(inside.size(), 2U) << rig.drops();
    ASSERT_EQ(outside.size(), 2U);
    EXPECT_EQ(inside[0].source_port(), port);
    EXPECT_EQ(inside[0].to(), access.to());
    EXPECT_EQ(inside[1].to(), av.to());
    EXPECT_EQ(rig.total(&Counters::readmitted), 2U);
    EXPECT_EQ(rig.total(&Counters::sessions_started), 2U);
}

// New indexes of rules, services and interfaces: nothing of it concerns a session.
TEST_F(Reload, RenumberingKeepsSessions) {
    auto policy = small();
    policy::Interface extra = policy.interfaces[1];
    extra.name = "extra";
    extra.vlan = 20;
    extra.addresses = {{ip("10.20.0.1"), 24}};
    extra.answered = {ip("10.20.0.1")};
    policy.interfaces.insert(policy.interfaces.begin(), extra);
    for (policy::Route& route : policy.routes) ++route.interface;
    std::rotate(policy.rules.begin(), policy.rules.begin() + 3, policy.rules.end());
    rig.publish(policy);
    data_both_ways();
    EXPECT_EQ(rig.sent(kDmz).size(), 2U) << rig.drops();
    EXPECT_EQ(rig.sent(kWan).size(), 2U);
    EXPECT_EQ(rig.drops(), "");
}

TEST_F(Reload, AForbiddenSessionEndsWithResetsBothWays) {
    auto policy = small();
    policy.rules.erase(policy.rules.begin());  // Access over IPv4
    rig.publish(policy);
    rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1001, 5001, 0x18, 65535, 10}));
    rig.pump();
    EXPECT_EQ(rig.drops(), "policy-changed 1");
    const Sent out = rig.one_sent(kWan), in = rig.one_sent(kDmz);
    EXPECT_EQ(out.from(), kAccessVip);
    EXPECT_EQ(out.to(), kClient);
    EXPECT_EQ(out.destination_port(), 40000U);
    EXPECT_EQ(in.from(), kAccessVip);
    EXPECT_EQ(in.to(), access.to());
    EXPECT_EQ(in.source_port(), port);
    EXPECT_EQ(in.vlan, kDmzVlan);
    for (const Sent& reset : {out, in}) {
        EXPECT_EQ(reset.packet.bytes[33] & 0x04, 0x04);
        EXPECT_TRUE(reset.packet.checksums_right());
    }
    EXPECT_EQ(rig.worker(0).sessions().size(), 1U);
    // The next packet is one without a session.
    rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1011, 5001, 0x18, 65535, 10}));
    rig.pump();
    EXPECT_EQ(rig.drops(), "not-a-syn 1, policy-changed 1");
}

TEST_F(Reload, ABindingWhoseNodeIsGoneEnds) {
    auto policy = small();
    for (policy::Service& service : policy.services)
        std::erase_if(service.nodes, [&](const policy::Node& node) {
            return node.address == access.to() || node.address == av.to();
        });
    rig.publish(policy);
    rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1001, 5001, 0x18, 65535, 10}));
    rig.from_dmz(make_udp(av.to(), kClient, 3478, 40000, {2}));
    rig.pump();
    EXPECT_EQ(rig.drops(), "binding-gone 2");
    EXPECT_EQ(rig.worker(0).sessions().size(), 0U);
    // A datagram needs no handshake: the client goes on with another node.
    rig.sent(kDmz);
    rig.sent(kWan);
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1}));
    rig.pump();
    const Sent anew = rig.one_sent(kDmz);
    EXPECT_NE(anew.to(), av.to());
}

// Where its key expects them nobody would look for the node's packets any more.
TEST_F(Reload, ASessionWhoseNodeIsBehindAnotherInterfaceEnds) {
    auto policy = small();
    policy.interfaces[kDmz].vlan = kDmzVlan + 1;
    rig.publish(policy);
    rig.from_wan(make_tcp(kClient, kAccessVip, 40000, 443, {1001, 5001, 0x18, 65535, 10}));
    rig.from_wan(make_udp(kClient, kAvVip, 40000, 3478, {1}));
    rig.pump();
    EXPECT_EQ(rig.drops(), "binding-gone 2");
    EXPECT_EQ(rig.one_sent(kWan).packet.bytes[33] & 0x04, 0x04);
}

// What a new session would have, one that goes on has too.
TEST_F(Reload, AJudgedSessionLivesByItsNewRule) {
    auto policy = small();
    policy.rules[0].idle_seconds = 77;
    policy.rules[2].idle_seconds = 78;
    policy.rules[2].av_path = true;
    rig.publish(policy);
    data_both_ways();
    EXPECT_EQ(rig.drops(), "");
    unsigned seen = 0;
    rig.worker(0).sessions().visit(0, 256, [&](const Session& session) {
        const bool tcp = session.key[0].protocol == 6;
        EXPECT_EQ(session.idle_ms, idle_milliseconds(tcp ? 77 : 78));
        EXPECT_EQ(session.av_path, !tcp);
        ++seen;
    });
    EXPECT_EQ(seen, 2U);
}

TEST_F(Reload, TwoGenerationsLaterSessionsAreJudgedAgain) {
    rig.publish(small());
    rig.publish(small());
    data_both_ways();
    EXPECT_EQ(rig.sent(kDmz).size() + rig.sent(kWan).size(), 4U) << rig.drops();
}

// Nobody sends: the sweep finds them, within 10 s of the worker's clock.
TEST_F(Reload, IdleSessionsAreJudgedByTheSweep) {
    auto policy = small();
    policy.rules.erase(policy.rules.begin());
    rig.publish(policy);
    const Millis start = rig.worker(0).now();
    while (rig.worker(0).sessions().size() == 2 && rig.worker(0).now() < start + 10'000)
        rig.worker(0).poll();
    EXPECT_EQ(rig.worker(0).sessions().size(), 1U);
    EXPECT_EQ(rig.sent(kWan).size(), 1U);
    EXPECT_EQ(rig.sent(kDmz).size(), 1U);
    EXPECT_EQ(rig.drops(), "") << "no packet was dropped, a session ended";
}

// However many there are: the limit is for what strangers can make us say.
TEST_F(Reload, EveryForbiddenConnectionIsReset) {
    constexpr unsigned kMore = 100;
    for (unsigned i = 0; i < kMore; ++i)
        rig.from_wan(make_tcp(kClient, kAccessVip, static_cast<std::uint16_t>(41000 + i), 443,
                              {1000, 0, 0x02}));
    rig.pump();
    ASSERT_EQ(rig.sent(kDmz).size(), kMore) << rig.drops();
    auto policy = small();
    policy.rules.erase(policy.rules.begin());
    policy.settings.icmp_error_per_second = 1;
    rig.publish(policy);
    const Millis start = rig.worker(0).now();
    while (rig.worker(0).sessions().size() > 1 && rig.worker(0).now() < start + 10'000)
        rig.worker(0).poll();
    EXPECT_EQ(rig.worker(0).sessions().size(), 1U);
    EXPECT_EQ(rig.sent(kWan).size(), kMore + 1);
    EXPECT_EQ(rig.sent(kDmz).size(), kMore + 1);
    EXPECT_EQ(rig.drops(), "");
}

// Of two workers; in 223.0.113.0/24.
IpAddress client_of_another(unsigned worker) {
    IpAddress client = ip("223.0.113.1");
    for (std::uint32_t host = 1; worker_of(client, 2) == worker; ++host)
        client = IpAddress::from_v4(0xdf007100 + host);
    return client;
}

// These clients as neighbours of what they talk to: no further out, so that the smaller address decides
// who owns a flow.
policy::Policy clients_inside(std::size_t rule) {
    policy::Policy inside = small();
    inside.interfaces[kWan].zones.add(policy::Zone::edge_external);
    inside.addresses.push_back({policy::Prefix::parse("223.0.113.0/24").value(),
                                policy::AddressKind::member, policy::Zone::edge_external});
    std::ranges::stable_sort(inside.addresses, std::greater{},
                             [](const policy::AddressClass& c) { return c.prefix.length(); });
    inside.rules[rule].from = policy::Zone::edge_external;
    return inside;
}

// A push that changes which end of a flow lies outside changes its owner, too.
TEST(ReloadWorkers, AMovedFlowStartsAnewAtItsNewOwner) {
    RigOptions options;
    options.workers = 2;
    Rig rig(options);
    const unsigned before = worker_of(kAvVip, 2);
    const IpAddress client = client_of_another(before);
    rig.publish(clients_inside(2));
    const auto send = [&] {
        rig.from_wan(make_udp(client, kAvVip, 40000, 3478, {1}), before);
        rig.pump();
    };
    send();
    ASSERT_EQ(rig.sent(kDmz).size(), 1U) << rig.drops();
    ASSERT_EQ(rig.worker(before).sessions().size(), 1U);

    rig.publish(small());
    send();
    EXPECT_EQ(rig.sent(kDmz).size(), 1U) << rig.drops();
    EXPECT_EQ(rig.worker(before).sessions().size(), 0U);
    EXPECT_EQ(rig.worker(1 - before).sessions().size(), 1U);
    EXPECT_EQ(rig.total(&Counters::handed_out), 1U);
    EXPECT_EQ(rig.drops(), "");
    rig.expect_identity();
}

TEST(ReloadWorkers, AMovedConnectionIsReset) {
    const IpAddress node = ip("203.0.113.31");
    RigOptions options;
    options.workers = 2;
    options.already_running = 200'000;
    Rig rig(options);
    const unsigned before = worker_of(node, 2);
    const IpAddress client = client_of_another(before);
    rig.publish(clients_inside(3));
    const auto syn = [&] {
        rig.from_wan(make_tcp(client, node, 40000, 50001, {1000, 0, 0x02}), before);
        rig.pump();
    };
    syn();
    ASSERT_EQ(rig.sent(kDmz).size(), 1U) << rig.drops();

    rig.publish(small());
    syn();
    EXPECT_EQ(rig.one_sent(kWan).packet.bytes[33], 0x14) << "the client's";
    const auto within = rig.sent(kDmz);
    ASSERT_EQ(within.size(), 2U) << "the node's, and the first of a connection at the new owner";
    EXPECT_EQ(std::ranges::count_if(within,
                                    [](const Sent& sent) { return sent.packet.bytes[33] == 0x04; }),
              1);
    EXPECT_EQ(rig.worker(1 - before).sessions().size(), 1U);
    rig.expect_identity();
}

TEST_F(Reload, NoBurstSeesTwoPolicies) {
    // The session limit of the new policy holds from the burst on that first sees it.
    auto policy = small();
    policy.settings.embryonic_per_source = 1;
    rig.publish(policy);
    for (std::uint16_t i = 0; i < 5; ++i)
        rig.from_wan(make_tcp(kClient, kAccessVip, static_cast<std::uint16_t>(50000 + i), 443,
                              {1, 0, 0x02}));
    rig.pump();
    EXPECT_EQ(rig.worker(0).sessions().embryonic(), 1U);
    rig.sent(kDmz);
}

}  // namespace
}  // namespace portcullis::dataplane::test
