#include "rules/topology/zone_map.h"

#include <gtest/gtest.h>

namespace portcullis::topology {
namespace {

ZoneSet set(std::initializer_list<Zone> zones) {
    ZoneSet result;
    for (const auto zone : zones) result.add(zone);
    return result;
}
Interface interface(const char* address, unsigned length, ZoneSet zones) {
    Interface result;
    result.addresses = {{*IpAddress::parse(address), static_cast<std::uint8_t>(length)}};
    result.zones = zones;
    return result;
}

TEST(ZoneMap, TheLongestNetworkDecides) {
    Topology t;
    const auto shared = set({Zone::edge_internal, Zone::rp_internal});
    t.interfaces = {interface("192.0.2.1", 24, set({Zone::internet})),
                    interface("192.0.2.129", 28, set({Zone::edge_external})),
                    interface("10.20.0.1", 24, shared), interface("fd00:20::1", 64, shared)};
    t.corporate = {*Prefix::parse("10.0.0.0/8")};
    const ZoneMap zones(t);
    const auto of = [&](const char* text) { return zones.zones_of(*Prefix::parse(text)); };
    EXPECT_EQ(of("192.0.2.7"), set({Zone::internet}));
    EXPECT_EQ(of("192.0.2.130"), set({Zone::edge_external}));
    EXPECT_EQ(of("10.20.0.9"), shared);
    EXPECT_EQ(of("10.20.0.0/24"), shared);
    EXPECT_EQ(of("10.20.0.0/23"), set({Zone::corporate}));  // wider than the leg
    EXPECT_EQ(of("10.21.0.9"), set({Zone::corporate}));
    EXPECT_EQ(of("8.8.8.8"), set({Zone::internet}));
    EXPECT_EQ(of("0.0.0.0/0"), set({Zone::internet}));
    EXPECT_EQ(of("fd00:20::7"), shared);
    EXPECT_EQ(of("fd00:21::7"), set({Zone::internet}));
    EXPECT_EQ(of("::/0"), set({Zone::internet}));
    EXPECT_EQ(zone_names(of("10.20.0.9")), "edge-internal or rp-internal");
}

}  // namespace
}  // namespace portcullis::topology
