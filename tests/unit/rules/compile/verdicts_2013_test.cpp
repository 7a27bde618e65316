// What SEMANTICS.md decides for Lync 2013, written from its text and asked of the compiled samples.
// The numbers are those of the decisions.
#include <algorithm>

#include "tests/unit/rules/compile/samples.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::DenyReason;
using topology::Feature;

policy::Policy scaled(const Change& change = {}) {
    return sample("lync-2013-scaled-hlb", change);
}
policy::Policy single(const Change& change = {}) {
    return sample("lync-2013-single-director", change);
}

TEST(Verdicts2013, D2AnyIsItsOwnZoneAndNeverAnotherLegOrUs) {
    expect(scaled(), {
                         {"corporate tcp 10.30.50.50 10.20.0.10 443", "dnat"},
                         {"corporate tcp 10.40.1.1 10.20.0.11 443", "none"},
                         {"rp-internal tcp 10.20.0.40 10.20.0.10 443", "deny"},
                         {"edge-internal tcp 10.20.0.11 10.20.0.10 443", "deny"},
                         {"edge-external tcp 203.0.113.31 10.30.2.11 443", "deny"},
                         {"edge-external tcp 203.0.113.31 192.0.2.1 443", "deny"},
                         {"edge-external tcp 203.0.113.31 10.99.0.1 443", "deny"},
                         {"edge-external tcp 203.0.113.31 127.0.0.1 443", "deny"},
                         {"edge-external tcp 203.0.113.31 9.9.9.9 443", "none"},
                         {"internet tcp 9.9.9.9 10.20.0.10 443", "deny"},
                         {"internet tcp 9.9.9.9 10.30.2.10 443", "deny"},
                     });
}

TEST(Verdicts2013, D4NodesAndVipsAreDifferentThings) {
    const auto policy = scaled();
    for (const auto* node : {"203.0.113.11", "203.0.113.12", "203.0.113.21", "203.0.113.22"})
        expect_ports(policy, std::string("internet tcp 9.9.9.9 ").append(node), {443, 5061, 5269},
                     "deny");
    expect(policy, {
                       {"internet udp 9.9.9.9 203.0.113.31 3478", "none"},
                       {"internet tcp 9.9.9.9 203.0.113.32 443", "none"},
                       {"internet tcp 9.9.9.9 203.0.113.31 3478", "deny"},
                       {"internet udp 9.9.9.9 203.0.113.31 443", "deny"},
                       {"internet udp 9.9.9.9 203.0.113.10 443", "deny"},
                       {"internet tcp 9.9.9.9 203.0.113.10 80", "deny"},
                       {"internet tcp 9.9.9.9 203.0.113.20 5061", "deny"},
                       {"internet tcp 9.9.9.9 203.0.113.30 5061", "deny"},
                   });
    for (const auto& all : {scaled(), single()}) {
        expect_ports(all, "internet tcp 9.9.9.9 203.0.113.30", {49999, 50000, 55000, 59999},
                     "deny");
        expect_ports(all, "internet udp 9.9.9.9 203.0.113.30", {50000, 59999}, "deny");
    }
}

// A packet that claims to come from a VIP is spoofed, wherever it comes in.
TEST(Verdicts2013, D4AVipOfTheEdgeIsNeverASource) {
    const auto policy = scaled();
    for (const auto* question : {"internet tcp 203.0.113.10 203.0.113.30 443",
                                 "edge-external tcp 203.0.113.10 198.51.100.7 5061",
                                 "edge-internal tcp 10.20.0.10 10.30.2.11 5061"})
        EXPECT_EQ(judge(policy, question).reason, DenyReason::own_source) << question;
}

