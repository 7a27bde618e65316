// The samples load, and mean what they say.
#include <gtest/gtest.h>

#include <string>

#include "rules/topology/load.h"

namespace portcullis::topology {
namespace {

Topology sample(const std::string& name) {
    auto loaded = load(std::string(SAMPLES_DIR) + "/" + name + ".yaml");
    if (loaded) return *std::move(loaded);
    for (const auto& diagnostic : loaded.error()) ADD_FAILURE() << diagnostic.to_string();
    return {};
}

DualAddress dual(const char* v4, const char* v6) {
    return {IpAddress::parse(v4), IpAddress::parse(v6)};
}
void expect_same(const DualAddress& a, const DualAddress& b) {
    EXPECT_EQ(a.v4, b.v4);
    EXPECT_EQ(a.v6, b.v6);
}
std::vector<std::string> texts(const std::vector<Prefix>& prefixes) {
    std::vector<std::string> list;
    for (const auto& prefix : prefixes) list.push_back(prefix.to_string());
    return list;
}

TEST(Samples, Lync2013ScaledHlb) {
    const auto t = sample("lync-2013-scaled-hlb");
    EXPECT_EQ(t.name, "lync-2013-scaled-hlb");
    EXPECT_EQ(t.release, Release::lync_2013);
    auto features = FeatureSet::defaults();
    features.set(Feature::xmpp, true);
    EXPECT_EQ(t.features, features);
    ASSERT_EQ(t.interfaces.size(), 5U);
    const auto& internal = t.interfaces[3];
    EXPECT_EQ(internal.name, "dmz-i");
    EXPECT_EQ(internal.device, "dmz-i");
    EXPECT_EQ(internal.vlan, 0);
    EXPECT_EQ(internal.mtu, 1500);
    ASSERT_EQ(internal.addresses.size(), 2U);
    EXPECT_EQ(internal.addresses[1].network().to_string(), "fd00:20::/64");
    EXPECT_TRUE(internal.zones.contains(Zone::edge_internal));
    EXPECT_TRUE(internal.zones.contains(Zone::rp_internal));
    EXPECT_FALSE(internal.zones.contains(Zone::corporate));

    ASSERT_EQ(t.routes.size(), 4U);
    EXPECT_EQ(t.routes[0].prefix, Prefix::all(policy::Family::ipv4));
    EXPECT_EQ(t.routes[0].interface, 0U);
    EXPECT_EQ(t.routes[1].gateway.to_string(), "2001:db8:0:2::fe");
    EXPECT_EQ(t.routes[2].prefix.to_string(), "10.40.0.0/16");
    EXPECT_EQ(t.routes[2].interface, 4U);

    EXPECT_EQ(texts(t.corporate), (std::vector<std::string>{"10.30.0.0/16", "10.40.0.0/16",
                                                            "fd00:30::/64", "fd00:40::/64"}));
    EXPECT_EQ(texts(t.clients), (std::vector<std::string>{"10.40.0.0/16", "fd00:40::/64"}));

    expect_same(t.edge.av_vip, dual("203.0.113.30", "2001:db8:0:113::30"));
    expect_same(t.edge.internal_vip, dual("10.20.0.10", "fd00:20::10"));
    ASSERT_EQ(t.edge.nodes.size(), 2U);
    EXPECT_EQ(t.edge.nodes[1].name, "edge2");
    EXPECT_EQ(t.edge.nodes[1].weight, 1U);
    expect_same(t.edge.nodes[1].web_conferencing, dual("203.0.113.22", "2001:db8:0:113::22"));

    ASSERT_EQ(t.reverse_proxies.size(), 1U);
    EXPECT_EQ(t.reverse_proxies[0].name, "reverse-proxy");
    expect_same(t.reverse_proxies[0].internal, dual("10.20.0.40", "fd00:20::40"));

    ASSERT_EQ(t.pools.size(), 5U);
    EXPECT_EQ(t.pools[0].role, PoolRole::director);
    EXPECT_EQ(t.pools[1].role, PoolRole::front_end);
    EXPECT_TRUE(t.pools[1].holds_central_management_store);
    EXPECT_TRUE(t.pools[1].holds_xmpp_gateway);
    EXPECT_FALSE(t.pools[1].runs_mediation);
    EXPECT_EQ(t.pools[2].role, PoolRole::mediation);
    EXPECT_EQ(t.pools[3].role, PoolRole::office_web_apps);
    EXPECT_EQ(t.pools[4].role, PoolRole::persistent_chat);
    EXPECT_FALSE(t.pools[4].vip.any());
    ASSERT_EQ(t.pools[1].servers.size(), 2U);
    EXPECT_EQ(t.pools[1].servers[0].name, "10.30.2.11");
    expect_same(t.pools[1].servers[0].address, dual("10.30.2.11", "fd00:30::2:11"));

    ASSERT_EQ(t.pstn_gateways.size(), 1U);
    ASSERT_EQ(t.branch_appliances.size(), 1U);
    EXPECT_TRUE(t.federated.declared);
    EXPECT_FALSE(t.federated.open);
    EXPECT_EQ(texts(t.federated.prefixes),
              (std::vector<std::string>{"198.51.100.0/24", "2001:db8:0:51::/64"}));
    EXPECT_TRUE(t.xmpp.declared);
    EXPECT_TRUE(t.xmpp.open);

    ASSERT_EQ(t.site_rules.size(), 1U);
    const auto& rule = t.site_rules[0];
    EXPECT_EQ(rule.name, "site-1");
    EXPECT_EQ(rule.action, policy::Action::allow);
    EXPECT_EQ(rule.from, Zone::corporate);
    EXPECT_EQ(rule.to, Zone::edge_internal);
    EXPECT_EQ(rule.transports, std::vector<Transport>{Transport::tcp});
    EXPECT_EQ(rule.ports, (std::vector<PortRange>{{3389, 3389}}));
    EXPECT_EQ(texts(rule.sources), std::vector<std::string>{"10.30.9.9"});
    EXPECT_TRUE(rule.destinations.empty());
    EXPECT_EQ(rule.reason, "administration of Edge nodes");
}

TEST(Samples, Lync2013SingleDirector) {
    const auto t = sample("lync-2013-single-director");
    EXPECT_TRUE(t.features.has(Feature::ocs2007_federation));
    EXPECT_TRUE(t.features.has(Feature::rcc));
    EXPECT_FALSE(t.features.has(Feature::xmpp));
    EXPECT_EQ(texts(t.clients), std::vector<std::string>{"10.40.0.0/16"});
    ASSERT_EQ(t.pools.size(), 3U);
    EXPECT_FALSE(t.pools[0].vip.any());
    EXPECT_EQ(t.pools[1].balancing, Balancing::dns);
    EXPECT_TRUE(t.pools[1].runs_mediation);
    EXPECT_EQ(t.pools[2].balancing, Balancing::hardware);
    EXPECT_TRUE(t.federated.open);
    EXPECT_FALSE(t.xmpp.declared);
    EXPECT_TRUE(t.site_rules.empty());
}

TEST(Samples, Lync2010Reference) {
    const auto t = sample("lync-2010-reference");
    EXPECT_EQ(t.release, Release::lync_2010);
    EXPECT_EQ(t.features, FeatureSet::defaults());
    EXPECT_EQ(texts(t.corporate),
              (std::vector<std::string>{"192.168.0.0/16", "192.168.10.0/24", "fd00:10::/64"}));
    expect_same(t.edge.access_vip, dual("131.107.155.110", "2001:db8:0:155::110"));
    EXPECT_EQ(t.interfaces.at(1).device, "dmz");
    EXPECT_EQ(t.interfaces.at(1).vlan, 10);
    EXPECT_EQ(t.interfaces.at(3).vlan, 20);
    ASSERT_EQ(t.edge.nodes.size(), 2U);
    expect_same(t.edge.nodes[0].av, dual("131.107.155.30", "2001:db8:0:155::30"));
    EXPECT_EQ(t.reverse_proxies.at(0).external.v4->to_string(), "10.45.16.40");
}

}  // namespace
}  // namespace portcullis::topology
