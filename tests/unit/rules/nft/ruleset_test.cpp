// The text for a small policy. That nftables takes it, and means by it what we do, is held against
// the kernel in tests/e2e/nft_test.py.
#include "rules/nft/ruleset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis::nft {
namespace {

using namespace policy;
using policy::testing::net;
using policy::testing::tiny_policy;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The lines of one chain, without its braces and indentation.
std::vector<std::string> chain(const std::string& ruleset, const std::string& name) {
    std::istringstream lines(ruleset);
    std::vector<std::string> found;
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (line == "    chain " + name + " {")
            inside = true;
        else if (line == "    }")
            inside = false;
        else if (inside)
            found.push_back(line.substr(line.find_first_not_of(' ')));
    }
    return found;
}

TEST(Ruleset, IsTheSameEachTime) {
    EXPECT_EQ(write_ruleset(tiny_policy(), {}), write_ruleset(tiny_policy(), {}));
}

TEST(Ruleset, ReplacesItsTableAsAWhole) {
    EXPECT_THAT(write_ruleset(tiny_policy(), {}),
                HasSubstr("\ntable inet portcullis\ndelete table inet portcullis\n"
                          "table inet portcullis {\n"));
}

TEST(Ruleset, SourcesEnterByTheirOwnInterface) {
    const auto text = write_ruleset(tiny_policy(), {});
    EXPECT_THAT(chain(text, "in-dmz-x"),
                ElementsAre("ip saddr @own-v4 counter drop comment \"own-source\"",
                            "ip6 saddr @own-v6 counter drop comment \"own-source\"",
                            "ip saddr @edge-external-v4 goto from-edge-external",
                            "ip saddr @rp-external-v4 goto from-rp-external",
                            "counter drop comment \"spoofed-source\""));
    EXPECT_EQ(chain(text, "in-wan")[1], "ip saddr @bogon-v4 counter drop comment \"bogon-source\"");
}

TEST(Ruleset, RulesOfAPairOfZonesKeepTheirOrder) {
    const auto text = write_ruleset(tiny_policy(), {});
    const std::string quarantine =
        "ip saddr { 198.51.100.66, 198.51.101.0/24 } meta l4proto tcp counter drop comment "
        "\"site.quarantine\"";
    EXPECT_THAT(chain(text, "internet-to-own-edge-external"),
                ElementsAre(quarantine,
                            "ip daddr 203.0.113.10 tcp dport 443 ct timeout set \"tcp-1800-v4\" ct "
                            "mark set 1 counter accept comment \"access-443\"",
                            "ip daddr 203.0.113.30 udp dport 3478 ct timeout set \"udp-1800-v4\" "
                            "ct mark set 2 counter accept comment \"av-3478\"",
                            "ip daddr 203.0.113.40 tcp dport 443 ct timeout set \"tcp-1800-v4\" ct "
                            "mark set 3 counter accept comment \"av-443\""));
    EXPECT_THAT(chain(text, "internet-to-edge-external"),
                ElementsAre(quarantine,
                            "ip daddr { 203.0.113.31, 203.0.113.32 } udp dport 50000-59999 ct "
                            "timeout set \"udp-1800-v4\" counter accept comment \"av-direct\""));
}

TEST(Ruleset, SourcePortsEchoAndFamiliesAreMatched) {
    auto policy = tiny_policy();
    policy.rules[policy::testing::kSitePing].source_ports = {7, 9};
    const auto text = write_ruleset(policy, {});
    EXPECT_THAT(chain(text, "edge-external-to-internet").back(),
                HasSubstr("tcp sport 50000-59999 ct timeout"));
    EXPECT_THAT(chain(text, "corporate-to-edge-internal"),
                ElementsAre("icmp type echo-request icmp id 7-9 counter accept "
                            "comment \"site.ping\""));
    EXPECT_THAT(chain(text, "internet-to-internet"),
                ElementsAre("meta nfproto ipv6 tcp dport 25 ct timeout set \"tcp-1800-v6\" counter "
                            "accept comment \"partner-v6\""));
}

