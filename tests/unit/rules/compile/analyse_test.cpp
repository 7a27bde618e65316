#include "rules/compile/analyse.h"

#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_matrix.h"
#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using matrix::Entity;
using policy::Action;
using policy::PortRange;
using policy::Transport;
using policy::Zone;
using topology::SiteRule;

SiteRule site(std::string name, Action action, PortRange ports) {
    SiteRule rule;
    rule.name = std::move(name);
    rule.action = action;
    rule.from = Zone::corporate;
    rule.to = Zone::edge_internal;
    rule.transports = {Transport::tcp};
    rule.ports = {ports};
    rule.sources = {net("10.30.9.0/24")};
    rule.reason = "because";
    return rule;
}

struct Found {
    FindingKind kind;
    std::string rule;
    std::string by;
    friend bool operator==(const Found&, const Found&) = default;
};

std::vector<Found> findings(const topology::Topology& topology, const SmallMatrix& rows = {}) {
    const auto policy = compile_ok(topology, rows);
    std::vector<Found> out;
    for (const auto& finding : analyse(policy)) {
        EXPECT_NE(finding.text.find(policy.rules[finding.rule].id), std::string::npos);
        out.push_back({finding.kind, policy.rules[finding.rule].id,
                       finding.by == policy::kNoRule ? "" : policy.rules[finding.by].id});
    }
    return out;
}
using All = std::vector<Found>;

TEST(Analyse, NothingOddNothingFound) {
    auto topology = small_topology();
    topology.site_rules = {site("a", Action::allow, {22, 22}), site("b", Action::deny, {23, 23})};
    EXPECT_EQ(findings(topology), All{});
}

TEST(Analyse, ShadowedByAnEarlierRuleOfAnotherAction) {
    auto topology = small_topology();
    topology.site_rules = {site("deny", Action::deny, {0, 65535}),
                           site("allow", Action::allow, {22, 22})};
    topology.site_rules[1].sources = {net("10.30.9.7")};
    EXPECT_EQ(findings(topology),
              (All{{FindingKind::shadowed, "site.allow/ipv4", "site.deny/ipv4"}}));
}

TEST(Analyse, DuplicateOfAnEarlierRuleOfTheSameEffect) {
    auto topology = small_topology();
    topology.site_rules = {site("wide", Action::allow, {20, 30}),
                           site("narrow", Action::allow, {22, 22})};
    EXPECT_EQ(findings(topology),
              (All{{FindingKind::duplicate, "site.narrow/ipv4", "site.wide/ipv4"}}));
}

TEST(Analyse, PartlyCoveredIsNotCovered) {
    auto topology = small_topology();
    topology.site_rules = {site("a", Action::deny, {20, 30}), site("b", Action::allow, {22, 31}),
                           site("c", Action::allow, {22, 22}), site("d", Action::allow, {22, 22})};
    topology.site_rules[2].sources = {net("10.30.8.0/23")};
    topology.site_rules[3].sources = {};
    EXPECT_EQ(findings(topology), All{});
}

TEST(Analyse, AMatrixRuleThatTheSiteDeniesIsShadowed) {
    SmallMatrix rows;
    rows.add(
        "t.1", "SIP",
        {{.from = {Entity::front_end}, .to = {Entity::internal_vip}, .ports = {{5061, 5061}}}});
    auto topology = small_topology();
    topology.site_rules = {site("deny", Action::deny, {0, 65535})};
    topology.site_rules[0].sources = {};
    EXPECT_EQ(findings(topology, rows),
              (All{{FindingKind::shadowed, "t.1/ipv4", "site.deny/ipv4"}}));
    // An allow for the whole zone never covers a VIP, so the matrix rule still decides.
    topology.site_rules = {site("allow", Action::allow, {0, 65535})};
    topology.site_rules[0].sources = {};
    EXPECT_EQ(findings(topology, rows), All{});
}

TEST(Analyse, NeverWhereAZoneIsOnNoInterface) {
    auto topology = small_topology();
    topology.interfaces[kDmzProxy].zones = {};
    topology.interfaces[kDmzProxy].zones.add(Zone::edge_external);
    topology.site_rules = {site("a", Action::allow, {22, 22})};
    topology.site_rules[0].to = Zone::rp_external;
    EXPECT_EQ(findings(topology), (All{{FindingKind::never, "site.a/ipv4", ""}}));
}

TEST(Analyse, NeverWhereNoSourceLivesInTheZone) {
    auto topology = small_topology();
    for (const auto* source : {"10.20.0.11",       // lives in another zone
                               "10.30.0.1",        // ours
                               "10.99.0.0/24"}) {  // a bogon
        topology.site_rules = {site("a", Action::allow, {22, 22})};
        topology.site_rules[0].sources = {net(source)};
        EXPECT_EQ(findings(topology), (All{{FindingKind::never, "site.a/ipv4", ""}})) << source;
    }
    // A prefix with some of the zone's hosts in it is no mistake.
    topology.site_rules[0].sources = {net("10.0.0.0/8")};
    EXPECT_EQ(findings(topology), All{});
}

TEST(Analyse, NeverWhereNoDestinationLivesInTheZone) {
    auto topology = small_topology();
    topology.site_rules = {site("a", Action::deny, {22, 22})};
    topology.site_rules[0].destinations = {net("9.9.9.9")};
    EXPECT_EQ(findings(topology), (All{{FindingKind::never, "site.a/ipv4", ""}}));
    topology.site_rules[0].destinations = {net("10.20.0.10")};  // ours, but named by a deny
    EXPECT_EQ(findings(topology), All{});
}

TEST(Analyse, NeverWhereAPortRangeIsEmpty) {
    auto topology = small_topology();
    topology.site_rules = {site("a", Action::deny, {23, 22})};
    EXPECT_EQ(findings(topology), (All{{FindingKind::never, "site.a/ipv4", ""}}));
}

// The documents open a port and then a range around it; that is nobody's mistake.
TEST(Analyse, OverlapsWithinTheMatrixAreNoFindings) {
    SmallMatrix rows;
    rows.add("wide", "",
             {{.from = {Entity::client}, .to = {Entity::client}, .ports = {{1024, 65535}}}});
    rows.add("narrow", "",
             {{.from = {Entity::client}, .to = {Entity::client}, .ports = {{6891, 6901}}}});
    EXPECT_EQ(findings(small_topology(), rows), All{});
}

}  // namespace
}  // namespace portcullis::compile
