#include "rules/compile/conformance.h"

#include <set>

#include "rules/compile/analyse.h"
#include "rules/compile/matrix_rules.h"
#include "rules/signatures/compile.h"
#include "rules/signatures/signatures.h"
#include "rules/topology/inspected_services.h"
#include "tests/unit/rules/compile/samples.h"
#include "tests/unit/rules/compile/small_matrix.h"
#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::Conformance;
using policy::ConformanceMode;
using policy::MissingName;
using policy::PortRange;
using policy::ProtocolClass;
using policy::Transport;
using policy::Zone;
using topology::SiteConformance;
using topology::SiteRule;

constexpr const char* kScaled = "lync-2013-scaled-hlb";
constexpr const char* k2010 = "lync-2010-reference";

const Conformance* entry(const policy::Policy& policy, std::string_view name) {
    for (const auto& one : policy.conformance)
        if (one.name == name) return &one;
    return nullptr;
}

// "access-443", or "-" where the packet's session is held to nothing, or "deny".
std::string held(const policy::Policy& policy, const std::string& question) {
    const auto verdict = judge(policy, question);
    if (!verdict.allow) return "deny";
    const auto index = policy.rules.at(verdict.rule).conformance;
    return index == policy::kNoConformance ? "-" : policy.conformance.at(index).name;
}

void expect_held(const policy::Policy& policy, const std::vector<Case>& cases) {
    for (const auto& one : cases)
        EXPECT_EQ(held(policy, one.question), one.expected) << one.question;
}

SiteRule site(std::string name, Zone from, Zone to, Transport transport, PortRange ports) {
    SiteRule rule;
    rule.name = std::move(name);
    rule.from = from;
    rule.to = to;
    rule.transports = {transport};
    rule.ports = {ports};
    rule.reason = "because";
    rule.where = {7, 3};
    return rule;
}

