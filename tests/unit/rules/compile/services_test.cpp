#include "rules/compile/services.h"

#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::NatKind;
using policy::ProbeKind;
using policy::Transport;

Draft with_services(const topology::Topology& topology) {
    Draft draft{topology, "small.yaml", {}};
    add_services(draft);
    return draft;
}

using Ports = std::vector<std::uint16_t>;

// SEMANTICS, "Service settings".
TEST(Services, EachVipPortHasItsNatAndItsHealthCheck) {
    const auto topology = small_topology();
    const auto policy = with_services(topology).policy;
    struct Expected {
        std::string_view name;
        std::string_view vip;
        NatKind nat;
        ProbeKind probe;
        Ports ports;
    };
    const Expected all[] = {
        {"access-443/tcp", "203.0.113.10", NatKind::full, ProbeKind::tcp, {443, 5061}},
        {"access-5061/tcp", "203.0.113.10", NatKind::full, ProbeKind::tcp, {5061}},
        {"access-5269/tcp", "203.0.113.10", NatKind::full, ProbeKind::tcp, {5061, 5269}},
        {"web-conferencing-443/tcp", "203.0.113.20", NatKind::full, ProbeKind::tcp, {443}},
        {"av-443/tcp", "203.0.113.30", NatKind::dnat, ProbeKind::tcp, {443}},
        {"av-3478/udp", "203.0.113.30", NatKind::dnat, ProbeKind::stun, {3478}},
        {"internal-443/tcp", "10.20.0.10", NatKind::dnat, ProbeKind::tcp, {443}},
        {"internal-5061/tcp", "10.20.0.10", NatKind::dnat, ProbeKind::tcp, {5061}},
        {"internal-5062/tcp", "10.20.0.10", NatKind::dnat, ProbeKind::tcp, {5062}},
        {"internal-3478/udp", "10.20.0.10", NatKind::dnat, ProbeKind::stun, {3478}},
        {"av-3478/udp/ipv6", "2001:db8:0:113::30", NatKind::dnat, ProbeKind::stun, {3478}},
    };
    for (const auto& one : all) {
        const auto* service = find_service(policy, one.name);
        ASSERT_NE(service, nullptr) << one.name;
        EXPECT_EQ(service->vip, ip(one.vip)) << one.name;
        EXPECT_EQ(service->nat, one.nat) << one.name;
        EXPECT_EQ(service->probe, one.probe) << one.name;
        EXPECT_EQ(service->probe_ports, one.ports) << one.name;
        EXPECT_EQ(service->nodes.size(), 2U) << one.name;
    }
    EXPECT_EQ(find_service(policy, "av-443/tcp")->nodes[1].address, ip("203.0.113.32"));
    EXPECT_EQ(find_service(policy, "internal-443/tcp/ipv6")->nodes[0].address, ip("fd00:20::11"));
}

TEST(Services, OutboundTakesTheAccessVip) {
    const auto topology = small_topology();
    const auto policy = with_services(topology).policy;
    const auto* out = find_service(policy, "access-outbound/tcp");
    ASSERT_NE(out, nullptr);
    EXPECT_EQ(out->nat, NatKind::snat);
    EXPECT_EQ(out->vip, ip("203.0.113.10"));
    EXPECT_TRUE(out->nodes.empty());
    EXPECT_EQ(out->port, 0);
}

TEST(Services, WeightsComeFromTheNodes) {
    auto topology = small_topology();
    topology.edge.nodes[1].weight = 7;
    const auto policy = with_services(topology).policy;
    EXPECT_EQ(find_service(policy, "access-443/tcp")->nodes[1].weight, 7U);
}

TEST(Services, NoneInAFamilyWithoutVipOrWithoutNodes) {
    auto topology = small_topology();
    topology.edge.access_vip.v6.reset();
    for (auto& node : topology.edge.nodes) node.av.v6.reset();
    const auto policy = with_services(topology).policy;
    EXPECT_EQ(find_service(policy, "access-443/tcp/ipv6"), nullptr);
    EXPECT_EQ(find_service(policy, "access-outbound/tcp/ipv6"), nullptr);
    EXPECT_EQ(find_service(policy, "av-443/tcp/ipv6"), nullptr);
    EXPECT_NE(find_service(policy, "av-443/tcp"), nullptr);
}

TEST(Services, UnusedOnesAreDroppedAndRulesKeepTheirs) {
    const auto topology = small_topology();
    auto draft = with_services(topology);
    policy::Rule rule;
    rule.service = find_service(draft.policy, topology.edge, Vip::av, policy::Family::ipv4,
                                Transport::udp, 3478);
    draft.policy.rules = {rule, policy::Rule{}};
    drop_unused_services(draft);
    ASSERT_EQ(draft.policy.services.size(), 1U);
    EXPECT_EQ(draft.policy.services[0].name, "av-3478/udp");
    EXPECT_EQ(draft.policy.rules[0].service, 0U);
    EXPECT_EQ(draft.policy.rules[1].service, policy::kNoService);
}

TEST(Services, PortsOfAVipAreKnownWhateverTheTopology) {
    EXPECT_TRUE(has_service(Vip::access, Transport::tcp, {5269, 5269}));
    EXPECT_FALSE(has_service(Vip::access, Transport::udp, {443, 443}));
    EXPECT_FALSE(has_service(Vip::av, Transport::tcp, {50000, 59999}));
    EXPECT_FALSE(has_service(Vip::internal, Transport::tcp, {8057, 8057}));
    EXPECT_EQ(services_of(Vip::av), "443/tcp, 3478/udp");
}

}  // namespace
}  // namespace portcullis::compile