TEST(Verdicts2013, D5TheMediaRangeByFeature) {
    // lync2010-federation and lync2013-federation are on by default, ocs2007-federation is not.
    const auto usual = scaled();
    expect(usual, {
                      {"edge-external tcp 203.0.113.31/50000 9.9.9.9 1", "none"},
                      {"edge-external tcp 203.0.113.32/59999 9.9.9.9 65535", "none"},
                      {"edge-external tcp 203.0.113.31/49999 9.9.9.9 8080", "deny"},
                      {"edge-external tcp 203.0.113.31/60000 9.9.9.9 8080", "deny"},
                      {"edge-external tcp 203.0.113.11/50000 9.9.9.9 8080", "deny"},
                      {"edge-external udp 203.0.113.31/50000 9.9.9.9 8080", "deny"},
                      {"internet tcp 9.9.9.9 203.0.113.31 50000", "deny"},
                      {"internet udp 9.9.9.9 203.0.113.31 50000", "deny"},
                  });
    const auto old = scaled(with(Feature::ocs2007_federation));
    expect(old, {
                    {"internet tcp 9.9.9.9 203.0.113.31 50000", "none"},
                    {"internet udp 9.9.9.9 203.0.113.32 59999", "none"},
                    {"internet tcp 9.9.9.9 203.0.113.31 49999", "deny"},
                    {"internet udp 9.9.9.9 203.0.113.31 60000", "deny"},
                    {"internet tcp 9.9.9.9 203.0.113.11 50000", "deny"},
                    {"edge-external udp 203.0.113.31/50000 9.9.9.9 53", "none"},
                });
    const auto none = scaled([](auto& topology) {
        for (const auto feature : {Feature::ocs2007_federation, Feature::ocs2007r2_federation,
                                   Feature::lync2010_federation, Feature::lync2013_federation})
            topology.features.set(feature, false);
    });
    expect(none, {{"edge-external tcp 203.0.113.31/50000 9.9.9.9 1", "deny"}});
    // Windows Live Messenger opens it in the 2010 documents only.
    expect(scaled([](auto& topology) {
               topology.features = {};
               topology.features.set(Feature::wlm, true);
           }),
           {{"edge-external tcp 203.0.113.31/50000 9.9.9.9 1", "deny"}});
}

TEST(Verdicts2013, D6OutboundStunAndTls) {
    expect(scaled(), {
                         {"edge-external udp 203.0.113.31 9.9.9.9 3478", "none"},
                         {"edge-external tcp 203.0.113.31 9.9.9.9 443", "none"},
                         {"edge-external udp 203.0.113.11 9.9.9.9 3478", "deny"},
                         {"edge-external tcp 203.0.113.11 9.9.9.9 443", "deny"},
                         {"edge-external tcp 203.0.113.31 9.9.9.9 3478", "deny"},
                     });
    const auto none = scaled([](auto& topology) {
        for (const auto feature : {Feature::lync2010_federation, Feature::ocs2007r2_federation,
                                   Feature::wlm, Feature::multi_edge_pool})
            topology.features.set(feature, false);
    });
    expect(none, {{"edge-external udp 203.0.113.31 9.9.9.9 3478", "deny"}});
}