// Packets of the 2013 documents, and the protocol that each row is about.
TEST(Conformance, EachFlowOf2013IsHeldToItsService) {
    const auto policy = sample(kScaled, [](topology::Topology& topology) {
        topology.features = all_features();
        topology.site_rules.clear();
    });
    expect_held(policy, {
                            {"internet tcp 9.9.9.9 203.0.113.10 443", "access-443"},
                            {"internet tcp 9.9.9.9 203.0.113.10 5061", "access-5061"},
                            {"internet tcp 9.9.9.9 203.0.113.10 5269", "access-5269"},
                            {"internet tcp 9.9.9.9 203.0.113.20 443", "web-conferencing-443"},
                            {"internet tcp 9.9.9.9 203.0.113.30 443", "av-443"},
                            {"internet tcp 9.9.9.9 203.0.113.31 443", "av-443"},
                            {"internet udp 9.9.9.9 203.0.113.30 3478", "av-3478"},
                            {"internet udp 9.9.9.9 203.0.113.32 3478", "av-3478"},
                            {"internet udp 9.9.9.9 203.0.113.31 50500", "media-udp"},
                            {"internet tcp 9.9.9.9 203.0.113.31 59999", "media-tcp"},
                            {"edge-external udp 203.0.113.31 203.0.113.32 3478", "av-3478"},
                            {"edge-external tcp 203.0.113.31 203.0.113.32 443", "av-443"},
                            {"edge-external udp 203.0.113.31 203.0.113.32 50000", "media-udp"},
                            {"edge-external udp 203.0.113.31 9.9.9.9 3478", "av-3478"},
                            {"edge-external tcp 203.0.113.31 9.9.9.9 443", "media-tcp"},
                            {"edge-external tcp 203.0.113.31/50000 9.9.9.9 443", "media-tcp"},
                            {"edge-external tcp 203.0.113.31/59999 9.9.9.9 22", "media-tcp"},
                            {"edge-external udp 203.0.113.31/50001 9.9.9.9 1234", "media-udp"},
                            {"edge-external tcp 203.0.113.11 198.51.100.7 5061", "sip-out"},
                            {"edge-external tcp 203.0.113.11 9.9.9.9 5269", "xmpp-out"},
                            {"edge-external tcp 203.0.113.11 9.9.9.9 80", "crl"},
                            {"edge-external tcp 203.0.113.11 9.9.9.9 53", "dns-tcp"},
                            {"edge-external udp 203.0.113.11 9.9.9.9 53", "dns-udp"},
                            {"internet tcp 9.9.9.9 203.0.113.200 443", "reverse-proxy-443"},
                            {"internet tcp 9.9.9.9 203.0.113.200 80", "reverse-proxy-80"},
                            {"rp-internal tcp 10.20.0.40 10.30.2.10 4443", "proxied-https"},
                            {"rp-internal tcp 10.20.0.40 10.30.2.10 8080", "proxied-http"},
                            {"rp-internal tcp 10.20.0.40 10.30.1.10 4443", "proxied-https"},
                            {"corporate tcp 10.40.1.1 10.20.0.10 443", "internal-443"},
                            {"corporate udp 10.40.1.1 10.20.0.11 3478", "internal-3478"},
                            {"corporate tcp 10.30.2.11 10.20.0.10 5061", "internal-5061"},
                            {"corporate tcp 10.30.2.11 10.20.0.10 5062", "internal-5062"},
                            {"corporate tcp 10.30.2.11 10.20.0.11 8057", "edge-psom"},
                            {"corporate tcp 10.30.2.11 10.20.0.11 4443", "edge-replication"},
                            {"corporate tcp 10.30.2.11 10.20.0.11 23456", "edge-xmpp-gateway"},
                            {"corporate tcp 10.40.1.1 10.20.0.11 50001", "edge-logging"},
                            {"corporate tcp 10.40.1.1 10.20.0.11 50003", "edge-logging"},
                            {"edge-internal tcp 10.20.0.11 10.30.2.11 5061", "edge-sip-in"},
                            {"corporate tcp 10.40.1.1 10.30.1.10 5061", "corporate-sip"},
                            {"corporate tcp 10.40.1.1 10.30.2.11 443", "corporate-https"},
                            {"corporate tcp 10.30.1.11 10.30.2.11 4443", "corporate-https"},
                            {"corporate tcp 10.40.1.1 10.30.2.11 80", "corporate-http"},
                            {"corporate tcp 10.30.1.11 10.30.2.11 8080", "corporate-http"},
                            {"corporate tcp 10.40.1.1 10.30.2.11 8057", "corporate-psom"},
                            {"corporate tcp 10.40.1.1 10.30.2.11 8058", "corporate-psom"},
                            {"corporate tcp 10.30.7.11 10.30.2.11 444", "corporate-sba"},
                            {"corporate tcp 10.40.1.1 10.30.1.11 50002", "corporate-logging"},
                            // No public signature, or a range that several protocols share.
                            {"corporate udp 10.30.1.11 10.30.2.11 1434", "-"},
                            {"corporate tcp 10.30.1.11 10.30.2.11 135", "-"},
                            {"corporate udp 10.40.1.1 10.30.2.11 50000", "-"},
                            {"corporate tcp 10.40.1.1 10.40.2.2 5061", "-"},
                        });
}

TEST(Conformance, EachFlowOf2010IsHeldToItsService) {
    const auto policy =
        sample(k2010, [](topology::Topology& topology) { topology.features = all_features(); });
    expect_held(policy, {
                            {"internet tcp 9.9.9.9 131.107.155.110 443", "access-443"},
                            {"internet udp 9.9.9.9 131.107.155.30 3478", "av-3478"},
                            {"edge-external tcp 131.107.155.10 9.9.9.9 5061", "sip-out"},
                            {"edge-external udp 131.107.155.10 9.9.9.9 53", "dns-udp"},
                            {"corporate tcp 192.168.20.1 172.25.33.10 8057", "edge-psom"},
                            {"corporate tcp 192.168.10.90 172.25.33.11 5062", "internal-5062"},
                            {"corporate tcp 192.168.10.90 172.25.33.11 4443", "edge-replication"},
                            {"edge-internal tcp 172.25.33.10 192.168.10.90 5061", "edge-sip-in"},
                        });
}

