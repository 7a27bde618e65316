// The forms that the format accepts, and what they mean.
#include "rules/topology/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "rules/topology/keys.h"

namespace portcullis::topology {
namespace {

const std::string kNetwork = R"(release: lync-2013
interfaces:
  wan: {device: wan, addresses: 192.0.2.1/24, zones: internet, gateway: 192.0.2.254}
  dmz: {device: dmz, vlan: 10, mtu: 9000, addresses: [203.0.113.1/25], zones: [edge-external, rp-external]}
  dmi: {device: dmz, vlan: 20, addresses: 10.20.0.1/24, zones: [edge-internal, rp-internal]}
  lan: {device: lan, addresses: [10.30.0.1/16, "fd00:30::1/64"], zones: corporate}
partners: {federated: open}
)";

Topology good(const std::string& more, const std::string& network = kNetwork) {
    auto loaded = load_text(network + more, "dir/site-a.yaml");
    if (loaded) return *std::move(loaded);
    for (const auto& d : loaded.error()) ADD_FAILURE() << d.to_string();
    return {};
}
std::vector<std::string> bad(const std::string& more, const std::string& network = kNetwork) {
    std::vector<std::string> messages;
    const auto loaded = load_text(network + more, "t.yaml");
    if (!loaded)
        for (const auto& d : loaded.error()) messages.push_back(d.message);
    return messages;
}
FeatureSet only(std::initializer_list<Feature> list) {
    FeatureSet set;
    for (const auto feature : list) set.set(feature, true);
    return set;
}

TEST(Load, DefaultsWhereNothingIsSaid) {
    const auto t = good("");
    EXPECT_EQ(t.name, "site-a");
    EXPECT_EQ(t.features, FeatureSet::defaults());
    EXPECT_EQ(t.interfaces.at(0).mtu, 1500);
    EXPECT_EQ(t.interfaces.at(1).mtu, 9000);
    EXPECT_EQ(t.settings, policy::Settings{});
    EXPECT_EQ(t.service_settings.av_udp_idle, 300U);
    EXPECT_TRUE(t.clients.empty()) << "a corporate host is not a client by default";
    ASSERT_EQ(t.corporate.size(), 2U);
    EXPECT_FALSE(t.xmpp.declared);
    EXPECT_TRUE(t.edge.nodes.empty());
}

TEST(Load, FeatureForms) {
    EXPECT_EQ(good("features: [federation, rcc]\n").features,
              only({Feature::federation, Feature::rcc}));
    EXPECT_EQ(good("features: rcc\n").features, only({Feature::rcc}));
    EXPECT_EQ(good("features: []\n").features, FeatureSet{});
    EXPECT_EQ(good("features: {defaults: false, wlm: yes}\n").features, only({Feature::wlm}));
    auto set = FeatureSet::defaults();
    set.set(Feature::e911, false);
    EXPECT_EQ(good("features: {e911: off}\n").features, set);
}

TEST(Load, PartnerForms) {
    EXPECT_TRUE(good("").federated.open);
    const std::string network = kNetwork.substr(0, kNetwork.find("partners"));
    const auto listed =
        good("partners: {federated: [198.51.100.0/24, 198.51.100.0/24, 192.0.2.9], xmpp: any}\n",
             network);
    EXPECT_FALSE(listed.federated.open);
    EXPECT_EQ(listed.federated.prefixes.size(), 2U);
    EXPECT_TRUE(listed.xmpp.open);
    EXPECT_EQ(good("partners: {federated: 198.51.100.7}\n", network).federated.prefixes.size(), 1U);
    EXPECT_EQ(bad("partners: {federated: []}\n", network).size(), 1U);
}

TEST(Load, ServerForms) {
    const auto t = good(R"(pools:
  one:  {role: front-end, servers: 10.30.1.1}
  pair: {role: front-end, servers: [[10.30.1.2, "fd00:30::2"], "fd00:30::3"]}
  named: {role: mediation, balancing: dns, servers: {med1: 10.30.1.4, med2: [10.30.1.5, "fd00:30::5"]}}
pstn-gateways: {gw: 10.30.6.1}
branch-appliances: 10.30.7.1
)");
    ASSERT_EQ(t.pools.size(), 3U);
    EXPECT_EQ(t.pools[0].servers.at(0).name, "10.30.1.1");
    ASSERT_EQ(t.pools[1].servers.size(), 2U);
    EXPECT_TRUE(t.pools[1].servers[0].address.v4 && t.pools[1].servers[0].address.v6);
    EXPECT_EQ(t.pools[1].servers[1].name, "fd00:30::3");
    ASSERT_EQ(t.pools[2].servers.size(), 2U);
    EXPECT_EQ(t.pools[2].servers[1].name, "med2");
    EXPECT_EQ(t.pools[2].balancing, Balancing::dns);
    EXPECT_EQ(t.pstn_gateways.at(0).name, "gw");
    EXPECT_EQ(t.branch_appliances.at(0).name, "10.30.7.1");
}

TEST(Load, ReverseProxyForms) {
    const std::string one = "{external: 203.0.113.40, internal: 10.20.0.40}";
    const std::string two = "{external: 203.0.113.41, internal: 10.20.0.41}";
    EXPECT_EQ(good("reverse-proxy: " + one + "\n").reverse_proxies.at(0).name, "reverse-proxy");
    const auto list = good("reverse-proxy: [" + one + ", " + two + "]\n").reverse_proxies;
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[1].name, "reverse-proxy-2");
    const auto map = good("reverse-proxy: {a: " + one + ", b: " + two + "}\n").reverse_proxies;
    ASSERT_EQ(map.size(), 2U);
    EXPECT_EQ(map[1].name, "b");
    EXPECT_EQ(map[1].internal.v4->to_string(), "10.20.0.41");
}