TEST(Verdicts2013, D7SipAndXmppAtTheAccessEdge) {
    const auto policy = scaled();
    expect(policy, {
                       {"edge-external tcp 203.0.113.11 198.51.100.7 5061", "snat"},
                       {"edge-external tcp 203.0.113.12 198.51.100.255 5061", "snat"},
                       {"edge-external tcp 203.0.113.11 198.51.101.0 5061", "deny"},
                       {"edge-external tcp 203.0.113.11 9.9.9.9 5061", "deny"},
                       {"edge-external tcp 203.0.113.21 198.51.100.7 5061", "deny"},
                       {"edge-external tcp 203.0.113.11 9.9.9.9 5269", "snat"},
                       {"internet tcp 9.9.9.9 203.0.113.10 5061", "full"},
                       {"internet tcp 9.9.9.9 203.0.113.10 5269", "full"},
                       {"edge-external tcp 203.0.113.11 9.9.9.9 80", "none"},
                       {"edge-external udp 203.0.113.11 9.9.9.9 53", "none"},
                       {"edge-external tcp 203.0.113.11 9.9.9.9 53", "none"},
                       {"edge-external udp 203.0.113.21 9.9.9.9 53", "deny"},
                       {"edge-external tcp 203.0.113.21 9.9.9.9 80", "deny"},
                       {"edge-external udp 203.0.113.31 9.9.9.9 53", "deny"},
                       {"edge-internal udp 10.20.0.11 9.9.9.9 53", "deny"},
                   });
    const auto out = judge(policy, "edge-external tcp 203.0.113.11 198.51.100.7 5061");
    EXPECT_EQ(out.translated.source, policy::IpAddress::parse("203.0.113.10"));
    EXPECT_EQ(out.translated.source_port, std::nullopt);
    EXPECT_EQ(out.translated.destination, policy::IpAddress::parse("198.51.100.7"));

    expect(single(), {{"edge-external tcp 203.0.113.11 9.9.9.9 5061", "snat"},
                      {"edge-external tcp 203.0.113.11 9.9.9.9 5269", "deny"},
                      {"internet tcp 9.9.9.9 203.0.113.10 5269", "deny"}});
    // hosted-exchange alone opens it in 2010 only.
    expect(scaled(without(Feature::federation)),
           {{"internet tcp 9.9.9.9 203.0.113.10 5061", "deny"},
            {"edge-external tcp 203.0.113.11 198.51.100.7 5061", "deny"}});
    expect(scaled([](auto& topology) {
               topology.xmpp.open = false;
               topology.xmpp.prefixes = {policy::Prefix::parse("198.51.100.9").value()};
           }),
           {{"edge-external tcp 203.0.113.11 198.51.100.9 5269", "snat"},
            {"edge-external tcp 203.0.113.11 198.51.100.8 5269", "deny"},
            {"internet tcp 9.9.9.9 203.0.113.10 5269", "full"}});
}

TEST(Verdicts2013, D8FullNatAtAccessAndWebConferencing) {
    const auto policy = scaled();
    expect(policy, {{"internet tcp 9.9.9.9 203.0.113.10 443", "full"},
                    {"internet tcp 9.9.9.9 203.0.113.20 443", "full"}});
    const auto verdict = judge(policy, "internet tcp 9.9.9.9 203.0.113.20 443");
    EXPECT_EQ(verdict.translated.source, policy::IpAddress::parse("203.0.113.20"));
    EXPECT_EQ(verdict.translated.source_port, std::nullopt);
    EXPECT_EQ(verdict.translated.destination, std::nullopt);
    EXPECT_EQ(verdict.translated.destination_port, 443);
    EXPECT_EQ(verdict.translated.candidates.size(), 2U);
    expect(scaled(without(Feature::web_conferencing)),
           {{"internet tcp 9.9.9.9 203.0.113.20 443", "deny"},
            {"corporate tcp 10.30.2.11 10.20.0.11 8057", "deny"}});
}

TEST(Verdicts2013, D9AvKeepsTheClientsAddress) {
    const auto policy = single();
    const auto verdict = judge(policy, "internet udp 9.9.9.9/1234 203.0.113.30 3478");
    ASSERT_TRUE(verdict.allow);
    EXPECT_EQ(verdict.nat, policy::NatKind::dnat);
    EXPECT_EQ(verdict.translated.source, policy::IpAddress::parse("9.9.9.9"));
    EXPECT_EQ(verdict.translated.source_port, 1234);
    EXPECT_EQ(verdict.translated.destination, policy::IpAddress::parse("203.0.113.31"));
    EXPECT_TRUE(policy.rules[verdict.rule].av_path);
    const auto direct = judge(policy, "internet udp 9.9.9.9/1234 203.0.113.31 3478");
    ASSERT_TRUE(direct.allow);
    EXPECT_TRUE(policy.rules[direct.rule].av_path);
    EXPECT_EQ(direct.nat, policy::NatKind::none);
    expect(policy, {{"internet tcp 9.9.9.9 203.0.113.30 443", "dnat"}});
}

