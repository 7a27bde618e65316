#include <gtest/gtest.h>

#include <functional>

#include "rules/policy/policy.h"
#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis::policy {
namespace {

using testing::ip;
using testing::net;
using testing::tiny_policy;

TEST(FindDefect, TheTinyPolicyIsSound) {
    EXPECT_EQ(find_defect(tiny_policy()), std::nullopt);
}

TEST(FindDefect, WhatIsJustRightIsSound) {
    const std::function<void(Policy&)> cases[] = {
        [](Policy& p) { p.interfaces[1].vlan = 4094; },
        [](Policy& p) { p.interfaces[0].mtu = 1280; },
        [](Policy& p) { p.interfaces[1].mtu = 68; },
        [](Policy& p) { p.services[1].nodes[0].weight = 1000; },
        [](Policy& p) { p.databases[2].width = kMaxWidth; },
        [](Policy& p) { p.databases[2].serialised.resize(kMaxDatabaseBytes); },
    };
    for (const auto& change : cases) {
        auto policy = tiny_policy();
        change(policy);
        EXPECT_EQ(find_defect(policy), std::nullopt);
    }
}

TEST(FindDefect, NamesEachDefect) {
    const std::pair<std::function<void(Policy&)>, std::string> cases[] = {
        {[](Policy& p) { p.settings.probe_fall = 0; }, "settings: a probe setting is 0"},
        {[](Policy& p) { p.settings.probe_rise = 0; }, "settings: a probe setting is 0"},
        {[](Policy& p) { p.settings.probe_interval_ms = 0; }, "settings: a probe setting is 0"},
        {[](Policy& p) { p.interfaces[0].name.clear(); }, "interface : has no name or no device"},
        {[](Policy& p) { p.interfaces[0].device.clear(); },
         "interface wan: has no name or no device"},
        {[](Policy& p) { p.interfaces[1].vlan = 4095; }, "interface dmz-x: VLAN beyond 4094"},
        {[](Policy& p) { p.interfaces[0].mtu = 1279; },
         "interface wan: MTU below the protocol's least"},
        {[](Policy& p) { p.interfaces[1].mtu = 67; },
         "interface dmz-x: MTU below the protocol's least"},
        {[](Policy& p) { std::swap(p.interfaces[1].answered[0], p.interfaces[1].answered[1]); },
         "interface dmz-x: answered addresses are not sorted"},
        {[](Policy& p) { p.interfaces[1].device = "wan"; }, "two interfaces on wan.0"},
        {[](Policy& p) { p.routes[0].interface = 4; }, "route 10.40.0.0/16: names no interface"},
        {[](Policy& p) { p.routes[0].gateway = ip("2001:db8::1"); },
         "route 10.40.0.0/16: gateway of another family"},
        {[](Policy& p) { std::swap(p.routes[0], p.routes[2]); },
         "routes are not longest prefix first"},
        {[](Policy& p) { std::swap(p.addresses.front(), p.addresses[13]); },
         "addresses are not longest prefix first"},
        {[](Policy& p) { p.addresses.insert(p.addresses.begin(), p.addresses[1]); },
         "address 192.0.2.1 has two classes"},
        {[](Policy& p) { p.services[1].transport = Transport::icmp; },
         "service av-3478/udp: ICMP has no service"},
        {[](Policy& p) { p.services[1].nodes[0].address = ip("2001:db8::1"); },
         "service av-3478/udp: a node of another family"},
        {[](Policy& p) { p.services[1].nodes[0].weight = 0; },
         "service av-3478/udp: a weight outside 1-1000"},
        {[](Policy& p) { p.services[1].nodes[0].weight = 1001; },
         "service av-3478/udp: a weight outside 1-1000"},
        {[](Policy& p) { p.services[1].nodes.clear(); }, "service av-3478/udp: has no node"},
        {[](Policy& p) { p.services[1].port = 0; }, "service av-3478/udp: has no port"},
        {[](Policy& p) { p.services[1].nat = NatKind::none; },
         "service av-3478/udp: translates nothing"},
        {[](Policy& p) { p.services[3].port = 1; }, "service sip-out: snat has node or port"},
        {[](Policy& p) { p.services[3].nodes = p.services[1].nodes; },
         "service sip-out: snat has node or port"},
        {[](Policy& p) { p.services[3].vip = ip("2001:db8::1"); },
         "rule sip-out disagrees with its service"},
        {[](Policy& p) { p.services[3].transport = Transport::udp; },
         "rule sip-out disagrees with its service"},
        {[](Policy& p) { p.rules[testing::kDirect].id.clear(); }, "rule  has no id"},
        {[](Policy& p) {
             auto& list = p.rules[testing::kDirect].destinations;
             std::swap(list[0], list[1]);
         },
         "rule av-direct has addresses out of order"},
        {[](Policy& p) { p.rules[testing::kDirect].sources = {net("2001:db8::/32")}; },
         "rule av-direct has an address of another family"},
        {[](Policy& p) { p.rules[testing::kDirect].action = Action::deny; },
         "rule av-direct denies, but is not a site rule"},
        {[](Policy& p) { p.rules[testing::kDirect].transport = Transport::icmp; },
         "rule av-direct opens ICMP, but is not a site rule"},
        {[](Policy& p) { p.rules[testing::kDirect].covers_own = true; },
         "rule av-direct opens all addresses of ours"},
        {[](Policy& p) { p.rules[testing::kDirect].service = 0; },
         "rule av-direct names a service without NAT"},
        {[](Policy& p) { p.rules[testing::kAccess].service = 4; },
         "rule access-443 names a service that does not exist"},
        {[](Policy& p) {
             p.rules[testing::kAccess].origin = Origin::site;
             p.rules[testing::kAccess].action = Action::deny;
         },
         "rule access-443 denies and translates"},
        {[](Policy& p) { p.rules[testing::kAccess].nat = NatKind::dnat; },
         "rule access-443 disagrees with its service"},
        {[](Policy& p) { p.rules[testing::kAccess].destination_ports.last = 444; },
         "rule access-443 opens something else than its service"},
        {[](Policy& p) { p.rules[testing::kDirect].id = "access-443"; },
         "two rules with the id access-443"},
        {[](Policy& p) { p.rules[testing::kAccess].conformance = 4; },
         "rule access-443 names a conformance that does not exist"},
        {[](Policy& p) { p.rules[testing::kSiteDeny].conformance = 0; },
         "rule site.quarantine denies and holds to a protocol"},
        {[](Policy& p) { p.rules[testing::kSitePing].conformance = 0; },
         "rule site.ping holds ICMP to a protocol"},
        {[](Policy& p) { p.rules[testing::kDirect].conformance = 0; },
         "rule av-direct disagrees with its conformance about the transport"},
        {[](Policy& p) { p.conformance[0].name.clear(); }, "conformance : has no name"},
        {[](Policy& p) { p.conformance[1].name = "access-443"; },
         "two conformances named access-443"},
        {[](Policy& p) { p.conformance[0].stream = false; },
         "conformance access-443: disagrees with its class about the transport"},
        {[](Policy& p) { p.conformance[2].protocol = ProtocolClass::media_udp; },
         "conformance sip-out: disagrees with its class about the transport"},
        {[](Policy& p) {
             p.conformance[2].protocol = ProtocolClass::logging;
             p.conformance[2].mode = ConformanceMode::enforce;
         },
         "conformance sip-out: enforces a class whose wire format is not public"},
        {[](Policy& p) { p.conformance[1].names = {"a.example.com"}; },
         "conformance av-3478: publishes names, but its class carries none"},
        {[](Policy& p) { p.conformance[1].missing_name = MissingName::refuse; },
         "conformance av-3478: asks for a name, but its class carries none"},
        {[](Policy& p) { std::swap(p.conformance[0].names[0], p.conformance[0].names[1]); },
         "conformance access-443: has names out of order"},
        {[](Policy& p) { p.conformance[0].names[1] = "sip.example.com."; },
         "conformance access-443: publishes sip.example.com., which is no host name"},
        {[](Policy& p) {
             p.conformance[0].names.clear();
             for (unsigned i = 0; i <= kMostNames; ++i)
                 p.conformance[0].names.push_back("h" + std::to_string(i));
         },
         "conformance access-443: publishes too many names"},
        {[](Policy& p) { p.conformance[0].database = 1; },
         "conformance access-443: has signatures of another class"},
        {[](Policy& p) { p.conformance[0].database = 3; },
         "conformance access-443: names signatures that do not exist"},
        {[](Policy& p) { p.conformance[3].database = kNoDatabase; },
         "conformance backup: has no signatures"},
        {[](Policy& p) { p.conformance[2].database = 0; },
         "conformance sip-out: has signatures, but is not looked at"},
        {[](Policy& p) { p.conformance.resize(kMostConformance + 1); },
         "conformance: too many services"},
        {[](Policy& p) { p.databases.resize(kMostDatabases + 1); }, "signatures: too many classes"},
        {[](Policy& p) { p.databases[0].name = "https"; },
         "signatures https: is not named after its class"},
        {[](Policy& p) { p.databases[2].name.clear(); }, "signatures : has no name"},
        {[](Policy& p) { p.databases[2].protocol = ProtocolClass::none; },
         "signatures backup: is of no class"},
        {[](Policy& p) { p.databases[2].name = "sip-tls"; },
         "two sets of signatures named sip-tls"},
        {[](Policy& p) { p.databases[2].width = 0; },
         "signatures backup: has a width outside 1-16384"},
        {[](Policy& p) { p.databases[2].width = kMaxWidth + 1; },
         "signatures backup: has a width outside 1-16384"},
        {[](Policy& p) { p.databases[2].serialised.clear(); }, "signatures backup: is empty"},
        {[](Policy& p) { p.databases[2].serialised.resize(kMaxDatabaseBytes + 1); },
         "signatures backup: is larger than 1 MiB"},
        {[](Policy& p) { p.witnesses[0].interface = 4; }, "a witness names no interface"},
        {[](Policy& p) { p.witnesses[0].rule = 99; }, "a witness names no rule"},
        {[](Policy& p) { p.witnesses[0].rule = kNoRule; }, "a witness allows by no rule"},
        {[](Policy& p) { p.witnesses[0].allow = false; }, "a witness contradicts its rule"},
    };
    for (const auto& [damage, expected] : cases) {
        auto policy = tiny_policy();
        damage(policy);
        EXPECT_EQ(find_defect(policy), expected);
    }
}

}  // namespace
}  // namespace portcullis::policy
