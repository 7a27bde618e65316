#include "rules/policy/match.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis::policy {
namespace {

using testing::ip;
using testing::net;

enum : std::uint32_t { kWan, kDmzX, kDmzI, kLan };

FirstPacket packet(std::uint32_t interface, Transport transport, std::string_view source,
                   std::uint16_t source_port, std::string_view destination,
                   std::uint16_t destination_port) {
    return {interface, transport, ip(source), ip(destination), source_port, destination_port};
}
FirstPacket tcp(std::uint32_t interface, std::string_view source, std::string_view destination,
                std::uint16_t destination_port, std::uint16_t source_port = 51000) {
    return packet(interface, Transport::tcp, source, source_port, destination, destination_port);
}
FirstPacket udp(std::uint32_t interface, std::string_view source, std::string_view destination,
                std::uint16_t destination_port, std::uint16_t source_port = 51000) {
    return packet(interface, Transport::udp, source, source_port, destination, destination_port);
}

class Match : public ::testing::Test {
  protected:
    void expect_denied(const FirstPacket& first, DenyReason reason,
                       std::uint32_t rule = kNoRule) const {
        const auto verdict = match(policy_, first);
        EXPECT_FALSE(verdict.allow);
        EXPECT_EQ(to_string(verdict.reason), to_string(reason));
        EXPECT_EQ(verdict.rule, rule);
        EXPECT_EQ(verdict.nat, NatKind::none);
    }
    Verdict expect_allowed(const FirstPacket& first, std::uint32_t rule, NatKind nat) const {
        const auto verdict = match(policy_, first);
        EXPECT_TRUE(verdict.allow);
        EXPECT_EQ(verdict.reason, DenyReason::none);
        EXPECT_EQ(verdict.rule, rule);
        EXPECT_EQ(verdict.nat, nat);
        return verdict;
    }
    Policy policy_ = testing::tiny_policy();
};

TEST_F(Match, ClassifyTakesTheLongestPrefix) {
    EXPECT_EQ(classify(policy_, ip("203.0.113.10")).kind, AddressKind::own);
    EXPECT_EQ(classify(policy_, ip("203.0.113.200")).zone, Zone::rp_external);
    EXPECT_EQ(classify(policy_, ip("203.0.113.201")).zone, Zone::edge_external);
    EXPECT_EQ(classify(policy_, ip("10.30.9.9")).zone, Zone::corporate);
    EXPECT_EQ(classify(policy_, ip("10.99.0.1")).kind, AddressKind::bogon);
    EXPECT_EQ(classify(policy_, ip("fd00::1")).kind, AddressKind::bogon);
    for (const char* outside : {"8.8.8.8", "2001:db8:7::1"}) {
        EXPECT_EQ(classify(policy_, ip(outside)).kind, AddressKind::member);
        EXPECT_EQ(classify(policy_, ip(outside)).zone, Zone::internet);
    }
}

TEST_F(Match, FullNatHidesTheSourceBehindTheVip) {
    const auto& t = expect_allowed(tcp(kWan, "198.51.100.25", "203.0.113.10", 443),
                                   testing::kAccess, NatKind::full)
                        .translated;
    EXPECT_EQ(t.source, ip("203.0.113.10"));
    EXPECT_EQ(t.source_port, std::nullopt);
    EXPECT_EQ(t.destination, std::nullopt);  // one of two
    EXPECT_EQ(t.destination_port, 443);
    EXPECT_EQ(t.candidates, (std::vector{ip("203.0.113.11"), ip("203.0.113.12")}));
}

TEST_F(Match, DnatKeepsTheSource) {
    const auto& t = expect_allowed(udp(kWan, "198.51.100.25", "203.0.113.30", 3478), testing::kAv,
                                   NatKind::dnat)
                        .translated;
    EXPECT_EQ(t.source, ip("198.51.100.25"));
    EXPECT_EQ(t.source_port, 51000);
    EXPECT_EQ(t.destination, std::nullopt);
    EXPECT_EQ(t.candidates, (std::vector{ip("203.0.113.31"), ip("203.0.113.32")}));
}

TEST_F(Match, OneNodeIsNoQuestion) {
    const auto& t = expect_allowed(tcp(kWan, "198.51.100.25", "203.0.113.40", 443),
                                   testing::kAvOneNode, NatKind::dnat)
                        .translated;
    EXPECT_EQ(t.destination, ip("203.0.113.31"));
    EXPECT_EQ(t.candidates, std::vector{ip("203.0.113.31")});
}

TEST_F(Match, SnatKeepsTheDestination) {
    const auto& t = expect_allowed(tcp(kDmzX, "203.0.113.11", "198.51.100.9", 5061),
                                   testing::kSipOut, NatKind::snat)
                        .translated;
    EXPECT_EQ(t.source, ip("203.0.113.10"));
    EXPECT_EQ(t.source_port, std::nullopt);
    EXPECT_EQ(t.destination, ip("198.51.100.9"));
    EXPECT_EQ(t.destination_port, 5061);
    EXPECT_TRUE(t.candidates.empty());
}

TEST_F(Match, WithoutNatTheTupleIsUntouched) {
    const auto& t = expect_allowed(udp(kWan, "198.51.100.25", "203.0.113.31", 50000),
                                   testing::kDirect, NatKind::none)
                        .translated;
    EXPECT_EQ(t.source, ip("198.51.100.25"));
    EXPECT_EQ(t.source_port, 51000);
    EXPECT_EQ(t.destination, ip("203.0.113.31"));
    EXPECT_EQ(t.destination_port, 50000);
    EXPECT_TRUE(t.candidates.empty());
}

TEST_F(Match, PortRangesIncludeBothEnds) {
    for (const auto port : std::array<std::uint16_t, 2>{50000, 59999})
        expect_allowed(udp(kWan, "198.51.100.25", "203.0.113.31", port), testing::kDirect,
                       NatKind::none);
    for (const auto port : std::array<std::uint16_t, 2>{49999, 60000})
        expect_denied(udp(kWan, "198.51.100.25", "203.0.113.31", port), DenyReason::no_rule);
    for (const auto port : std::array<std::uint16_t, 2>{50000, 59999})
        expect_allowed(tcp(kDmzX, "203.0.113.31", "8.8.8.8", 7, port), testing::kOutRange,
                       NatKind::none);
    for (const auto port : std::array<std::uint16_t, 2>{49999, 60000})
        expect_denied(tcp(kDmzX, "203.0.113.31", "8.8.8.8", 7, port), DenyReason::no_rule);
}

TEST_F(Match, TheTransportMustAgree) {
    expect_denied(udp(kWan, "198.51.100.25", "203.0.113.10", 443), DenyReason::no_rule);
    expect_allowed(packet(kLan, Transport::icmp, "10.30.1.1", 7, "10.20.0.11", 0),
                   testing::kSitePing, NatKind::none);
    expect_denied(packet(kWan, Transport::icmp, "198.51.100.25", 7, "203.0.113.31", 0),
                  DenyReason::no_rule);
}

TEST_F(Match, SiteDenyComesFirstAndReachesOwnAddresses) {
    expect_denied(tcp(kWan, "198.51.100.66", "203.0.113.10", 443), DenyReason::site_rule,
                  testing::kSiteDeny);
    expect_denied(tcp(kWan, "198.51.101.1", "203.0.113.99", 1), DenyReason::site_rule,
                  testing::kSiteDeny);
    policy_.rules[testing::kSiteDeny].covers_own = false;
    expect_allowed(tcp(kWan, "198.51.100.66", "203.0.113.10", 443), testing::kAccess,
                   NatKind::full);
    // By a prefix: ours only with covers_own.
    policy_.rules[testing::kSiteDeny].destinations = {net("203.0.113.0/28")};
    expect_allowed(tcp(kWan, "198.51.100.66", "203.0.113.10", 443), testing::kAccess,
                   NatKind::full);
    policy_.rules[testing::kSiteDeny].covers_own = true;
    expect_denied(tcp(kWan, "198.51.100.66", "203.0.113.10", 443), DenyReason::site_rule,
                  testing::kSiteDeny);
}

TEST_F(Match, EveryReasonOfAntiSpoofing) {
    // From the Internet: ours, perimeter, corporate, bogons.
    expect_denied(tcp(kWan, "203.0.113.10", "203.0.113.10", 443), DenyReason::own_source);
    expect_denied(tcp(kWan, "192.0.2.1", "203.0.113.10", 443), DenyReason::own_source);
    expect_denied(tcp(kWan, "203.0.113.11", "203.0.113.10", 443), DenyReason::spoofed_source);
    expect_denied(tcp(kWan, "10.30.1.1", "203.0.113.10", 443), DenyReason::spoofed_source);
    expect_denied(tcp(kWan, "10.99.0.1", "203.0.113.10", 443), DenyReason::bogon_source);
    expect_denied(tcp(kWan, "127.0.0.1", "203.0.113.10", 443), DenyReason::bogon_source);
    // Elsewhere whatever does not live there is spoofed, bogons too; an own address is ours
    // anywhere.
    expect_denied(tcp(kDmzX, "198.51.100.25", "203.0.113.10", 443), DenyReason::spoofed_source);
    expect_denied(tcp(kDmzX, "10.20.0.11", "8.8.8.8", 443), DenyReason::spoofed_source);
    expect_denied(tcp(kLan, "10.99.0.1", "10.20.0.11", 443), DenyReason::spoofed_source);
    expect_denied(tcp(kDmzX, "203.0.113.10", "8.8.8.8", 5061), DenyReason::own_source);
    // Both families must agree.
    expect_denied(tcp(kWan, "2001:db8:7::1", "203.0.113.10", 443), DenyReason::mixed_family);
}

TEST_F(Match, TwoZonesOfOneInterfaceBothPass) {
    EXPECT_EQ(match(policy_, tcp(kDmzX, "203.0.113.11", "8.8.8.8", 1)).from, Zone::edge_external);
    EXPECT_EQ(match(policy_, tcp(kDmzX, "203.0.113.200", "8.8.8.8", 1)).from, Zone::rp_external);
    // Each under the rules of its own zone.
    policy_.rules[testing::kOutRange].sources.clear();
    expect_allowed(tcp(kDmzX, "203.0.113.99", "8.8.8.8", 1), testing::kOutRange, NatKind::none);
    expect_denied(tcp(kDmzX, "203.0.113.200", "8.8.8.8", 1), DenyReason::no_rule);
}

TEST_F(Match, AnyIsTheZoneAndNothingElse) {
    // Of decision 2: not another leg, not our addresses, not a bogon.
    for (const char* other : {"10.30.1.1", "10.20.0.11", "192.0.2.1", "10.99.0.1", "224.0.0.1"})
        expect_denied(tcp(kDmzX, "203.0.113.31", other, 7), DenyReason::no_rule);
}

TEST_F(Match, APrefixThatHoldsOneOfOursDoesNotOpenIt) {
    expect_allowed(tcp(kDmzX, "203.0.113.11", "192.0.2.9", 5061), testing::kSipOut, NatKind::snat);
    expect_denied(tcp(kDmzX, "203.0.113.11", "192.0.2.1", 5061), DenyReason::no_rule);
}

TEST_F(Match, TheFirstRuleThatCoversDecides) {
    auto deny = policy_.rules[testing::kAccess];
    deny.action = Action::deny;
    deny.nat = NatKind::none;
    deny.service = kNoService;
    policy_.rules.insert(policy_.rules.begin() + testing::kAccess + 1, deny);
    expect_allowed(tcp(kWan, "198.51.100.25", "203.0.113.10", 443), testing::kAccess,
                   NatKind::full);
    std::swap(policy_.rules[testing::kAccess], policy_.rules[testing::kAccess + 1]);
    expect_denied(tcp(kWan, "198.51.100.25", "203.0.113.10", 443), DenyReason::site_rule,
                  testing::kAccess);
}

TEST_F(Match, Ipv6HasItsOwnRules) {
    const auto v6 = tcp(kWan, "2001:db8:7::1", "2001:db8:8::1", 25);
    expect_allowed(v6, testing::kPartnerV6, NatKind::none);
    expect_denied(tcp(kWan, "fd00::1", "2001:db8:8::1", 25), DenyReason::bogon_source);
    expect_denied(tcp(kWan, "198.51.100.1", "198.51.100.2", 25), DenyReason::no_rule);
}

TEST_F(Match, RoutesByTheLongestPrefix) {
    const auto via = [&](std::string_view destination) {
        const auto hop = route(policy_, ip(destination));
        return hop ? policy_.interfaces[hop->interface].name + " " + hop->address.to_string()
                   : "none";
    };
    EXPECT_EQ(via("10.30.7.7"), "lan 10.30.7.7");
    EXPECT_EQ(via("10.40.7.7"), "lan 10.30.0.254");
    EXPECT_EQ(via("198.51.100.1"), "wan 192.0.2.254");
    EXPECT_EQ(via("2001:db8:0:2::9"), "wan 2001:db8:0:2::9");
    EXPECT_EQ(via("2001:db8:9::9"), "wan 2001:db8:0:2::fe");
    policy_.routes = {{net("10.30.0.0/16"), ip("10.20.0.9"), 2}};
    EXPECT_EQ(via("10.30.7.7"), "lan 10.30.7.7");  // connected wins a tie
    policy_.routes = {{net("10.30.7.0/24"), ip("10.20.0.9"), 2}};
    EXPECT_EQ(via("10.30.7.7"), "dmz-i 10.20.0.9");
    EXPECT_EQ(via("198.51.100.1"), "none");
}

TEST(Names, AreTheSpellingOfFiles) {
    for (unsigned i = 0; i < kZoneCount; ++i) {
        const auto zone = static_cast<Zone>(i);
        EXPECT_EQ(parse_zone(to_string(zone)), zone);
    }
    EXPECT_EQ(to_string(Zone::edge_external), "edge-external");
    EXPECT_EQ(to_string(Zone::rp_internal), "rp-internal");
    EXPECT_EQ(parse_zone("edge_external"), std::nullopt);
    EXPECT_EQ(to_string(Transport::icmp), "icmp");
    EXPECT_EQ(to_string(NatKind::snat), "snat");
    EXPECT_EQ(to_string(DenyReason::spoofed_source), "spoofed-source");
    EXPECT_EQ(explain(DenyReason::no_rule), "nothing in the matrix opens this");
}

}  // namespace
}  // namespace portcullis::policy
