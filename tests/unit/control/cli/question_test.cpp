#include "control/cli/question.h"

#include <gtest/gtest.h>

#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis::control::cli {
namespace {

using policy::Transport;
using policy::Zone;
using policy::testing::ip;

Question tcp(Zone in, std::string_view source, std::string_view destination, std::uint16_t port) {
    return {in, Transport::tcp, ip(source), ip(destination), 51000, port};
}

class Answers : public ::testing::Test {
  protected:
    std::string json(const Question& question) const {
        const auto answered = answer(policy_, question);
        if (!answered) return answered.error();
        return to_json(policy_, answered->verdict).dump();
    }
    std::string egress(const Question& question) const {
        const auto answered = answer(policy_, question).value();
        if (!answered.egress) return "none";
        return policy_.interfaces[answered.egress->interface].name + " " +
               answered.egress->address.to_string();
    }
    policy::Policy policy_ = policy::testing::tiny_policy();
};

TEST_F(Answers, FullNatOverTwoNodes) {
    EXPECT_EQ(json(tcp(Zone::internet, "198.51.100.25", "203.0.113.10", 443)),
              R"({"verdict":"allow","nat":"full","translated":{"src":"203.0.113.10","sport":null,)"
              R"("dst":null,"dport":443,"candidates":["203.0.113.11","203.0.113.12"]},)"
              R"("rule":"access-443","rows":["2013-edge.row"],"reason":"because",)"
              R"("conformance":{"service":"access-443","class":"sip-tls","transport":"tcp",)"
              R"("mode":"enforce","names":["*.example.com","sip.example.com"],)"
              R"("missing_name":"refuse"}})");
}

TEST_F(Answers, DnatToOneNode) {
    EXPECT_EQ(
        json(tcp(Zone::internet, "198.51.100.25", "203.0.113.40", 443)),
        R"({"verdict":"allow","nat":"dnat","translated":{"src":"198.51.100.25","sport":51000,)"
        R"("dst":"203.0.113.31","dport":443,"candidates":["203.0.113.31"]},)"
        R"("rule":"av-443","rows":["2013-edge.row"],"reason":"because","conformance":null})");
}

TEST_F(Answers, DenialsSayWhy) {
    EXPECT_EQ(json(tcp(Zone::internet, "198.51.100.25", "203.0.113.10", 80)),
              R"({"verdict":"deny","nat":"none","translated":null,"rule":null,"rows":[],)"
              R"("reason":"no-rule: nothing in the matrix opens this","conformance":null})");
    EXPECT_EQ(json(tcp(Zone::internet, "198.51.100.66", "203.0.113.10", 443)),
              R"({"verdict":"deny","nat":"none","translated":null,"rule":"site.quarantine",)"
              R"("rows":[],"reason":"site-rule: because","conformance":null})");
}

TEST_F(Answers, AZoneOnNoInterfaceIsAnError) {
    EXPECT_EQ(json(tcp(Zone::rp_internal, "10.20.0.40", "10.30.1.1", 4443)),
              "no interface of this topology has the zone 'rp-internal'");
}

TEST_F(Answers, OfSeveralInterfacesTheOneThatHoldsTheSource) {
    // A second corporate interface; 10.40.0.0/16 is routed behind the first.
    auto second = policy_.interfaces[3];
    second.name = "lan2";
    second.addresses = {{ip("10.50.0.1"), 16}};
    policy_.interfaces.push_back(second);
    const auto ingress = [&](std::string_view source) {
        return policy_
            .interfaces[answer(policy_, tcp(Zone::corporate, source, "10.20.0.11", 1))->ingress]
            .name;
    };
    EXPECT_EQ(ingress("10.30.0.9"), "lan");
    EXPECT_EQ(ingress("10.40.0.9"), "lan");
    EXPECT_EQ(ingress("10.50.0.9"), "lan2");
    EXPECT_EQ(ingress("198.51.100.1"), "lan");  // behind none of them: the first
}

TEST_F(Answers, EgressFollowsTheTranslation) {
    EXPECT_EQ(egress(tcp(Zone::internet, "198.51.100.25", "203.0.113.40", 443)),
              "dmz-x 203.0.113.31");
    EXPECT_EQ(egress(tcp(Zone::edge_external, "203.0.113.11", "198.51.100.9", 5061)),
              "wan 192.0.2.254");
    EXPECT_EQ(egress(tcp(Zone::internet, "198.51.100.25", "203.0.113.10", 80)), "none");  // denied
}

TEST(ParseHost, ReadsMappedAddressesAsNobody) {
    EXPECT_EQ(parse_host("192.0.2.1"), ip("192.0.2.1"));
    EXPECT_EQ(parse_host("::ffff:10.1.2.3"), ip("::"));
    EXPECT_EQ(parse_host("::ffff:a01:203"), ip("::"));
    EXPECT_EQ(parse_host("example.org").error(), "'example.org' is no IP address");
}

TEST(ParseEndpoint, BothFamilies) {
    const auto parsed = [](std::string_view text, std::optional<std::uint16_t> port = {}) {
        const auto endpoint = parse_endpoint(text, port);
        return endpoint ? cli::endpoint(endpoint->address, endpoint->port) : endpoint.error();
    };
    EXPECT_EQ(parsed("192.0.2.1:443"), "192.0.2.1:443");
    EXPECT_EQ(parsed("[2001:db8::1]:443"), "[2001:db8::1]:443");
    EXPECT_EQ(parsed("192.0.2.1", 51000), "192.0.2.1:51000");
    EXPECT_EQ(parsed("2001:db8::1", 51000), "[2001:db8::1]:51000");
    EXPECT_EQ(parsed("[2001:db8::1]", 51000), "[2001:db8::1]:51000");
    EXPECT_EQ(parsed("192.0.2.1:0"), "192.0.2.1:0");
    EXPECT_EQ(parsed("192.0.2.1"), "'192.0.2.1': the port is missing");
    EXPECT_EQ(parsed("192.0.2.1:65536"), "'65536' is no port (0-65535)");
    EXPECT_EQ(parsed("192.0.2.1:-1"), "'-1' is no port (0-65535)");
    EXPECT_EQ(parsed("192.0.2.1:"), "'' is no port (0-65535)");
    EXPECT_EQ(parsed("192.0.2:443"), "'192.0.2' is no IP address");
    EXPECT_EQ(parsed("[2001:db8::1"), "a ']' is missing");
    EXPECT_EQ(parsed("[2001:db8::1]443"), "'[2001:db8::1]443': after ']' comes ':PORT'");
    EXPECT_EQ(parsed("2001:db8::1:443"),
              "'2001:db8::1:443': write an IPv6 address as [ADDRESS]:PORT");
}

}  // namespace
}  // namespace portcullis::control::cli
