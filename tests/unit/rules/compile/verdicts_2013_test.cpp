// What SEMANTICS.md decides for Lync 2013, written from its text and asked of the compiled samples.
// The numbers are those of the decisions; 10 to 15 are in verdicts_2013_corporate_test.cpp.
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
