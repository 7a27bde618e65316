#include <gtest/gtest.h>

#include <algorithm>

#include "rules/compile/rule_index.h"
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
             {{.from = {Entity::internet}, .to = {Entity::access_vip}, .ports = {{443, 443}}}});
    made.add("in", "RTP",
             {{.from = {Entity::internet},
               .to = {Entity::av_node},
               .transports = {Transport::udp},
               .ports = {{50000, 59999}}}});
    made.add("out", "RTP",
             {{.from = {Entity::av_node},
               .to = {Entity::internet},
               .ports = {{0, 65535}},
               .source_ports = {50000, 59999}}});
    made.add("sip", "SIP",
             {{.from = {Entity::access_node},
               .to = {Entity::federated_partner},
               .ports = {{5061, 5061}},
               .snat = true}});
    made.add("rp", "HTTPS",
             {{.from = {Entity::rp_internal},
               .to = {Entity::front_end_target},
               .ports = {{4443, 4443}}}});
    made.add("media", "STUN",
             {{.from = {Entity::corporate},
               .to = {Entity::internal_vip, Entity::internal_node},
               .transports = {Transport::udp},
               .ports = {{3478, 3478}}}});
    return made;
}

topology::Topology with_site_rules() {
    auto topology = small_topology();
    topology::SiteRule deny;
    deny.name = "quiet";
    deny.action = policy::Action::deny;
    deny.from = policy::Zone::internet;
    deny.to = policy::Zone::edge_external;
    deny.transports = {Transport::tcp, Transport::udp};
    deny.ports = {{0, 65535}};
    deny.sources = {net("198.51.100.128/25")};
    deny.reason = "because";
    topology.site_rules = {deny};
    return topology;
}

TEST(Witnesses, SayWhatTheReferenceMatcherSays) {
    const auto policy = compile_ok(with_site_rules(), rows());
    ASSERT_GT(policy.witnesses.size(), policy.rules.size() * 4);
    std::size_t allowed = 0;
    for (const auto& witness : policy.witnesses) {
        const auto verdict =
            match(policy, {witness.interface, witness.transport, witness.source,
                           witness.destination, witness.source_port, witness.destination_port});
        EXPECT_EQ(witness.allow, verdict.allow);
        EXPECT_EQ(witness.rule, verdict.rule);
        allowed += verdict.allow ? 1U : 0U;
    }
    EXPECT_GT(allowed, policy.rules.size());
    EXPECT_GT(policy.witnesses.size() - allowed, policy.rules.size());
}

TEST(Witnesses, EachRuleDecidesOne) {
    const auto policy = compile_ok(with_site_rules(), rows());
    for (std::uint32_t i = 0; i < policy.rules.size(); ++i)
        EXPECT_TRUE(std::any_of(policy.witnesses.begin(), policy.witnesses.end(),
                                [=](const auto& witness) { return witness.rule == i; }))
            << policy.rules[i].id;
}

TEST(Witnesses, StandOnBothSidesOfEachPortRange) {
    const auto policy = compile_ok(small_topology(), rows());
    for (const auto& rule : policy.rules) {
        if (rule.rows[0] != "in") continue;
        for (const unsigned port : {49999U, 50000U, 59999U, 60000U})
            EXPECT_TRUE(std::any_of(policy.witnesses.begin(), policy.witnesses.end(),
                                    [&](const auto& witness) {
                                        return witness.transport == rule.transport &&
                                               witness.source.family() == rule.family &&
                                               witness.destination_port == port &&
                                               witness.allow == (port == 50000 || port == 59999);
                                    }))
                << rule.id << " " << port;
    }
}

TEST(Witnesses, SpoofedSourcesAreAmongThem) {
    const auto policy = compile_ok(small_topology(), rows());
    for (const auto* source : {"203.0.113.10", "10.0.0.0", "255.255.255.255", "ff00::"})
        EXPECT_TRUE(std::any_of(policy.witnesses.begin(), policy.witnesses.end(),
                                [&](const auto& witness) {
                                    return witness.source == ip(source) &&
                                           witness.interface == kWan && !witness.allow;
                                }))
            << source;
}

TEST(Witnesses, AreBounded) {
    auto topology = small_topology();
    for (unsigned i = 0; i < 10000; ++i) {
        topology::SiteRule rule;
        rule.name = std::to_string(i);
        rule.action = policy::Action::deny;
        rule.from = policy::Zone::internet;
        rule.to = policy::Zone::edge_external;
        rule.transports = {Transport::tcp};
        rule.ports = {{static_cast<std::uint16_t>(i + 1), static_cast<std::uint16_t>(i + 1)}};
        rule.sources = {net("198.51.100.0/24")};
        rule.reason = "because";
        topology.site_rules.push_back(rule);
    }
    const auto policy = compile_ok(topology, rows());
    EXPECT_LE(policy.witnesses.size(), 65536U);
    std::vector<bool> seen(policy.rules.size());
    for (const auto& witness : policy.witnesses)
        if (witness.rule != policy::kNoRule) seen[witness.rule] = true;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
}

// The index only leaves out rules that cannot match.
TEST(Decider, AgreesWithTheReferenceMatcher) {
    const auto policy = compile_ok(with_site_rules(), rows());
    const Decider decider(policy);
    std::vector<policy::IpAddress> addresses = {ip("9.9.9.9"), ip("2620:fe::9")};
    for (const auto& entry : policy.addresses) addresses.push_back(entry.prefix.address());
    for (const auto& service : policy.services)
        for (const auto& node : service.nodes) addresses.push_back(node.address);
    for (std::uint32_t interface = 0; interface < policy.interfaces.size(); ++interface)
        for (const auto& source : addresses)
            for (const auto& destination : addresses)
                for (const auto port :
                     std::initializer_list<std::uint16_t>{443, 3478, 5061, 50000}) {
                    const policy::FirstPacket packet{interface,   Transport::tcp, source,
                                                     destination, 50500,          port};
                    const auto expected = match(policy, packet);
                    const auto decided = decider.decide(packet);
                    ASSERT_EQ(decided.allow, expected.allow);
                    ASSERT_EQ(decided.rule, expected.rule);
                }
}

}  // namespace
}  // namespace portcullis::compile