// Every service of the list is reached by some row, with rules of its own transport.
TEST(Conformance, TheMatrixReachesEveryService) {
    const auto policy =
        sample(kScaled, [](topology::Topology& topology) { topology.features = all_features(); });
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
    std::set<std::string> reached;
    for (const auto& rule : policy.rules)
        if (rule.conformance != policy::kNoConformance)
            reached.insert(policy.conformance.at(rule.conformance).name);
    for (const auto& service : topology::inspected_services())
        EXPECT_TRUE(reached.contains(std::string(service.name))) << service.name;
    EXPECT_EQ(reached.size(), policy.conformance.size()) << "entries that no rule leads to";
}

TEST(Conformance, NothingDiesOfIt) {
    for (const char* name : {kScaled, k2010, "lync-2013-single-director"})
        EXPECT_TRUE(analyse(sample(name)).empty()) << name;
}

TEST(Conformance, WatchedByDefaultWithSignaturesOfEachClassOnce) {
    const auto policy = sample(kScaled);
    std::set<std::string> classes;
    for (const auto& service : policy.conformance) {
        EXPECT_EQ(service.mode, ConformanceMode::watch) << service.name;
        ASSERT_LT(service.database, policy.databases.size()) << service.name;
        const auto& database = policy.databases[service.database];
        EXPECT_EQ(database.protocol, service.protocol) << service.name;
        classes.insert(database.name);
    }
    EXPECT_EQ(classes.size(), policy.databases.size());
    for (const auto& database : policy.databases)
        EXPECT_EQ(database, signatures::compile(database.protocol).value()) << database.name;
}

TEST(Conformance, OffNeedsNoSignatures) {
    const auto policy = sample(kScaled, [](topology::Topology& topology) {
        topology.conformance.mode = ConformanceMode::off;
        topology.conformance.services["access-443"].mode = ConformanceMode::watch;
    });
    ASSERT_EQ(policy.databases.size(), 1U);
    EXPECT_EQ(policy.databases[0].name, "sip-tls");
    EXPECT_EQ(entry(policy, "access-443")->mode, ConformanceMode::watch);
    EXPECT_EQ(entry(policy, "access-5061")->mode, ConformanceMode::off);
    EXPECT_EQ(entry(policy, "access-5061")->database, policy::kNoDatabase);
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
}

TEST(Conformance, EnforceByDefaultMeansWhereTheClassAllowsIt) {
    const auto policy = sample(kScaled, [](topology::Topology& topology) {
        topology.features = all_features();
        topology.conformance.mode = ConformanceMode::enforce;
        topology.conformance.services["crl"].mode = ConformanceMode::off;
    });
    std::set<std::string> watched;
    for (const auto& service : policy.conformance)
        if (service.mode == ConformanceMode::watch) watched.insert(service.name);
    EXPECT_EQ(watched, (std::set<std::string>{"corporate-logging", "corporate-sba", "edge-logging",
                                              "edge-xmpp-gateway"}));
    EXPECT_EQ(entry(policy, "crl")->mode, ConformanceMode::off);
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
}

TEST(Conformance, NamesArriveAtTheirServiceOnly) {
    const auto policy = sample(kScaled, [](topology::Topology& topology) {
        auto& proxy = topology.conformance.services["reverse-proxy-443"];
        proxy.names = {"*.example.com", "web.example.com"};
        proxy.missing_name = MissingName::refuse;
    });
    for (const auto& service : policy.conformance) {
        const bool proxy = service.name == "reverse-proxy-443";
        if (proxy) {
            EXPECT_EQ(service.names,
                      (std::vector<std::string>{"*.example.com", "web.example.com"}));
            EXPECT_EQ(service.missing_name, MissingName::refuse);
        }
    }
    EXPECT_NE(entry(policy, "reverse-proxy-443"), nullptr);
}

