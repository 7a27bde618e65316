#include "rules/compile/matrix_rules.h"

#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_matrix.h"
#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using matrix::Entity;
using policy::NatKind;
using policy::PortRange;
using policy::Prefix;
using policy::Transport;
using policy::Zone;

std::vector<std::string> ids(const policy::Policy& policy) {
    std::vector<std::string> out;
    for (const auto& rule : policy.rules) out.push_back(rule.id);
    return out;
}
using Texts = std::vector<std::string>;
using Prefixes = std::vector<Prefix>;

TEST(MatrixRules, OneRuleForEachFamilyInWhichBothEndsHaveAddresses) {
    SmallMatrix rows;
    rows.add("t.1", "SIP",
             {{.from = {Entity::internet}, .to = {Entity::access_vip}, .ports = {{5061, 5061}}}});
    rows.add(
        "t.2", "SIP",
        {{.from = {Entity::front_end}, .to = {Entity::internal_vip}, .ports = {{5061, 5061}}}});
    const auto policy = compile_ok(small_topology(), rows);
    EXPECT_EQ(ids(policy), (Texts{"t.1/ipv4", "t.1/ipv6", "t.2/ipv4"}));

    const auto& rule = policy.rules[0];
    EXPECT_EQ(rule.from, Zone::internet);
    EXPECT_EQ(rule.to, Zone::edge_external);
    EXPECT_TRUE(rule.sources.empty());
    EXPECT_EQ(rule.destinations, (Prefixes{net("203.0.113.10")}));
    EXPECT_EQ(rule.nat, NatKind::full);
    EXPECT_EQ(policy.services[rule.service].name, "access-5061/tcp");
    EXPECT_EQ(rule.idle_seconds, 1800U);
    EXPECT_EQ(rule.rows, (Texts{"t.1"}));
    EXPECT_EQ(rule.reason,
              "Internet hosts may reach the Access VIP for SIP (5061/tcp); full NAT to edge1 and "
              "edge2.");
    EXPECT_EQ(policy.rules[2].sources, (Prefixes{net("10.30.2.11"), net("10.30.2.12")}));
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
}

TEST(MatrixRules, FeaturesAndReleaseDecide) {
    SmallMatrix rows;
    const OpeningSpec base{
        .from = {Entity::internet}, .to = {Entity::av_node}, .ports = {{50000, 59999}}};
    auto any = base;
    any.any_of = {"wlm", "ocs2007-federation"};
    auto all = base;
    all.any_of = {"xmpp"};
    all.all_of = {"federation", "cls-logging"};
    auto old = base;
    old.lync_2013 = false;
    rows.add("any", "", {any}).add("all", "", {all}).add("old", "", {old});

    auto topology = small_topology();
    topology.release = topology::Release::lync_2013;
    topology.features = {};
    EXPECT_TRUE(compile_ok(topology, rows).rules.empty());
    topology.features.set(topology::Feature::wlm, true);
    EXPECT_EQ(compile_ok(topology, rows).rules[0].rows, (Texts{"any"}));
    topology.features = {};
    topology.features.set(topology::Feature::xmpp, true);
    topology.features.set(topology::Feature::federation, true);
    EXPECT_TRUE(compile_ok(topology, rows).rules.empty());
    topology.features.set(topology::Feature::cls_logging, true);
    EXPECT_EQ(compile_ok(topology, rows).rules[0].rows, (Texts{"all"}));
    topology.features = {};
    topology.release = topology::Release::lync_2010;
    EXPECT_EQ(compile_ok(topology, rows).rules[0].rows, (Texts{"old"}));
}

