#include "rules/compile/entities.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using matrix::Entity;
using policy::Family;
using policy::Zone;

std::vector<std::string> hosts(const topology::Topology& topology, Entity entity,
                               Family family = Family::ipv4) {
    std::vector<std::string> out;
    const auto found = resolve(topology, entity, family);
    if (found.any) return {"any"};
    for (const auto& prefix : found.prefixes) out.push_back(prefix.to_string());
    std::sort(out.begin(), out.end());
    return out;
}
using Texts = std::vector<std::string>;

TEST(Entities, ResolveInTheirFamilyOnly) {
    const auto topology = small_topology();
    EXPECT_EQ(hosts(topology, Entity::av_node), (Texts{"203.0.113.31", "203.0.113.32"}));
    EXPECT_EQ(hosts(topology, Entity::av_node, Family::ipv6),
              (Texts{"2001:db8:0:113::31", "2001:db8:0:113::32"}));
    EXPECT_EQ(hosts(topology, Entity::access_vip), (Texts{"203.0.113.10"}));
    EXPECT_EQ(hosts(topology, Entity::front_end, Family::ipv6), Texts{});
    EXPECT_EQ(hosts(topology, Entity::rp_internal), (Texts{"10.20.0.40"}));
    EXPECT_EQ(hosts(topology, Entity::internet), (Texts{"any"}));
    EXPECT_EQ(hosts(topology, Entity::client), (Texts{"10.40.0.0/16"}));
}

TEST(Entities, TargetsAreTheBalancerNeverAServerBehindIt) {
    auto topology = small_topology();
    EXPECT_EQ(hosts(topology, Entity::front_end_target), (Texts{"10.30.2.10"}));
    EXPECT_EQ(hosts(topology, Entity::director_target), (Texts{"10.30.1.10"}));
    // A VIP of the other family is a balancer all the same.
    topology.pools[1].vip = {std::nullopt, ip("fd00:30::2:10")};
    EXPECT_EQ(hosts(topology, Entity::front_end_target), Texts{});
    topology.pools[1].vip = {};
    EXPECT_EQ(hosts(topology, Entity::front_end_target), (Texts{"10.30.2.11", "10.30.2.12"}));
}

TEST(Entities, PoolsByWhatTheyHoldAndHowTheyAreBalanced) {
    auto topology = small_topology();
    topology::Pool second;
    second.vip = only("10.30.8.10");
    second.servers = {{"s", only("10.30.8.11"), {}}};
    second.balancing = topology::Balancing::dns;
    second.runs_mediation = true;
    topology.pools.push_back(second);
    EXPECT_EQ(hosts(topology, Entity::cms_server), (Texts{"10.30.2.11", "10.30.2.12"}));
    EXPECT_EQ(hosts(topology, Entity::cms_vip), (Texts{"10.30.2.10"}));
    EXPECT_EQ(hosts(topology, Entity::xmpp_gateway_vip), (Texts{"10.30.2.10"}));
    EXPECT_EQ(hosts(topology, Entity::front_end_vip), (Texts{"10.30.2.10", "10.30.8.10"}));
    EXPECT_EQ(hosts(topology, Entity::front_end_vip_dns), (Texts{"10.30.8.10"}));
    EXPECT_EQ(hosts(topology, Entity::front_end_vip_hardware), (Texts{"10.30.2.10"}));
    EXPECT_EQ(hosts(topology, Entity::collocated_mediation), (Texts{"10.30.8.11"}));
    EXPECT_EQ(hosts(topology, Entity::collocated_mediation_vip_hardware), Texts{});
}

// Decision 15: all declared server roles, branch appliances among them; the gateway is none.
TEST(Entities, InternalServers) {
    auto topology = small_topology();
    topology.branch_appliances = {{"sba", only("10.30.7.11"), {}}};
    topology.pstn_gateways = {{"gw", only("10.30.6.11"), {}}};
    EXPECT_EQ(hosts(topology, Entity::internal_server),
              (Texts{"10.30.1.11", "10.30.1.12", "10.30.2.11", "10.30.2.12", "10.30.7.11"}));
}

// Decision 7.
TEST(Entities, PartnersAreTheirListOrEverybody) {
    auto topology = small_topology();
    EXPECT_EQ(hosts(topology, Entity::federated_partner), (Texts{"198.51.100.0/24"}));
    topology.federated.open = true;
    EXPECT_EQ(hosts(topology, Entity::federated_partner), (Texts{"any"}));
    topology.federated = {};
    EXPECT_EQ(hosts(topology, Entity::federated_partner), Texts{});
    topology.xmpp = {};
    EXPECT_EQ(hosts(topology, Entity::xmpp_partner), (Texts{"any"}));
    topology.xmpp.prefixes = {net("198.51.100.7")};
    EXPECT_EQ(hosts(topology, Entity::xmpp_partner), (Texts{"198.51.100.7"}));
    EXPECT_EQ(hosts(topology, Entity::xmpp_partner, Family::ipv6), Texts{});
}

TEST(Entities, LiveInTheirZones) {
    EXPECT_EQ(zone_of(Entity::internet), Zone::internet);
    EXPECT_EQ(zone_of(Entity::federated_partner), Zone::internet);
    EXPECT_EQ(zone_of(Entity::av_vip), Zone::edge_external);
    EXPECT_EQ(zone_of(Entity::other_av_node), Zone::edge_external);
    EXPECT_EQ(zone_of(Entity::internal_vip), Zone::edge_internal);
    EXPECT_EQ(zone_of(Entity::rp_external), Zone::rp_external);
    EXPECT_EQ(zone_of(Entity::rp_internal), Zone::rp_internal);
    EXPECT_EQ(zone_of(Entity::director_vip), Zone::corporate);
    EXPECT_EQ(zone_of(Entity::pstn_gateway), Zone::corporate);
}

}  // namespace
}  // namespace portcullis::compile