// Rows that open the same to hosts of different services stay apart, else one of them would not be
// held to its protocol.
TEST(Conformance, RulesOfDifferentConformanceAreNotMerged) {
    policy::Rule a;
    a.id = "a";
    a.conformance = 1;
    policy::Rule b = a;
    b.id = "b";
    EXPECT_EQ(merged({a, b}).size(), 1U);
    b.conformance = 2;
    EXPECT_EQ(merged({a, b}).size(), 2U);
}

TEST(Conformance, AWideSiteRuleIsHeldToNothingUnlessItNamesAClass) {
    auto topology = small_topology();
    topology.site_rules = {site("wide", Zone::internet, Zone::edge_external, Transport::tcp, {})};
    auto policy = compile_ok(topology);
    ASSERT_FALSE(policy.rules.empty());
    for (const auto& rule : policy.rules)
        EXPECT_EQ(rule.conformance, policy::kNoConformance) << rule.id;
    EXPECT_TRUE(policy.conformance.empty());

    topology.site_rules[0].conformance = SiteConformance{ProtocolClass::https, 0, {}};
    topology.site_rules[0].conformance->how.mode = ConformanceMode::enforce;
    topology.site_rules[0].conformance->how.names = {"web.example.com"};
    policy = compile_ok(topology);
    ASSERT_EQ(policy.conformance.size(), 1U);
    EXPECT_EQ(policy.conformance[0].name, "site.wide");
    EXPECT_EQ(policy.conformance[0].mode, ConformanceMode::enforce);
    EXPECT_EQ(policy.conformance[0].names, std::vector<std::string>{"web.example.com"});
    for (const auto& rule : policy.rules) EXPECT_EQ(rule.conformance, 0U) << rule.id;
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
}

TEST(Conformance, ASiteRuleForAVipIsHeldToThatService) {
    auto topology = small_topology();
    auto rule = site("vip", Zone::corporate, Zone::edge_external, Transport::tcp, {443, 443});
    rule.destinations = {net("203.0.113.10")};
    topology.site_rules = {rule};
    auto policy = compile_ok(topology);
    ASSERT_EQ(policy.rules.size(), 1U);
    EXPECT_EQ(policy.conformance.at(policy.rules[0].conformance).name, "access-443");

    topology.site_rules[0].conformance = SiteConformance{};  // class none
    policy = compile_ok(topology);
    EXPECT_EQ(policy.rules.at(0).conformance, policy::kNoConformance);
    EXPECT_TRUE(policy.conformance.empty());
}

SiteRule held_to_custom(std::string name, std::size_t index) {
    auto rule =
        site(std::move(name), Zone::corporate, Zone::internet, Transport::tcp, {10000, 10000});
    rule.conformance = SiteConformance{ProtocolClass::custom, index, {}};
    return rule;
}

topology::CustomClass backup(std::vector<std::string> patterns) {
    topology::CustomClass made;
    made.name = "backup";
    made.where = {20, 5};
    for (std::size_t i = 0; i < patterns.size(); ++i)
        made.pattern_places.push_back({21 + static_cast<int>(i), 9});
    made.patterns = std::move(patterns);
    return made;
}

TEST(Conformance, CustomClassesAreCompiledOnceByWhoeverSetsLimits) {
    auto topology = small_topology();
    topology.conformance.classes = {backup({"^BKP1", "^BKP2"})};
    topology.site_rules = {held_to_custom("one", 0), held_to_custom("two", 0)};
    topology.site_rules[1].destinations = {net("9.9.9.9")};
    topology.site_rules[1].conformance->how.mode = ConformanceMode::enforce;
    signatures::DirectPatternCompiler direct;
    const auto policy = compile_rows(topology, "small.yaml", {}, &direct);
    ASSERT_TRUE(policy) << policy.error().front().to_string();
    ASSERT_EQ(policy->databases.size(), 1U);
    EXPECT_EQ(policy->databases[0].name, "backup");
    EXPECT_EQ(policy->databases[0].protocol, ProtocolClass::custom);
    ASSERT_EQ(policy->conformance.size(), 2U);
    EXPECT_EQ(policy->conformance[0].mode, ConformanceMode::watch);
    EXPECT_EQ(policy->conformance[1].mode, ConformanceMode::enforce);
    EXPECT_EQ(policy::find_defect(*policy), std::nullopt);

    const auto refused = compile_rows(topology, "small.yaml", {});
    ASSERT_FALSE(refused) << "without a compiler that sets limits nothing is compiled";
    EXPECT_EQ(refused.error().front().where.line, 20);
}