TEST(MatrixRules, IdsTellTheCellsOfARowApartAndDoNotDependOnTheTopology) {
    SmallMatrix rows;
    rows.add("t.1", "STUN",
             {{.from = {Entity::corporate},
               .to = {Entity::internal_vip, Entity::internal_node},
               .ports = {{443, 443}, {5061, 5061}},
               .any_of = {"federation"}},
              {.from = {Entity::corporate},
               .to = {Entity::internal_node},
               .transports = {Transport::udp},
               .ports = {{3478, 3478}}}});
    auto topology = small_topology();
    topology.edge.internal_vip = {};
    for (auto& node : topology.edge.nodes) node.internal.v6.reset();
    EXPECT_EQ(ids(compile_ok(topology, rows)),
              (Texts{"t.1/ipv4/tcp/443/to-internal-node", "t.1/ipv4/tcp/5061/to-internal-node",
                     "t.1/ipv4/udp/3478/to-internal-node"}));
}

TEST(MatrixRules, EndsOfOneKindShareARuleAndVipsGetTheirOwn) {
    SmallMatrix rows;
    rows.add("t.1", "SIP",
             {{.from = {Entity::director, Entity::director_vip, Entity::front_end},
               .to = {Entity::internal_vip, Entity::internal_node},
               .ports = {{5062, 5062}}}});
    const auto policy = compile_ok(small_topology(), rows);
    EXPECT_EQ(ids(policy), (Texts{"t.1/ipv4/to-internal-vip", "t.1/ipv4/to-internal-node"}));
    EXPECT_EQ(policy.rules[0].sources,
              (Prefixes{net("10.30.1.10"), net("10.30.1.11"), net("10.30.1.12"), net("10.30.2.11"),
                        net("10.30.2.12")}));
    EXPECT_EQ(policy.rules[0].nat, NatKind::dnat);
    EXPECT_EQ(policy.rules[1].nat, NatKind::none);
    EXPECT_EQ(policy.rules[1].destinations, (Prefixes{net("10.20.0.11"), net("10.20.0.12")}));
}

// Decision 9, on both legs.
TEST(MatrixRules, MediaPortsAreMarkedOnVipAndNodes) {
    SmallMatrix rows;
    rows.add("t.1", "STUN",
             {{.from = {Entity::internet},
               .to = {Entity::av_vip, Entity::av_node},
               .transports = {Transport::udp},
               .ports = {{3478, 3478}}}});
    rows.add("t.2", "STUN",
             {{.from = {Entity::corporate},
               .to = {Entity::internal_vip, Entity::internal_node},
               .ports = {{443, 443}}}});
    rows.add("t.3", "SIP",
             {{.from = {Entity::internet}, .to = {Entity::access_vip}, .ports = {{443, 443}}}});
    for (const auto& rule : compile_ok(small_topology(), rows).rules)
        EXPECT_EQ(rule.av_path, rule.rows[0] != "t.3") << rule.id;
}

TEST(MatrixRules, EachAvNodeReachesTheOthers) {
    SmallMatrix rows;
    rows.add("t.1", "STUN",
             {{.from = {Entity::av_node},
               .to = {Entity::other_av_node},
               .transports = {Transport::udp},
               .ports = {{3478, 3478}}}});
    auto topology = small_topology();
    auto policy = compile_ok(topology, rows);
    EXPECT_EQ(ids(policy),
              (Texts{"t.1/ipv4/edge1", "t.1/ipv4/edge2", "t.1/ipv6/edge1", "t.1/ipv6/edge2"}));
    EXPECT_EQ(policy.rules[0].sources, (Prefixes{net("203.0.113.31")}));
    EXPECT_EQ(policy.rules[0].destinations, (Prefixes{net("203.0.113.32")}));
    EXPECT_FALSE(policy.rules[0].av_path);
    topology.edge.nodes.resize(1);
    EXPECT_TRUE(compile_ok(topology, rows).rules.empty());
}

// Decision 7.
TEST(MatrixRules, OutboundSipLeavesAsTheAccessVipOrNotAtAll) {
    SmallMatrix rows;
    rows.add("t.1", "SIP",
             {{.from = {Entity::access_node},
               .to = {Entity::federated_partner},
               .ports = {{5061, 5061}},
               .snat = true}});
    auto topology = small_topology();
    const auto policy = compile_ok(topology, rows);
    ASSERT_EQ(policy.rules.size(), 2U);
    EXPECT_EQ(policy.rules[0].nat, NatKind::snat);
    EXPECT_EQ(policy.services[policy.rules[0].service].vip, ip("203.0.113.10"));
    EXPECT_EQ(policy.rules[0].destinations, (Prefixes{net("198.51.100.0/24")}));
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
    topology.edge.access_vip = {};
    EXPECT_TRUE(compile_ok(topology, rows).rules.empty());
}