// An address of ours inside a partner's prefix stays closed; a prefix inside another is no second
// element.
TEST(Ruleset, WidePrefixesOpenNothingOfOurs) {
    auto policy = tiny_policy();
    auto& direct = policy.rules[policy::testing::kDirect];
    direct.destinations = {net("203.0.113.0/24"), net("203.0.113.31")};
    const auto text = write_ruleset(policy, {});
    EXPECT_THAT(chain(text, "internet-to-edge-external").back(),
                HasSubstr("ip daddr 203.0.113.0/24 udp dport"));
    for (const auto& line : chain(text, "internet-to-own-edge-external"))
        EXPECT_THAT(line, Not(HasSubstr("av-direct")));
}

TEST(Ruleset, ServicesAreTranslatedByTheirMark) {
    const auto text = write_ruleset(tiny_policy(), {});
    EXPECT_THAT(chain(text, "destination-nat"),
                ElementsAre("type nat hook prerouting priority dstnat; policy accept;",
                            "ct mark 1 dnat ip to jhash ip saddr mod 4 seed 0x706f7274 map { 0 : "
                            "203.0.113.12, 1-3 : 203.0.113.11 } comment \"access-443/tcp\"",
                            "ct mark 2 dnat ip to jhash ip saddr mod 2 seed 0x706f7274 map { 0 : "
                            "203.0.113.31, 1 : 203.0.113.32 } comment \"av-3478/udp\"",
                            "ct mark 3 dnat ip to 203.0.113.31 comment \"av-443/tcp\""));
    EXPECT_THAT(chain(text, "source-nat"),
                ElementsAre("type nat hook postrouting priority srcnat; policy accept;",
                            "ct mark 1 meta l4proto tcp snat ip to 203.0.113.10:1024-65535 comment "
                            "\"access-443/tcp\"",
                            "ct mark 4 meta l4proto tcp snat ip to 203.0.113.10:1024-65535 comment "
                            "\"sip-out\""));
}

TEST(Ruleset, WeightsAreWrittenWithoutTheirCommonDivisor) {
    auto policy = tiny_policy();
    policy.services[0].nodes[0].weight = 500;
    policy.services[0].nodes[1].weight = 1000;
    EXPECT_THAT(chain(write_ruleset(policy, {}), "destination-nat")[1],
                HasSubstr("mod 3 seed 0x706f7274 map { 0 : 203.0.113.12, 1-2 : 203.0.113.11 }"));
}

TEST(Ruleset, DevicesHaveTheirNetdevs) {
    auto policy = tiny_policy();
    policy.interfaces[1].vlan = 10;
    const auto text = write_ruleset(policy, {{"wan", "eth0"}, {"dmz-x", "eth1"}});
    EXPECT_THAT(chain(text, "prerouting").back(),
                "iifname vmap { \"eth0\" : goto in-wan, \"eth1.10\" : goto in-dmz-x, \"dmz-i\" : "
                "goto in-dmz-i, \"lan\" : goto in-lan }");
    EXPECT_THAT(text, AllOf(HasSubstr("#$ ip address replace 203.0.113.10/32 dev eth1.10\n"),
                            HasSubstr("#$ ip route replace 10.40.0.0/16 via 10.30.0.254 dev lan\n"),
                            Not(HasSubstr("dev wan\n"))));
}

// On the Internet's interface we answer for perimeter hosts too, which are no addresses of ours.
TEST(Ruleset, AddressesOfOthersAreProxied) {
    auto policy = tiny_policy();
    policy.interfaces[0].answered.push_back(policy::testing::ip("203.0.113.31"));
    EXPECT_THAT(write_ruleset(policy, {}),
                HasSubstr("#$ ip neighbour replace proxy 203.0.113.31 dev wan\n"));
}

TEST(Ruleset, SettingsBecomeLimitsAndTimes) {
    auto policy = tiny_policy();
    policy.settings.icmp_echo_per_second = 7;
    policy.settings.tcp_embryonic_seconds = 11;
    policy.settings.tcp_closing_seconds = 13;
    const auto text = write_ruleset(policy, {});
    EXPECT_THAT(text, AllOf(HasSubstr("icmp type echo-request limit rate 7/second accept"),
                            HasSubstr("syn_sent : 11, syn_recv : 11, established : 1800"),
                            HasSubstr("time_wait : 13")));
}

}  // namespace
}  // namespace portcullis::nft