TEST(Load, EdgeWithoutBalancing) {
    const auto t = good(R"(edge:
  nodes:
    e1: {access: 203.0.113.11, web-conferencing: 203.0.113.21, av: 203.0.113.31, internal: 10.20.0.11, weight: 5}
)");
    EXPECT_FALSE(t.edge.access_vip.any());
    EXPECT_EQ(t.edge.nodes.at(0).weight, 5U);
}

TEST(Load, SettingsReachTheirPlaces) {
    const auto t = good(R"(service-settings:
  access-idle: 11
  web-conferencing-idle: 12
  av-tcp-idle: 13
  av-udp-idle: 14
  av-direct-idle: 15
  internal-sip-idle: 16
  internal-av-udp-idle: 17
  internal-av-tcp-idle: 18
  reverse-proxy-idle: 19
  tcp-idle: 20
  udp-idle: 21
  dns-idle: 22
  tcp-embryonic: 23
  tcp-closing: 24
  embryonic-per-source: 25
  embryonic-total: 26
  icmp-echo-per-second: 27
  icmp-error-per-second: 28
  probe-interval: 2.05
  probe-rise: 29
  probe-fall: 30
strict-bogons: true
)");
    const auto& s = t.service_settings;
    EXPECT_EQ(
        (std::vector<std::uint32_t>{s.access_idle, s.web_conferencing_idle, s.av_tcp_idle,
                                    s.av_udp_idle, s.av_direct_idle, s.internal_sip_idle,
                                    s.internal_av_udp_idle, s.internal_av_tcp_idle,
                                    s.reverse_proxy_idle, s.tcp_idle, s.udp_idle, s.dns_idle}),
        (std::vector<std::uint32_t>{11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}));
    const auto& p = t.settings;
    EXPECT_EQ((std::vector<std::uint32_t>{p.tcp_embryonic_seconds, p.tcp_closing_seconds,
                                          p.embryonic_per_source, p.embryonic_total,
                                          p.icmp_echo_per_second, p.icmp_error_per_second,
                                          p.probe_interval_ms, p.probe_rise, p.probe_fall}),
              (std::vector<std::uint32_t>{23, 24, 25, 26, 27, 28, 2050, 29, 30}));
    EXPECT_TRUE(p.strict_bogons);
}