// Whoever lists the services must be able to say which class one is of.
TEST(Conformance, ACustomClassThatIsOffKeepsItsName) {
    auto topology = small_topology();
    topology.conformance.classes = {backup({"^BKP1"})};
    topology.site_rules = {held_to_custom("one", 0)};
    topology.site_rules[0].conformance->how.mode = ConformanceMode::off;
    signatures::DirectPatternCompiler direct;
    auto policy = compile_rows(topology, "small.yaml", {}, &direct);
    ASSERT_TRUE(policy) << policy.error().front().to_string();
    ASSERT_EQ(policy->conformance.size(), 1U);
    EXPECT_EQ(policy->conformance[0].mode, ConformanceMode::off);
    EXPECT_EQ(policy->databases.at(policy->conformance[0].database).name, "backup");
    EXPECT_EQ(policy::find_defect(*policy), std::nullopt);
    policy->conformance[0].database = policy::kNoDatabase;
    EXPECT_EQ(policy::find_defect(*policy), std::nullopt) << "as images of before have it";
}

TEST(Conformance, ABadPatternIsNamedByItsPlace) {
    auto topology = small_topology();
    topology.conformance.classes = {backup({"^BKP1", "BKP2"})};
    topology.site_rules = {held_to_custom("one", 0)};
    signatures::DirectPatternCompiler direct;
    const auto made = compile_rows(topology, "small.yaml", {}, &direct);
    ASSERT_FALSE(made);
    ASSERT_EQ(made.error().size(), 1U);
    EXPECT_EQ(made.error()[0].where.line, 22);
    EXPECT_NE(made.error()[0].message.find("conformance.classes.backup"), std::string::npos);
    EXPECT_FALSE(made.error()[0].hint.empty());
}

TEST(Conformance, AnUnusedClassIsNotCompiled) {
    auto topology = small_topology();
    topology.conformance.classes = {backup({"BKP"})};
    EXPECT_TRUE(compile_ok(topology).databases.empty());
}

TEST(Conformance, TooManyClassesAreSaid) {
    auto topology = small_topology();
    for (std::size_t i = 0; i <= policy::kMostConformance; ++i) {
        auto rule = site("r" + std::to_string(i), Zone::corporate, Zone::internet, Transport::tcp,
                         {static_cast<std::uint16_t>(1 + i), static_cast<std::uint16_t>(1 + i)});
        rule.conformance = SiteConformance{ProtocolClass::https, 0, {}};
        topology.site_rules.push_back(std::move(rule));
    }
    const auto made = compile_rows(topology, "small.yaml", {});
    ASSERT_FALSE(made);
    EXPECT_NE(made.error()[0].message.find("4097"), std::string::npos) << made.error()[0].message;
}

TEST(Conformance, WhatSignaturesSayAgreesWithThePolicy) {
    for (const auto& known : signatures::classes()) {
        EXPECT_EQ(known.watch_only.empty(), policy::may_be_enforced(known.protocol))
            << to_string(known.protocol);
        EXPECT_EQ(known.names, policy::carries_server_name(known.protocol))
            << to_string(known.protocol);
        EXPECT_EQ(known.transport == Transport::tcp, policy::is_stream(known.protocol))
            << to_string(known.protocol);
    }
}

}  // namespace
}  // namespace portcullis::compile
