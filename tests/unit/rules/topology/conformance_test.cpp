// Section `conformance` and the classes of site rules: the forms that are accepted, and what they
// mean. What is refused is in bad/conformance.yaml.
#include <gtest/gtest.h>

#include <set>

#include "rules/topology/inspected_services.h"
#include "rules/topology/load.h"

namespace portcullis::topology {
namespace {

using policy::ConformanceMode;
using policy::MissingName;
using policy::ProtocolClass;
using Names = std::vector<std::string>;

Topology good(const std::string& more) {
    auto loaded = load_text(R"(release: lync-2013
interfaces:
  wan: {device: wan, addresses: 192.0.2.1/24, zones: internet, gateway: 192.0.2.254}
  lan: {device: lan, addresses: 10.30.0.1/16, zones: corporate}
)" + more,
                            "site.yaml");
    if (loaded) return *std::move(loaded);
    for (const auto& d : loaded.error()) ADD_FAILURE() << d.to_string();
    return {};
}

TEST(Conformance, IsWatchedWhereNothingIsSaid) {
    const auto& section = good("").conformance;
    EXPECT_EQ(section.mode, ConformanceMode::watch);
    EXPECT_TRUE(section.services.empty());
    EXPECT_TRUE(section.classes.empty());
}

TEST(Conformance, ServicesAreAModeOrAMap) {
    const auto section = good(R"(
conformance:
  default: enforce
  services:
    access-443: off
    reverse-proxy-443: {mode: enforce, names: [Web.Example.com, "*.example.com", web.example.com], missing-name: refuse}
    proxied-https: {names: pool.example.com}
    edge-logging: watch
)")
                             .conformance;
    EXPECT_EQ(section.mode, ConformanceMode::enforce);
    ASSERT_EQ(section.services.size(), 4U);
    EXPECT_EQ(section.services.at("access-443").mode, ConformanceMode::off);
    const auto& proxy = section.services.at("reverse-proxy-443");
    EXPECT_EQ(proxy.mode, ConformanceMode::enforce);
    EXPECT_EQ(proxy.names, (Names{"*.example.com", "web.example.com"}))
        << "lower case, sorted, once";
    EXPECT_EQ(proxy.missing_name, MissingName::refuse);
    EXPECT_EQ(proxy.where.line, 10);
    const auto& proxied = section.services.at("proxied-https");
    EXPECT_EQ(proxied.mode, std::nullopt) << "the default is the compiler's to apply";
    EXPECT_EQ(proxied.names, Names{"pool.example.com"});
    EXPECT_EQ(proxied.missing_name, MissingName::allow);
}

TEST(Conformance, SiteRulesNameBuiltInClassesAndTheirOwn) {
    // The section may stand behind the rules that use it.
    const auto topology = good(R"(
site-rules:
  - allow: {from: internet, to: corporate, tcp: 10000, class: backup, mode: enforce, reason: backups}
  - allow: {from: internet, to: corporate, tcp: 443, class: https, names: [b.example, a.example], missing-name: refuse, reason: web}
  - allow: {from: internet, to: corporate, udp: 53, class: dns-udp, reason: names}
  - allow: {from: internet, to: corporate, tcp: any, udp: any, class: none, reason: all}
  - allow: {from: internet, to: corporate, tcp: 22, reason: shell}
conformance:
  classes:
    tape:   {transport: udp, patterns: "^TAPE"}
    backup: {transport: tcp, patterns: ["^BKP1", '^BKP2\x00']}
)");
    ASSERT_EQ(topology.conformance.classes.size(), 2U);
    const auto& backup = topology.conformance.classes[1];
    EXPECT_EQ(backup.name, "backup");
    EXPECT_EQ(backup.transport, Transport::tcp);
    EXPECT_EQ(backup.patterns, (Names{"^BKP1", "^BKP2\\x00"}));
    ASSERT_EQ(backup.pattern_places.size(), 2U);
    EXPECT_EQ(backup.pattern_places[1].line, 15);
    EXPECT_EQ(topology.conformance.classes[0].transport, Transport::udp);

    const auto& rules = topology.site_rules;
    ASSERT_EQ(rules.size(), 5U);
    ASSERT_TRUE(rules[0].conformance);
    EXPECT_EQ(rules[0].conformance->protocol, ProtocolClass::custom);
    EXPECT_EQ(rules[0].conformance->custom, 1U);
    EXPECT_EQ(rules[0].conformance->how.mode, ConformanceMode::enforce);
    ASSERT_TRUE(rules[1].conformance);
    EXPECT_EQ(rules[1].conformance->protocol, ProtocolClass::https);
    EXPECT_EQ(rules[1].conformance->how.mode, std::nullopt);
    EXPECT_EQ(rules[1].conformance->how.names, (Names{"a.example", "b.example"}));
    EXPECT_EQ(rules[1].conformance->how.missing_name, MissingName::refuse);
    ASSERT_TRUE(rules[2].conformance);
    EXPECT_EQ(rules[2].conformance->protocol, ProtocolClass::dns_udp);
    ASSERT_TRUE(rules[3].conformance);
    EXPECT_EQ(rules[3].conformance->protocol, ProtocolClass::none);
    EXPECT_FALSE(rules[4].conformance);
}

TEST(Conformance, ServicesHaveNamesOfTheirOwnAndAClassEach) {
    std::set<std::string_view> names;
    for (const auto& service : inspected_services()) {
        EXPECT_TRUE(names.insert(service.name).second) << service.name;
        EXPECT_NE(service.protocol, ProtocolClass::none) << service.name;
        EXPECT_NE(service.protocol, ProtocolClass::custom) << service.name;
        EXPECT_FALSE(service.what.empty()) << service.name;
        EXPECT_EQ(find_inspected_service(service.name), &service);
    }
    EXPECT_EQ(inspected_service_words().size(), names.size());
    EXPECT_EQ(find_inspected_service("access"), nullptr);
}

}  // namespace
}  // namespace portcullis::topology