TEST(Load, SiteRuleForms) {
    const auto rules = good(R"(site-rules:
  - allow: {from: corporate, to: edge-internal, tcp: [443, "50001-50003", 443], udp: ["50001-50003", 443], reason: both}
  - allow: {from: corporate, to: internet, icmp: true, name: ping, reason: echo}
  - deny: {from: internet, to: rp-external, sources: 198.51.100.0/24, reason: a bad network}
  - deny: {from: internet, to: edge-external, udp: any, destinations: [203.0.113.7], reason: udp}
)")
                           .site_rules;
    ASSERT_EQ(rules.size(), 4U);
    EXPECT_EQ(rules[0].transports, (std::vector<Transport>{Transport::tcp, Transport::udp}));
    EXPECT_EQ(rules[0].ports, (std::vector<PortRange>{{443, 443}, {50001, 50003}}));
    EXPECT_EQ(rules[1].name, "ping");
    EXPECT_EQ(rules[1].transports, std::vector<Transport>{Transport::icmp});
    EXPECT_EQ(rules[1].ports, std::vector<PortRange>{PortRange{}});
    EXPECT_EQ(rules[2].name, "site-3");
    EXPECT_EQ(rules[2].action, policy::Action::deny);
    EXPECT_EQ(rules[2].transports,
              (std::vector<Transport>{Transport::tcp, Transport::udp, Transport::icmp}));
    EXPECT_EQ(rules[2].sources.size(), 1U);
    EXPECT_EQ(rules[3].transports, std::vector<Transport>{Transport::udp});
    EXPECT_TRUE(rules[3].ports.at(0).is_any());
}

TEST(Load, AnchorsSpareRepetition) {
    const auto t = good(R"(site-rules:
  - allow: {from: corporate, to: edge-internal, tcp: &admin [22, 3389], reason: administration}
  - allow: {from: corporate, to: rp-internal, tcp: *admin, reason: administration}
)");
    EXPECT_EQ(t.site_rules.at(0).ports, t.site_rules.at(1).ports);
}

TEST(Load, APerimeterNetworkMayBePartOfTheInternetInterfaces) {
    const std::string network = R"(release: lync-2013
interfaces:
  wan: {device: wan, addresses: 198.51.100.1/24, zones: internet, gateway: 198.51.100.254}
  dmz: {device: dmz, addresses: 198.51.100.129/28, zones: edge-external}
)";
    EXPECT_EQ(good("", network).interfaces.size(), 2U);
    EXPECT_EQ(bad("  lan: {device: lan, addresses: 198.51.100.65/28, zones: corporate}\n", network)
                  .size(),
              1U);
}

TEST(Load, CheckFeaturesAnswersForSwitchedFeatures) {
    const std::string edge = R"(features: {federation: off}
edge:
  nodes:
    e1: {access: 203.0.113.11, web-conferencing: 203.0.113.21, av: 203.0.113.31, internal: 10.20.0.11}
)";
    auto t = good(edge, kNetwork.substr(0, kNetwork.find("partners")));
    EXPECT_TRUE(check_features(t, "t.yaml").empty());
    t.features.set(Feature::federation, true);
    const auto found = check_features(t, "t.yaml");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].where.line, 7);
    t.release = Release::lync_2010;  // there federation is open to Any
    EXPECT_TRUE(check_features(t, "t.yaml").empty());
}