TEST(Verdicts2013, D10And11CorporateToEdgeInternal) {
    const auto policy = scaled();
    // 5061: the VIP, from Directors, Front Ends and their VIPs.
    for (const auto* source :
         {"10.30.1.10", "10.30.1.11", "10.30.1.12", "10.30.2.10", "10.30.2.11", "10.30.2.12"}) {
        const auto from = std::string("corporate tcp ").append(source);
        EXPECT_EQ(answer(policy, from + " 10.20.0.10 5061"), "dnat") << source;
        EXPECT_EQ(answer(policy, from + " 10.20.0.11 5061"), "deny") << source;
        EXPECT_EQ(answer(policy, from + " 10.20.0.11 8057"), "none") << source;
        EXPECT_EQ(answer(policy, from + " 10.20.0.10 8057"), "deny") << source;
    }
    expect(policy, {
                       {"corporate tcp 10.40.1.1 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.3.11 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.7.11 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 5062", "dnat"},
                       {"corporate tcp 10.30.2.10 10.20.0.10 5062", "dnat"},
                       {"corporate tcp 10.30.7.11 10.20.0.10 5062", "dnat"},
                       {"corporate tcp 10.30.1.11 10.20.0.10 5062", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.11 5062", "deny"},
                       {"corporate tcp 10.40.1.1 10.20.0.11 8057", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.11 4443", "none"},
                       {"corporate tcp 10.30.2.10 10.20.0.12 4443", "none"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 4443", "deny"},
                       {"corporate tcp 10.30.1.11 10.20.0.11 4443", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.11 23456", "none"},
                       {"corporate tcp 10.30.2.10 10.20.0.11 23456", "none"},
                       {"corporate tcp 10.30.1.11 10.20.0.11 23456", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 23456", "deny"},
                       {"corporate udp 10.40.1.1 10.20.0.10 3478", "dnat"},
                       {"corporate udp 10.40.1.1 10.20.0.11 3478", "none"},
                       {"corporate tcp 10.40.1.1 10.20.0.10 3478", "deny"},
                       {"corporate udp 10.40.1.1 10.20.0.10 443", "deny"},
                   });
    expect_ports(policy, "corporate tcp 10.40.1.1 10.20.0.12", {50001, 50002, 50003}, "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.20.0.12", {50000, 50004}, "deny");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.20.0.10", {50001, 50002, 50003}, "deny");
    // Only the pool that holds the store replicates to the Edge.
    expect(single(), {{"corporate tcp 10.30.8.11 10.20.0.11 4443", "deny"},
                      {"corporate tcp 10.30.2.11 10.20.0.11 23456", "deny"}});
    expect(scaled(without(Feature::cls_logging)),
           {{"corporate tcp 10.40.1.1 10.20.0.12 50002", "deny"}});
    const auto verdict = judge(policy, "corporate tcp 10.30.2.11/1111 10.20.0.10 5061");
    EXPECT_EQ(verdict.translated.source, policy::IpAddress::parse("10.30.2.11"));
    EXPECT_EQ(verdict.translated.source_port, 1111);
}

TEST(Verdicts2013, D12EdgeInternalToCorporate) {
    const auto policy = scaled();
    for (const auto* to :
         {"10.30.1.10", "10.30.1.11", "10.30.1.12", "10.30.2.10", "10.30.2.11", "10.30.2.12"})
        expect_ports(policy, std::string("edge-internal tcp 10.20.0.11 ").append(to), {5061},
                     "none");
    expect(policy, {
                       {"edge-internal tcp 10.20.0.11 10.30.3.11 5061", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.40.1.1 5061", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.30.2.11 443", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.40.1.1 443", "deny"},
                       {"edge-internal udp 10.20.0.11 10.30.2.11 1434", "deny"},
                       {"edge-internal tcp 10.20.0.99 10.30.2.11 5061", "deny"},
                       {"edge-external tcp 203.0.113.11 10.30.2.11 5061", "deny"},
                   });
}

TEST(Verdicts2013, D13ReverseProxy) {
    const auto policy = scaled();
    expect(policy, {{"internet tcp 9.9.9.9 203.0.113.200 443", "none"},
                    {"internet tcp 9.9.9.9 203.0.113.200 80", "none"},
                    {"internet tcp 9.9.9.9 203.0.113.200 4443", "deny"},
                    {"internet tcp 9.9.9.9 203.0.113.201 443", "deny"},
                    {"rp-external tcp 203.0.113.200 9.9.9.9 443", "deny"},
                    {"rp-external tcp 203.0.113.200 10.30.2.10 4443", "deny"}});
    for (const unsigned port : {4443U, 8080U}) {
        const auto text = std::to_string(port);
        const std::string from = "rp-internal tcp 10.20.0.40 ";
        EXPECT_EQ(answer(policy, from + "10.30.1.10 " + text), "none");
        EXPECT_EQ(answer(policy, from + "10.30.2.10 " + text), "none");
        // Never to a single server behind a balancer.
        for (const auto* server : {"10.30.1.11", "10.30.1.12", "10.30.2.11", "10.30.2.12"})
            EXPECT_EQ(answer(policy, from + server + " " + text), "deny") << server;
        // A single Director and a pool without a VIP are reached at their hosts.
        const std::string other = "rp-internal tcp 10.21.0.40 ";
        const auto alone = single();
        EXPECT_EQ(answer(alone, other + "10.30.1.11 " + text), "none");
        EXPECT_EQ(answer(alone, other + "10.30.8.11 " + text), "none");
        EXPECT_EQ(answer(alone, other + "10.30.2.10 " + text), "none");
        EXPECT_EQ(answer(alone, other + "10.30.2.11 " + text), "deny");
    }
    expect_ports(policy, "rp-internal tcp 10.20.0.40 10.30.2.10", {443, 80, 5061, 444}, "deny");
    expect(scaled(without(Feature::mobility_http)),
           {{"internet tcp 9.9.9.9 203.0.113.200 80", "none"},  // rp-http-redirect
            {"rp-internal tcp 10.20.0.40 10.30.2.10 8080", "deny"}});
    expect(scaled([](auto& topology) {
               topology.features.set(Feature::mobility_http, false);
               topology.features.set(Feature::rp_http_redirect, false);
           }),
           {{"internet tcp 9.9.9.9 203.0.113.200 80", "deny"},
            {"internet tcp 9.9.9.9 203.0.113.200 443", "none"}});
}

TEST(Verdicts2013, D14Directors) {
    const auto pooled = scaled();
    expect_ports(pooled, "corporate tcp 10.40.1.1 10.30.1.10", {80, 443, 5061}, "none");
    expect_ports(pooled, "corporate tcp 10.40.1.1 10.30.1.11", {80, 443, 5061}, "deny");
    const auto alone = single();
    expect_ports(alone, "corporate tcp 10.40.1.1 10.30.1.11", {80, 443, 5061}, "none");
    expect(pooled, {
                       {"corporate tcp 10.30.2.11 10.30.1.10 5061", "none"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 5061", "none"},
                       {"corporate tcp 10.30.1.11 10.30.2.11 444", "none"},
                       {"corporate tcp 10.30.1.11 10.30.2.10 444", "none"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 444", "none"},
                       {"corporate tcp 10.30.2.11 10.30.1.10 444", "none"},
                       {"corporate tcp 10.30.1.10 10.30.2.11 444", "deny"},
                       {"corporate tcp 10.30.2.10 10.30.1.11 444", "deny"},
                       {"corporate tcp 10.40.1.1 10.30.1.11 50001", "none"},
                       {"corporate tcp 10.40.1.1 10.30.1.12 50003", "none"},
                       {"corporate tcp 10.40.1.1 10.30.1.10 50001", "deny"},
                       {"corporate udp 10.40.1.1 10.30.1.11 49152", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 55000", "deny"},
                       {"corporate udp 10.30.2.11 10.30.1.11 1434", "none"},
                   });
}

TEST(Verdicts2013, AFeatureThatIsOffLeavesNoRuleBehind) {
    const auto policy = scaled(without(Feature::director));
    expect(policy, {
                       {"corporate tcp 10.40.1.1 10.30.1.10 443", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.30.1.10 5061", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.30.1.11 5061", "deny"},
                       {"corporate tcp 10.30.1.11 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.1.10 10.20.0.11 8057", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 444", "deny"},
                       {"corporate tcp 10.40.1.1 10.30.1.11 50001", "deny"},
                       {"rp-internal tcp 10.20.0.40 10.30.1.10 4443", "deny"},
                       // Generic server rows stay, and so do those of the Front Ends.
                       {"corporate udp 10.30.2.11 10.30.1.11 1434", "none"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 5061", "dnat"},
                       {"edge-internal tcp 10.20.0.11 10.30.2.11 5061", "none"},
                   });
    // With every feature off no rule asks for one.
    const auto bare = scaled([](auto& topology) { topology.features = {}; });
    for (const auto& rule : bare.rules)
        for (const auto& id : rule.rows) {
            const auto* row = matrix::find(id);
            ASSERT_NE(row, nullptr) << id;
            EXPECT_TRUE(std::any_of(row->openings.begin(), row->openings.end(),
                                    [](const auto& opening) {
                                        return opening.any_of.empty() && opening.all_of.empty();
                                    }))
                << id;
        }
}

TEST(Verdicts2013, D15CorporateToCorporate) {
    const auto policy = scaled();
    // Clients.
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.11",
                 {80, 443, 5061, 8057, 8058, 5065, 49152, 57500, 57501, 65535}, "none");
    expect_ports(policy, "corporate udp 10.40.1.1 10.30.2.11", {49152, 57500, 57501, 65535},
                 "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.10", {80, 443, 5061}, "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.10", {8057, 444, 135}, "deny");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.11", {444, 135, 445, 5060, 49151, 5063},
                 "deny");
    expect_ports(policy, "corporate udp 10.40.1.1 10.30.3.11", {49152, 57500}, "none");
    expect_ports(policy, "corporate udp 10.40.1.1 10.30.3.11", {49151, 57501, 65535}, "deny");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.40.1.2", {1024, 6891, 6901, 65535}, "none");
    expect_ports(policy, "corporate udp 10.40.1.1 10.40.1.2", {1024, 65535}, "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.40.1.2", {1023, 445}, "deny");
    // A corporate host that is neither client nor server.
    expect_ports(policy, "corporate tcp 10.30.9.9 10.30.2.11", {443, 5061, 444}, "deny");
    // Servers.
    expect_ports(policy, "corporate tcp 10.30.3.11 10.30.2.11",
                 {135, 444, 445, 5061, 5062, 5063, 8060, 8061, 5086, 5064, 5072, 5075, 5071, 8404,
                  5066, 5080, 448, 4443},
                 "none");
    expect_ports(policy, "corporate tcp 10.30.3.11 10.30.2.11", {5060, 22, 1433}, "deny");
    expect(policy, {
                       {"corporate udp 10.30.2.11 10.30.4.11 1434", "none"},
                       {"corporate udp 10.40.1.1 10.30.4.11 1434", "deny"},
                       {"corporate tcp 10.30.6.11 10.30.3.11 5067", "none"},
                       {"corporate tcp 10.30.6.11 10.30.3.11 5068", "none"},
                       {"corporate tcp 10.30.6.11 10.30.3.11 5070", "deny"},
                       {"corporate tcp 10.30.3.11 10.30.6.11 5081", "none"},
                       {"corporate tcp 10.30.3.11 10.30.6.11 5082", "none"},
                       {"corporate tcp 10.30.3.11 10.30.6.11 5067", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.3.11 5070", "none"},
                       {"corporate tcp 10.30.1.11 10.30.3.11 5070", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.4.11 443", "none"},
                       {"corporate tcp 10.40.1.1 10.30.4.11 443", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.5.11 443", "none"},
                       {"corporate tcp 10.30.2.11 10.30.5.11 881", "none"},
                       {"corporate tcp 10.30.2.11 10.30.5.11 5041", "none"},
                       {"corporate tcp 10.30.7.11 10.30.2.11 444", "none"},
                   });
    // 445 is for the servers of the store's pool; 5060 wants rcc, which this sample has on.
    const auto other = single();
    expect(other, {{"corporate tcp 10.30.2.12 10.30.2.11 445", "none"},
                   {"corporate tcp 10.30.2.11 10.30.8.11 445", "deny"},
                   {"corporate tcp 10.30.8.11 10.30.2.11 5060", "none"},
                   {"corporate tcp 10.40.1.1 10.30.2.11 5060", "deny"}});
}

TEST(Verdicts2013, D15MediationByFeature) {
    const auto policy = scaled(without(Feature::mediation));
    expect(policy, {{"corporate tcp 10.30.6.11 10.30.3.11 5067", "deny"},
                    {"corporate tcp 10.30.3.11 10.30.6.11 5081", "deny"},
                    {"corporate udp 10.40.1.1 10.30.3.11 49152", "deny"},
                    {"corporate udp 10.40.1.1 10.30.2.11 49152", "none"}});
}

TEST(Verdicts2013, D16CorporateHostsHaveNoWayOut) {
    const auto policy = scaled();
    expect_ports(policy, "corporate tcp 10.40.1.1 9.9.9.9", {80, 443, 5061}, "deny");
    expect_ports(policy, "corporate tcp 10.30.2.11 203.0.113.10", {443, 5061}, "deny");
    expect_ports(policy, "corporate udp 10.40.1.1 9.9.9.9", {53, 3478}, "deny");
    expect_ports(policy, "edge-internal tcp 10.20.0.11 10.30.2.11", {135, 445, 1433}, "deny");
    expect_ports(policy, "corporate udp 10.30.2.11 10.20.0.11", {67, 1434}, "deny");
}

TEST(Verdicts2013, D17Spoofing) {
    const auto policy = scaled();
    const auto reason = [&](std::string source) {
        return judge(policy, "internet tcp " + source + " 203.0.113.10 443").reason;
    };
    for (const auto* bogon : {"10.99.0.1", "172.16.0.1", "192.168.0.1", "127.0.0.1", "169.254.0.1",
                              "224.0.0.1", "0.0.0.1", "240.0.0.1", "255.255.255.255"})
        EXPECT_EQ(reason(bogon), DenyReason::bogon_source) << bogon;
    for (const auto* spoofed : {"10.30.2.11", "10.20.0.11", "203.0.113.11", "203.0.113.200"})
        EXPECT_EQ(reason(spoofed), DenyReason::spoofed_source) << spoofed;
    for (const auto* own : {"192.0.2.1", "203.0.113.10"})
        EXPECT_EQ(reason(own), DenyReason::own_source) << own;
    EXPECT_EQ(reason("198.51.100.25"), DenyReason::none);
    EXPECT_EQ(reason("192.0.2.77"), DenyReason::none);
    const auto strict = scaled([](auto& topology) { topology.settings.strict_bogons = true; });
    for (const auto* bogon : {"198.51.100.25", "192.0.2.77"})
        EXPECT_EQ(judge(strict, std::string("internet tcp ") + bogon + " 203.0.113.10 443").reason,
                  DenyReason::bogon_source)
            << bogon;
    for (const auto* bogon : {"::1", "fd99::1", "fe80::1", "ff02::1"})
        EXPECT_EQ(
            judge(policy, std::string("internet tcp ") + bogon + " 2001:db8:0:113::10 443").reason,
            DenyReason::bogon_source)
            << bogon;
    EXPECT_EQ(judge(policy, "corporate tcp 9.9.9.9 10.20.0.10 443").reason,
              DenyReason::spoofed_source);
    // One interface, two zones: the source decides, and its own zone's rules apply.
    expect(policy, {{"edge-internal tcp 10.20.0.40 10.30.2.11 5061", "deny"},
                    {"edge-internal tcp 10.20.0.40 10.30.2.10 4443", "none"},
                    {"rp-internal tcp 10.20.0.11 10.30.2.10 4443", "deny"}});
}

TEST(Verdicts2013, D17AvNodesAmongThemselves) {
    expect(scaled(), {
                         {"edge-external udp 203.0.113.31 203.0.113.32 3478", "none"},
                         {"edge-external tcp 203.0.113.32 203.0.113.31 443", "none"},
                         {"edge-external tcp 203.0.113.31 203.0.113.31 443", "deny"},
                         {"edge-external tcp 203.0.113.31 203.0.113.32 50000", "deny"},
                         {"edge-external tcp 203.0.113.31/50000 203.0.113.32 40000", "deny"},
                         {"edge-external udp 203.0.113.31 203.0.113.30 3478", "deny"},
                         {"edge-external tcp 203.0.113.31 203.0.113.10 443", "deny"},
                         {"edge-external tcp 203.0.113.11 203.0.113.12 5061", "deny"},
                         {"edge-external udp 203.0.113.11 203.0.113.31 3478", "deny"},
                     });
    expect(scaled(with(Feature::ocs2007_federation)),
           {{"edge-external tcp 203.0.113.31 203.0.113.32 50000", "none"},
            {"edge-external udp 203.0.113.31 203.0.113.32 59999", "none"},
            {"edge-external udp 203.0.113.31 203.0.113.32 60000", "deny"},
            {"edge-external udp 203.0.113.31 203.0.113.30 50000", "deny"}});
}

TEST(Verdicts2013, D18TheSameRowsInIpv6WhereThereAreAddresses) {
    const auto policy = scaled();
    expect(policy, {
                       {"internet tcp 2620:fe::9 2001:db8:0:113::10 443", "full"},
                       {"internet tcp 2620:fe::9 2001:db8:0:113::11 443", "deny"},
                       {"internet udp 2620:fe::9 2001:db8:0:113::30 3478", "dnat"},
                       {"internet udp 2620:fe::9 2001:db8:0:113::31 3478", "none"},
                       {"edge-external tcp 2001:db8:0:113::11 2001:db8:0:51::9 5061", "snat"},
                       {"edge-external tcp 2001:db8:0:113::11 2620:fe::9 5061", "deny"},
                       {"corporate tcp fd00:30::2:11 fd00:20::10 5061", "dnat"},
                       {"rp-internal tcp fd00:20::40 fd00:30::2:10 4443", "none"},
                       {"internet tcp 2620:fe::9 2001:db8:0:114::200 443", "none"},
                   });
    EXPECT_EQ(judge(policy, "internet tcp 9.9.9.9 2001:db8:0:113::10 443").reason,
              DenyReason::mixed_family);
    for (const auto& service : policy.services)
        for (const auto& node : service.nodes)
            EXPECT_EQ(node.address.family(), service.vip.family()) << service.name;
}

TEST(Verdicts2013, D19SiteRulesComeFirst) {
    const auto policy = scaled();
    expect(policy, {{"corporate tcp 10.30.9.9 10.20.0.11 3389", "none"},
                    {"corporate tcp 10.30.9.8 10.20.0.11 3389", "deny"}});
    EXPECT_EQ(policy.rules[0].origin, policy::Origin::site);
}

}  // namespace
}  // namespace portcullis::compile
