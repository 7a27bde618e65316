#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::Action;
using policy::DenyReason;
using policy::NatKind;
using policy::Transport;
using policy::Zone;
using topology::SiteRule;

SiteRule site(std::string name, Action action, Zone from, Zone to,
              std::vector<Transport> transports, std::vector<policy::PortRange> ports) {
    SiteRule rule;
    rule.name = std::move(name);
    rule.action = action;
    rule.from = from;
    rule.to = to;
    rule.transports = std::move(transports);
    rule.ports = std::move(ports);
    rule.reason = "because";
    rule.where = {7, 3};
    return rule;
}

policy::Verdict tcp(const policy::Policy& policy, std::uint32_t interface, std::string_view source,
                    std::string_view destination, std::uint16_t port) {
    return match(policy, {interface, Transport::tcp, ip(source), ip(destination), 51000, port});
}

TEST(SiteRules, AnAllowForHostsOpensOnlyWhatItNames) {
    auto topology = small_topology();
    auto rule = site("admin", Action::allow, Zone::corporate, Zone::edge_internal, {Transport::tcp},
                     {{3389, 3389}});
    rule.sources = {net("10.30.9.9")};
    topology.site_rules = {rule};
    const auto policy = compile_ok(topology);
    ASSERT_EQ(policy.rules.size(), 1U);  // its source has no IPv6 address
    EXPECT_EQ(policy.rules[0].id, "site.admin/ipv4");
    EXPECT_EQ(policy.rules[0].origin, policy::Origin::site);
    EXPECT_EQ(policy.rules[0].reason, "because");
    EXPECT_EQ(policy.rules[0].idle_seconds, 1800U);
    EXPECT_TRUE(tcp(policy, kLan, "10.30.9.9", "10.20.0.11", 3389).allow);
    EXPECT_FALSE(tcp(policy, kLan, "10.30.9.8", "10.20.0.11", 3389).allow);
    EXPECT_FALSE(tcp(policy, kLan, "10.30.9.9", "10.20.0.11", 3390).allow);
    // Nobody was named, but our own addresses stay closed.
    EXPECT_FALSE(tcp(policy, kLan, "10.30.9.9", "10.20.0.10", 3389).allow);
    EXPECT_FALSE(tcp(policy, kLan, "10.30.9.9", "10.20.0.1", 3389).allow);
}

TEST(SiteRules, AreOrderedAndOneForEachFamilyTransportAndPort) {
    auto topology = small_topology();
    topology.site_rules = {site("b", Action::deny, Zone::corporate, Zone::internet,
                                {Transport::tcp, Transport::udp}, {{0, 65535}}),
                           site("a", Action::allow, Zone::corporate, Zone::internet,
                                {Transport::tcp}, {{80, 80}, {443, 443}, {443, 443}})};
    const auto policy = compile_ok(topology);
    std::vector<std::string> ids;
    for (const auto& rule : policy.rules) ids.push_back(rule.id);
    EXPECT_EQ(ids, (std::vector<std::string>{
                       "site.b/ipv4/tcp", "site.b/ipv4/udp", "site.b/ipv6/tcp", "site.b/ipv6/udp",
                       "site.a/ipv4/80", "site.a/ipv4/443", "site.a/ipv6/80", "site.a/ipv6/443"}));
    EXPECT_EQ(tcp(policy, kLan, "10.30.9.9", "9.9.9.9", 80).reason, DenyReason::site_rule);
}

TEST(SiteRules, ADenyOfAZoneCoversOurAddressesThere) {
    auto topology = small_topology();
    topology.site_rules = {site("closed", Action::deny, Zone::internet, Zone::edge_external,
                                {Transport::tcp}, {{443, 443}}),
                           site("open", Action::allow, Zone::internet, Zone::edge_external,
                                {Transport::tcp}, {{443, 443}})};
    topology.site_rules[0].sources = {net("198.51.100.0/24")};
    topology.site_rules[1].destinations = {net("203.0.113.10")};
    const auto policy = compile_ok(topology);
    EXPECT_EQ(tcp(policy, kWan, "198.51.100.9", "203.0.113.10", 443).reason, DenyReason::site_rule);
    EXPECT_TRUE(tcp(policy, kWan, "9.9.9.9", "203.0.113.10", 443).allow);
}

TEST(SiteRules, AnAllowTowardAVipTakesItsServicesNat) {
    auto topology = small_topology();
    auto rule = site("hairpin", Action::allow, Zone::corporate, Zone::edge_external,
                     {Transport::tcp}, {{443, 443}, {5061, 5061}});
    rule.destinations = {net("203.0.113.10"), net("203.0.113.11")};
    topology.site_rules = {rule};
    const auto policy = compile_ok(topology);
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
    const auto vip = tcp(policy, kLan, "10.30.9.9", "203.0.113.10", 443);
    EXPECT_TRUE(vip.allow);
    EXPECT_EQ(vip.nat, NatKind::full);
    EXPECT_EQ(vip.translated.candidates.size(), 2U);
    EXPECT_EQ(policy.rules[vip.rule].id, "site.hairpin/ipv4/443/access");
    EXPECT_EQ(tcp(policy, kLan, "10.30.9.9", "203.0.113.11", 443).nat, NatKind::none);
    ASSERT_NE(find_service(policy, "access-5061/tcp"), nullptr);
    EXPECT_EQ(find_service(policy, "av-443/tcp"), nullptr);
}