TEST(Load, TwelveEdgeNodesAreTheMost) {
    std::string edge = "edge:\n  nodes:\n";
    const auto add = [&](int i) {
        const auto n = [&](int base) { return std::to_string(base + i); };
        edge += "    e" + n(0) + ": {access: 203.0.113." + n(10) +
                ", web-conferencing: 203.0.113." + n(30) + ", av: 203.0.113." + n(50) +
                ", internal: 10.20.0." + n(10) + "}\n";
    };
    for (int i = 1; i <= 12; ++i) add(i);
    EXPECT_EQ(good(edge).edge.nodes.size(), 12U);
    add(13);
    EXPECT_EQ(bad(edge).size(), 1U);
}

TEST(Load, TheReadmesExampleLoads) {
    std::ifstream stream(README);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const auto begin = text.find("```yaml\n") + 8;
    const auto t = good(text.substr(begin, text.find("```", begin) - begin), "");
    EXPECT_EQ(t.pools.size(), 3U);
    EXPECT_EQ(t.site_rules.size(), 3U);
    EXPECT_EQ(t.conformance.services.size(), 3U);
    // And every key has a word there.
    for (const auto& [definition, keys] : all_key_sets())
        for (const auto key : keys)
            EXPECT_NE(text.find("`" + std::string(key)), std::string::npos) << key;
}

// The most that the limits let through: what compares many with many must stay quick.
TEST(Load, AFileFullOfAddressesEndsInTime) {
    std::string text = "release: lync-2013\ninterfaces:\n";
    for (int i = 0; i < 256; ++i) {
        text += "  i" + std::to_string(i) + ": {device: d, zones: corporate, addresses: [";
        for (int j = 0; j < 16; ++j)
            text += "10." + std::to_string(i) + "." + std::to_string(j) + ".1/24,";
        text += "]}\n";
    }
    text += "networks:\n  corporate: [";
    for (int i = 0; i < 4096; ++i)
        text += "11." + std::to_string(i / 16) + "." + std::to_string(i % 16 * 16) + ".0/20,";
    text += "]\n  clients: [";
    for (int i = 0; i < 4096; ++i)
        text += "11." + std::to_string(i / 16) + "." + std::to_string(i % 16 * 16) + ".0/24,";
    text += "]\nroutes:\n";
    for (int i = 0; i < 4096; ++i)
        text += "- {to: 12." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                ".0/24, via: 10.7.7.9}\n";
    text += "pools:\n";
    for (int p = 0; text.size() < 1000000; ++p) {
        text += " p" + std::to_string(p) + ": {role: director, servers: [";
        for (int i = 1; i < 250; ++i)
            text += "11.0." + std::to_string(p) + "." + std::to_string(i) + ",";
        text += "]}\n";
    }
    const auto start = std::clock();
    const auto loaded = load_text(text, "large.yaml");
    EXPECT_LT(std::clock() - start, 60 * CLOCKS_PER_SEC);
    ASSERT_FALSE(loaded);  // one VLAN of one device, 256 times
    EXPECT_EQ(loaded.error().size(), 255U) << loaded.error().at(0).to_string();
}

TEST(Load, FilesThatCannotBeRead) {
    const auto message = [](const std::filesystem::path& file) {
        const auto loaded = load(file);
        return loaded ? "" : loaded.error().at(0).to_string();
    };
    EXPECT_EQ(message("/nonexistent/x.yaml"),
              "/nonexistent/x.yaml: there is no such file (check the path)");
    EXPECT_NE(message(SAMPLES_DIR).find("this is not a file"), std::string::npos);
    EXPECT_NE(message("/dev/zero").find("this is not a file"), std::string::npos);
    const auto large = std::filesystem::temp_directory_path() /
                       ("portcullis-large-" + std::to_string(::getpid()) + ".yaml");
    std::ofstream(large) << std::string(5 * 1024 * 1024, ' ');
    EXPECT_NE(message(large).find("larger than 4 MiB"), std::string::npos);
    std::filesystem::remove(large);
}

}  // namespace
}  // namespace portcullis::topology