TEST(MatrixRules, RowsThatOpenTheSameBecomeOneRuleThatNamesThemAll) {
    SmallMatrix rows;
    const OpeningSpec opening{
        .from = {Entity::rp_internal}, .to = {Entity::front_end_target}, .ports = {{4443, 4443}}};
    rows.add("b.1", "HTTPS", {opening}).add("a.9", "HTTPS", {opening});
    const auto policy = compile_ok(small_topology(), rows);
    ASSERT_EQ(policy.rules.size(), 1U);
    EXPECT_EQ(policy.rules[0].id, "b.1/ipv4");
    EXPECT_EQ(policy.rules[0].rows, (Texts{"a.9", "b.1"}));
}

TEST(MatrixRules, NarrowRulesGoBeforeTheWideOnesAroundThem) {
    SmallMatrix rows;
    rows.add("wide", "media",
             {{.from = {Entity::client}, .to = {Entity::client}, .ports = {{1024, 65535}}}});
    rows.add("other", "SIP",
             {{.from = {Entity::client}, .to = {Entity::front_end}, .ports = {{5061, 5061}}}});
    rows.add("narrow", "file transfer",
             {{.from = {Entity::client}, .to = {Entity::client}, .ports = {{6891, 6901}}}});
    rows.add("widest", "all",
             {{.from = {Entity::corporate}, .to = {Entity::corporate}, .ports = {{1, 65535}}}});
    const auto policy = compile_ok(small_topology(), rows);
    EXPECT_EQ(ids(policy),
              (Texts{"narrow/ipv4", "wide/ipv4", "other/ipv4", "widest/ipv4", "widest/ipv6"}));
    const auto packet =
        policy::FirstPacket{kLan, Transport::tcp, ip("10.40.0.5"), ip("10.40.0.6"), 40000, 6895};
    EXPECT_EQ(policy.rules[match(policy, packet).rule].rows, (Texts{"narrow"}));
}

TEST(MatrixRules, SourcePortsCarryOver) {
    SmallMatrix rows;
    rows.add("t.1", "RTP",
             {{.from = {Entity::av_node},
               .to = {Entity::internet},
               .transports = {Transport::tcp, Transport::udp},
               .ports = {{0, 65535}},
               .source_ports = {50000, 59999}}});
    const auto policy = compile_ok(small_topology(), rows);
    ASSERT_EQ(policy.rules.size(), 4U);
    for (const auto& rule : policy.rules) {
        EXPECT_EQ(rule.source_ports, (PortRange{50000, 59999}));
        EXPECT_EQ(rule.idle_seconds, 300U);
    }
}

TEST(MatrixRules, AMatrixThatContradictsItselfIsAnError) {
    SmallMatrix rows;
    rows.add("t.1", "",
             {{.from = {Entity::access_vip}, .to = {Entity::internet}, .ports = {{5061, 5061}}}});
    rows.add("t.2", "",
             {{.from = {Entity::internet}, .to = {Entity::av_vip}, .ports = {{50000, 59999}}}});
    const auto topology = small_topology();
    const auto made = compile_rows(topology, "small.yaml", rows);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().size(), 2U);
}

TEST(MatrixRules, NoReverseProxyNoRule) {
    SmallMatrix rows;
    rows.add("t.1", "HTTPS",
             {{.from = {Entity::internet}, .to = {Entity::rp_external}, .ports = {{443, 443}}}});
    auto topology = small_topology();
    EXPECT_EQ(compile_ok(topology, rows).rules.size(), 2U);
    topology.reverse_proxies.clear();
    EXPECT_TRUE(compile_ok(topology, rows).rules.empty());
}

}  // namespace
}  // namespace portcullis::compile
