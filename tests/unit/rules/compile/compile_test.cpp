#include "rules/compile/compile.h"

#include <gtest/gtest.h>

#include <ctime>

#include "rules/compile/analyse.h"
#include "tests/unit/rules/compile/small_matrix.h"
#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using matrix::Entity;
using policy::Transport;

SmallMatrix rows() {
    SmallMatrix made;
    made.add("vip", "SIP",
             {{.from = {Entity::internet},
               .to = {Entity::access_vip},
               .ports = {{443, 443}, {5061, 5061}}}});
    made.add("sip", "SIP",
             {{.from = {Entity::access_node},
               .to = {Entity::federated_partner},
               .ports = {{5061, 5061}},
               .snat = true}});
    return made;
}

TEST(Compile, TheSameTopologyGivesTheSamePolicyWithoutDefect) {
    const auto policy = compile_ok(small_topology(), rows());
    EXPECT_EQ(policy, compile_ok(small_topology(), rows()));
    EXPECT_EQ(policy::find_defect(policy), std::nullopt);
    EXPECT_EQ(policy.topology_name, "small");
    EXPECT_EQ(policy.release, "lync-2013");
}

TEST(Compile, SettingsCarryOver) {
    auto topology = small_topology();
    topology.settings.embryonic_per_source = 9;
    topology.settings.probe_fall = 5;
    EXPECT_EQ(compile_ok(topology).settings, topology.settings);
}

// Decision 19.
TEST(Compile, WhatIsAllowedOutsideTheMatrixIsListed) {
    std::vector<std::string> ids;
    for (const auto& builtin : compile_ok(small_topology()).builtins) {
        EXPECT_FALSE(builtin.reason.empty());
        ids.push_back(builtin.id);
    }
    EXPECT_EQ(ids, (std::vector<std::string>{"builtin.arp", "builtin.nd", "builtin.icmp-echo",
                                             "builtin.icmp-errors", "builtin.pmtu"}));
}

TEST(Compile, EveryRuleSaysWhyInASentence) {
    for (const auto& rule : compile_ok(small_topology(), rows()).rules) {
        EXPECT_TRUE(rule.reason.ends_with(".")) << rule.reason;
        EXPECT_GT(rule.reason.size(), 20U);
    }
}

// An operator waits for this; ten seconds would be a design error, one is the aim.
TEST(Compile, TenThousandRulesAndAThousandPartnersTakeAboutASecond) {
    auto topology = small_topology();
    for (std::uint32_t i = 0; i < 1000; ++i)
        topology.federated.prefixes.push_back(
            policy::Prefix::make(policy::IpAddress::from_v4(0x08000000U + (i << 12)), 24));
    for (std::uint32_t i = 0; i < 10000; ++i) {
        topology::SiteRule rule;
        rule.name = std::to_string(i);
        rule.action = i % 2 == 0 ? policy::Action::allow : policy::Action::deny;
        rule.from = policy::Zone::corporate;
        rule.to = policy::Zone::internet;
        rule.transports = {Transport::tcp};
        rule.ports = {{443, 443}};
        rule.destinations = {
            policy::Prefix::host(policy::IpAddress::from_v4(0x20000000U + i * 7919))};
        rule.reason = "because";
        topology.site_rules.push_back(rule);
    }
    const auto start = std::clock();
    const auto policy = compile_ok(topology, rows());
    const auto findings = analyse(policy);
    // Processor time: other work on the machine must not fail the test.
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_GT(policy.rules.size(), 10000U);
    EXPECT_TRUE(findings.empty());
    RecordProperty("seconds", std::to_string(seconds));
    EXPECT_LT(seconds, 10.0);
}

}  // namespace
}  // namespace portcullis::compile