TEST(SiteRules, MediaPortsFollowTheirPathThroughVipAndNodeAlike) {
    auto topology = small_topology();
    auto rule = site("media", Action::allow, Zone::corporate, Zone::edge_external, {Transport::udp},
                     {{3478, 3478}});
    rule.destinations = {net("203.0.113.30"), net("203.0.113.31")};
    topology.site_rules = {rule};
    const auto policy = compile_ok(topology);
    ASSERT_EQ(policy.rules.size(), 2U);
    for (const auto& one : policy.rules) {
        EXPECT_TRUE(one.av_path) << one.id;
        EXPECT_EQ(one.idle_seconds, 300U) << one.id;
    }
}

// Else a session through the site rule and one through the VIP could not be told apart.
TEST(SiteRules, AWideAllowKeepsMediaPortsOfNodesApart) {
    auto topology = small_topology();
    auto rule = site("admin", Action::allow, Zone::corporate, Zone::edge_internal, {Transport::tcp},
                     {{0, 65535}});
    rule.sources = {net("10.30.9.9")};
    topology.site_rules = {rule};
    const auto policy = compile_ok(topology);
    ASSERT_EQ(policy.rules.size(), 2U);
    EXPECT_EQ(policy.rules[0].id, "site.admin/ipv4/media");
    EXPECT_EQ(policy.rules[0].destinations, (std::vector{net("10.20.0.11"), net("10.20.0.12")}));
    const auto path = [&](std::string_view destination, std::uint16_t port) {
        const auto verdict = tcp(policy, kLan, "10.30.9.9", destination, port);
        EXPECT_TRUE(verdict.allow);
        return policy.rules[verdict.rule].av_path;
    };
    EXPECT_TRUE(path("10.20.0.11", 443));
    EXPECT_FALSE(path("10.20.0.11", 444));
    EXPECT_FALSE(path("10.20.0.99", 443));
}

// What the media rule takes is not the whole of a rule that names more hosts, at its very port.
TEST(SiteRules, AnAllowAtAMediaPortReachesTheOtherHostsToo) {
    auto topology = small_topology();
    auto rule = site("admin", Action::allow, Zone::corporate, Zone::edge_internal, {Transport::tcp},
                     {{443, 443}});
    rule.destinations = {net("10.20.0.0/24")};
    for (const bool named : {true, false}) {
        if (!named) rule.destinations.clear();
        topology.site_rules = {rule};
        const auto policy = compile_ok(topology);
        EXPECT_TRUE(tcp(policy, kLan, "10.30.9.9", "10.20.0.11", 443).allow);
        EXPECT_TRUE(tcp(policy, kLan, "10.30.9.9", "10.20.0.99", 443).allow);
    }
}

TEST(SiteRules, APortThatTheVipDoesNotHaveIsAnErrorWithPlaceAndMend) {
    auto topology = small_topology();
    auto rule = site("wrong", Action::allow, Zone::corporate, Zone::edge_external, {Transport::tcp},
                     {{443, 444}});
    rule.destinations = {net("203.0.113.30")};
    auto own =
        site("own", Action::allow, Zone::corporate, Zone::corporate, {Transport::tcp}, {{22, 22}});
    own.destinations = {net("10.30.0.1")};
    topology.site_rules = {rule, own};
    const auto made = compile_rows(topology, "small.yaml", {});
    ASSERT_FALSE(made);
    ASSERT_EQ(made.error().size(), 2U);
    const auto& error = made.error()[0];
    EXPECT_EQ(error.file, "small.yaml");
    EXPECT_EQ(error.where.line, 7);
    EXPECT_NE(error.message.find("203.0.113.30"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("443-444/tcp"), std::string::npos) << error.message;
    EXPECT_NE(error.hint.find("443/tcp, 3478/udp"), std::string::npos) << error.hint;
    EXPECT_NE(made.error()[1].message.find("10.30.0.1"), std::string::npos);
}

TEST(SiteRules, AVipWithoutNodesInItsFamilyIsAnError) {
    auto topology = small_topology();
    for (auto& node : topology.edge.nodes) node.av.v6.reset();
    auto rule = site("v6", Action::allow, Zone::corporate, Zone::edge_external, {Transport::udp},
                     {{3478, 3478}});
    rule.destinations = {net("2001:db8:0:113::30")};
    topology.site_rules = {rule};
    EXPECT_FALSE(compile_rows(topology, "small.yaml", {}));
}

TEST(SiteRules, TwoOfOneNameAreAnError) {
    auto topology = small_topology();
    const auto rule =
        site("twin", Action::deny, Zone::corporate, Zone::internet, {Transport::tcp}, {{0, 65535}});
    topology.site_rules = {rule, rule};
    EXPECT_FALSE(compile_rows(topology, "small.yaml", {}));
}

TEST(SiteRules, AFamilyThatNoInterfaceSpeaksGetsNone) {
    auto topology = small_topology();
    for (auto& interface : topology.interfaces) interface.addresses.resize(1);
    topology.site_rules = {site("web", Action::allow, Zone::corporate, Zone::internet,
                                {Transport::tcp}, {{443, 443}})};
    EXPECT_EQ(compile_ok(topology).rules.size(), 1U);
}

TEST(SiteRules, EchoIsOpenedByIdentifier) {
    auto topology = small_topology();
    topology.site_rules = {site("ping", Action::allow, Zone::corporate, Zone::internet,
                                {Transport::icmp}, {{0, 65535}})};
    const auto policy = compile_ok(topology);
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
    EXPECT_TRUE(
        match(policy, {kLan, Transport::icmp, ip("10.30.9.9"), ip("9.9.9.9"), 77, 0}).allow);
}

}  // namespace
}  // namespace portcullis::compile
