#include <gtest/gtest.h>

#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::AddressKind;
using policy::Zone;

struct Expected {
    std::string_view address;
    AddressKind kind;
    Zone zone;
};

void expect(const policy::Policy& policy, const std::vector<Expected>& all) {
    for (const auto& one : all) {
        const auto found = classify(policy, ip(one.address));
        EXPECT_EQ(found.kind, one.kind) << one.address;
        if (one.kind != AddressKind::bogon) {
            EXPECT_EQ(found.zone, one.zone) << one.address;
        }
    }
}

TEST(AddressClasses, TellOwnAddressesZonesAndBogonsApart) {
    expect(compile_ok(small_topology()),
           {
               {"203.0.113.10", AddressKind::own, Zone::edge_external},
               {"203.0.113.1", AddressKind::own, Zone::edge_external},
               {"10.20.0.10", AddressKind::own, Zone::edge_internal},
               {"2001:db8:0:113::30", AddressKind::own, Zone::edge_external},
               {"192.0.2.1", AddressKind::own, Zone::internet},
               {"10.30.0.1", AddressKind::own, Zone::corporate},
               {"203.0.113.11", AddressKind::member, Zone::edge_external},
               {"203.0.113.200", AddressKind::member, Zone::rp_external},
               {"10.20.0.11", AddressKind::member, Zone::edge_internal},
               {"10.40.9.9", AddressKind::member, Zone::corporate},
               {"fd00:30::1234", AddressKind::member, Zone::corporate},
               {"192.0.2.55", AddressKind::member, Zone::internet},
               {"9.9.9.9", AddressKind::member, Zone::internet},
               {"2001:db8:0:51::9", AddressKind::member, Zone::internet},
               {"10.99.0.1", AddressKind::bogon, Zone::internet},
               {"192.168.1.1", AddressKind::bogon, Zone::internet},
               {"172.31.255.255", AddressKind::bogon, Zone::internet},
               {"172.32.0.0", AddressKind::member, Zone::internet},
               {"127.0.0.1", AddressKind::bogon, Zone::internet},
               {"169.254.1.1", AddressKind::bogon, Zone::internet},
               {"224.0.0.1", AddressKind::bogon, Zone::internet},
               {"255.255.255.255", AddressKind::bogon, Zone::internet},
               {"0.1.2.3", AddressKind::bogon, Zone::internet},
               {"::1", AddressKind::bogon, Zone::internet},
               {"::", AddressKind::bogon, Zone::internet},
               {"fe80::1", AddressKind::bogon, Zone::internet},
               {"ff02::1", AddressKind::bogon, Zone::internet},
               {"fd99::1", AddressKind::bogon, Zone::internet},
           });
}

// Decision 17: two zones on one interface are told apart by the source address.
TEST(AddressClasses, AReverseProxyOnTheEdgesInterfaceKeepsItsOwnZone) {
    expect(compile_ok(small_topology()),
           {
               {"10.20.0.40", AddressKind::member, Zone::rp_internal},
               {"fd00:20::40", AddressKind::member, Zone::rp_internal},
               {"10.20.0.41", AddressKind::member, Zone::edge_internal},
           });
}

// Whom nobody declared, where two zones share an interface: the Internet's before the corporate ones,
// those before the Edge's, and a reverse proxy's last.
TEST(AddressClasses, UndeclaredHostsOfASharedInterfaceHaveOneZone) {
    constexpr Zone kOrder[] = {Zone::corporate, Zone::edge_external, Zone::edge_internal,
                               Zone::rp_external, Zone::rp_internal};
    for (const Zone* first = kOrder; first != std::end(kOrder); ++first)
        for (const Zone* second = first + 1; second != std::end(kOrder); ++second) {
            auto topology = small_topology();
            topology.interfaces[kLan].zones = {};
            topology.interfaces[kLan].zones.add(*second);
            topology.interfaces[kLan].zones.add(*first);
            topology.corporate.clear();
            expect(compile_ok(topology), {{"10.30.77.77", AddressKind::member, *first}});
        }
}

TEST(AddressClasses, StrictBogonsAddDocumentationPrefixesButNotOverDeclaredNetworks) {
    auto topology = small_topology();
    topology.settings.strict_bogons = true;
    expect(compile_ok(topology), {
                                     {"198.51.100.25", AddressKind::bogon, Zone::internet},
                                     {"192.0.2.55", AddressKind::bogon, Zone::internet},
                                     {"2001:db8:0:51::9", AddressKind::bogon, Zone::internet},
                                     {"198.18.0.1", AddressKind::bogon, Zone::internet},
                                     {"203.0.113.11", AddressKind::member, Zone::edge_external},
                                     {"9.9.9.9", AddressKind::member, Zone::internet},
                                 });
}

TEST(AddressClasses, ADeclaredNetworkHasNoPrivateHolesButKeepsTheOthers) {
    auto topology = small_topology();
    topology.corporate.push_back(net("172.0.0.0/8"));
    topology.corporate.push_back(net("192.168.0.0/16"));
    topology.corporate.push_back(net("168.0.0.0/7"));
    expect(compile_ok(topology), {
                                     {"172.16.0.5", AddressKind::member, Zone::corporate},
                                     {"192.168.3.4", AddressKind::member, Zone::corporate},
                                     {"169.254.3.4", AddressKind::bogon, Zone::internet},
                                     {"169.253.3.4", AddressKind::member, Zone::corporate},
                                 });
}

}  // namespace
}  // namespace portcullis::compile
