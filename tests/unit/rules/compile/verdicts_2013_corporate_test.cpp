// What SEMANTICS.md decides for Lync 2013 between the Edge, the reverse proxy and the corporate
// network, written from its text and asked of the compiled samples. The numbers are those of the
// decisions.
#include <algorithm>

#include "tests/unit/rules/compile/samples.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using topology::Feature;

policy::Policy scaled(const Change& change = {}) {
    return sample("lync-2013-scaled-hlb", change);
}
policy::Policy single(const Change& change = {}) {
    return sample("lync-2013-single-director", change);
}

TEST(Verdicts2013, D10And11CorporateToEdgeInternal) {
    const auto policy = scaled();
    // 5061: the VIP, from Directors, Front Ends and their VIPs.
    for (const auto* source :
         {"10.30.1.10", "10.30.1.11", "10.30.1.12", "10.30.2.10", "10.30.2.11", "10.30.2.12"}) {
        const auto from = std::string("corporate tcp ").append(source);
        EXPECT_EQ(answer(policy, from + " 10.20.0.10 5061"), "dnat") << source;
        EXPECT_EQ(answer(policy, from + " 10.20.0.11 5061"), "deny") << source;
        EXPECT_EQ(answer(policy, from + " 10.20.0.11 8057"), "none") << source;
        EXPECT_EQ(answer(policy, from + " 10.20.0.10 8057"), "deny") << source;
    }
    expect(policy, {
                       {"corporate tcp 10.40.1.1 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.3.11 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.7.11 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 5062", "dnat"},
                       {"corporate tcp 10.30.2.10 10.20.0.10 5062", "dnat"},
                       {"corporate tcp 10.30.7.11 10.20.0.10 5062", "dnat"},
                       {"corporate tcp 10.30.1.11 10.20.0.10 5062", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.11 5062", "deny"},
                       {"corporate tcp 10.40.1.1 10.20.0.11 8057", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.11 4443", "none"},
                       {"corporate tcp 10.30.2.10 10.20.0.12 4443", "none"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 4443", "deny"},
                       {"corporate tcp 10.30.1.11 10.20.0.11 4443", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.11 23456", "none"},
                       {"corporate tcp 10.30.2.10 10.20.0.11 23456", "none"},
                       {"corporate tcp 10.30.1.11 10.20.0.11 23456", "deny"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 23456", "deny"},
                       {"corporate udp 10.40.1.1 10.20.0.10 3478", "dnat"},
                       {"corporate udp 10.40.1.1 10.20.0.11 3478", "none"},
                       {"corporate tcp 10.40.1.1 10.20.0.10 3478", "deny"},
                       {"corporate udp 10.40.1.1 10.20.0.10 443", "deny"},
                   });
    expect_ports(policy, "corporate tcp 10.40.1.1 10.20.0.12", {50001, 50002, 50003}, "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.20.0.12", {50000, 50004}, "deny");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.20.0.10", {50001, 50002, 50003}, "deny");
    // Only the pool that holds the store replicates to the Edge.
    expect(single(), {{"corporate tcp 10.30.8.11 10.20.0.11 4443", "deny"},
                      {"corporate tcp 10.30.2.11 10.20.0.11 23456", "deny"}});
    expect(scaled(without(Feature::cls_logging)),
           {{"corporate tcp 10.40.1.1 10.20.0.12 50002", "deny"}});
    const auto verdict = judge(policy, "corporate tcp 10.30.2.11/1111 10.20.0.10 5061");
    EXPECT_EQ(verdict.translated.source, policy::IpAddress::parse("10.30.2.11"));
    EXPECT_EQ(verdict.translated.source_port, 1111);
}

TEST(Verdicts2013, D12EdgeInternalToCorporate) {
    const auto policy = scaled();
    for (const auto* to :
         {"10.30.1.10", "10.30.1.11", "10.30.1.12", "10.30.2.10", "10.30.2.11", "10.30.2.12"})
        expect_ports(policy, std::string("edge-internal tcp 10.20.0.11 ").append(to), {5061},
                     "none");
    expect(policy, {
                       {"edge-internal tcp 10.20.0.11 10.30.3.11 5061", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.40.1.1 5061", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.30.2.11 443", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.40.1.1 443", "deny"},
                       {"edge-internal udp 10.20.0.11 10.30.2.11 1434", "deny"},
                       {"edge-internal tcp 10.20.0.99 10.30.2.11 5061", "deny"},
                       {"edge-external tcp 203.0.113.11 10.30.2.11 5061", "deny"},
                   });
}

TEST(Verdicts2013, D13ReverseProxy) {
    const auto policy = scaled();
    expect(policy, {{"internet tcp 9.9.9.9 203.0.113.200 443", "none"},
                    {"internet tcp 9.9.9.9 203.0.113.200 80", "none"},
                    {"internet tcp 9.9.9.9 203.0.113.200 4443", "deny"},
                    {"internet tcp 9.9.9.9 203.0.113.201 443", "deny"},
                    {"rp-external tcp 203.0.113.200 9.9.9.9 443", "deny"},
                    {"rp-external tcp 203.0.113.200 10.30.2.10 4443", "deny"}});
    for (const unsigned port : {4443U, 8080U}) {
        const auto text = std::to_string(port);
        const std::string from = "rp-internal tcp 10.20.0.40 ";
        EXPECT_EQ(answer(policy, from + "10.30.1.10 " + text), "none");
        EXPECT_EQ(answer(policy, from + "10.30.2.10 " + text), "none");
        // Never to a single server behind a balancer.
        for (const auto* server : {"10.30.1.11", "10.30.1.12", "10.30.2.11", "10.30.2.12"})
            EXPECT_EQ(answer(policy, from + server + " " + text), "deny") << server;
        // A single Director and a pool without a VIP are reached at their hosts.
        const std::string other = "rp-internal tcp 10.21.0.40 ";
        const auto alone = single();
        EXPECT_EQ(answer(alone, other + "10.30.1.11 " + text), "none");
        EXPECT_EQ(answer(alone, other + "10.30.8.11 " + text), "none");
        EXPECT_EQ(answer(alone, other + "10.30.2.10 " + text), "none");
        EXPECT_EQ(answer(alone, other + "10.30.2.11 " + text), "deny");
    }
    expect_ports(policy, "rp-internal tcp 10.20.0.40 10.30.2.10", {443, 80, 5061, 444}, "deny");
    expect(scaled(without(Feature::mobility_http)),
           {{"internet tcp 9.9.9.9 203.0.113.200 80", "none"},  // rp-http-redirect
            {"rp-internal tcp 10.20.0.40 10.30.2.10 8080", "deny"}});
    expect(scaled([](auto& topology) {
               topology.features.set(Feature::mobility_http, false);
               topology.features.set(Feature::rp_http_redirect, false);
           }),
           {{"internet tcp 9.9.9.9 203.0.113.200 80", "deny"},
            {"internet tcp 9.9.9.9 203.0.113.200 443", "none"}});
}

TEST(Verdicts2013, D14Directors) {
    const auto pooled = scaled();
    expect_ports(pooled, "corporate tcp 10.40.1.1 10.30.1.10", {80, 443, 5061}, "none");
    expect_ports(pooled, "corporate tcp 10.40.1.1 10.30.1.11", {80, 443, 5061}, "deny");
    const auto alone = single();
    expect_ports(alone, "corporate tcp 10.40.1.1 10.30.1.11", {80, 443, 5061}, "none");
    expect(pooled, {
                       {"corporate tcp 10.30.2.11 10.30.1.10 5061", "none"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 5061", "none"},
                       {"corporate tcp 10.30.1.11 10.30.2.11 444", "none"},
                       {"corporate tcp 10.30.1.11 10.30.2.10 444", "none"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 444", "none"},
                       {"corporate tcp 10.30.2.11 10.30.1.10 444", "none"},
                       {"corporate tcp 10.30.1.10 10.30.2.11 444", "deny"},
                       {"corporate tcp 10.30.2.10 10.30.1.11 444", "deny"},
                       {"corporate tcp 10.40.1.1 10.30.1.11 50001", "none"},
                       {"corporate tcp 10.40.1.1 10.30.1.12 50003", "none"},
                       {"corporate tcp 10.40.1.1 10.30.1.10 50001", "deny"},
                       {"corporate udp 10.40.1.1 10.30.1.11 49152", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 55000", "deny"},
                       {"corporate udp 10.30.2.11 10.30.1.11 1434", "none"},
                   });
}

TEST(Verdicts2013, AFeatureThatIsOffLeavesNoRuleBehind) {
    const auto policy = scaled(without(Feature::director));
    expect(policy, {
                       {"corporate tcp 10.40.1.1 10.30.1.10 443", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.30.1.10 5061", "deny"},
                       {"edge-internal tcp 10.20.0.11 10.30.1.11 5061", "deny"},
                       {"corporate tcp 10.30.1.11 10.20.0.10 5061", "deny"},
                       {"corporate tcp 10.30.1.10 10.20.0.11 8057", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.1.11 444", "deny"},
                       {"corporate tcp 10.40.1.1 10.30.1.11 50001", "deny"},
                       {"rp-internal tcp 10.20.0.40 10.30.1.10 4443", "deny"},
                       // Generic server rows stay, and so do those of the Front Ends.
                       {"corporate udp 10.30.2.11 10.30.1.11 1434", "none"},
                       {"corporate tcp 10.30.2.11 10.20.0.10 5061", "dnat"},
                       {"edge-internal tcp 10.20.0.11 10.30.2.11 5061", "none"},
                   });
    // With every feature off no rule asks for one.
    const auto bare = scaled([](auto& topology) { topology.features = {}; });
    for (const auto& rule : bare.rules)
        for (const auto& id : rule.rows) {
            const auto* row = matrix::find(id);
            ASSERT_NE(row, nullptr) << id;
            EXPECT_TRUE(std::any_of(row->openings.begin(), row->openings.end(),
                                    [](const auto& opening) {
                                        return opening.any_of.empty() && opening.all_of.empty();
                                    }))
                << id;
        }
}

TEST(Verdicts2013, D15CorporateToCorporate) {
    const auto policy = scaled();
    // Clients.
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.11",
                 {80, 443, 5061, 8057, 8058, 5065, 49152, 57500, 57501, 65535}, "none");
    expect_ports(policy, "corporate udp 10.40.1.1 10.30.2.11", {49152, 57500, 57501, 65535},
                 "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.10", {80, 443, 5061}, "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.10", {8057, 444, 135}, "deny");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.30.2.11", {444, 135, 445, 5060, 49151, 5063},
                 "deny");
    expect_ports(policy, "corporate udp 10.40.1.1 10.30.3.11", {49152, 57500}, "none");
    expect_ports(policy, "corporate udp 10.40.1.1 10.30.3.11", {49151, 57501, 65535}, "deny");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.40.1.2", {1024, 6891, 6901, 65535}, "none");
    expect_ports(policy, "corporate udp 10.40.1.1 10.40.1.2", {1024, 65535}, "none");
    expect_ports(policy, "corporate tcp 10.40.1.1 10.40.1.2", {1023, 445}, "deny");
    // A corporate host that is neither client nor server.
    expect_ports(policy, "corporate tcp 10.30.9.9 10.30.2.11", {443, 5061, 444}, "deny");
    // Servers.
    expect_ports(policy, "corporate tcp 10.30.3.11 10.30.2.11",
                 {135, 444, 445, 5061, 5062, 5063, 8060, 8061, 5086, 5064, 5072, 5075, 5071, 8404,
                  5066, 5080, 448, 4443},
                 "none");
    expect_ports(policy, "corporate tcp 10.30.3.11 10.30.2.11", {5060, 22, 1433}, "deny");
    expect(policy, {
                       {"corporate udp 10.30.2.11 10.30.4.11 1434", "none"},
                       {"corporate udp 10.40.1.1 10.30.4.11 1434", "deny"},
                       {"corporate tcp 10.30.6.11 10.30.3.11 5067", "none"},
                       {"corporate tcp 10.30.6.11 10.30.3.11 5068", "none"},
                       {"corporate tcp 10.30.6.11 10.30.3.11 5070", "deny"},
                       {"corporate tcp 10.30.3.11 10.30.6.11 5081", "none"},
                       {"corporate tcp 10.30.3.11 10.30.6.11 5082", "none"},
                       {"corporate tcp 10.30.3.11 10.30.6.11 5067", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.3.11 5070", "none"},
                       {"corporate tcp 10.30.1.11 10.30.3.11 5070", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.4.11 443", "none"},
                       {"corporate tcp 10.40.1.1 10.30.4.11 443", "deny"},
                       {"corporate tcp 10.30.2.11 10.30.5.11 443", "none"},
                       {"corporate tcp 10.30.2.11 10.30.5.11 881", "none"},
                       {"corporate tcp 10.30.2.11 10.30.5.11 5041", "none"},
                       {"corporate tcp 10.30.7.11 10.30.2.11 444", "none"},
                   });
    // 445 is for the servers of the store's pool; 5060 wants rcc, which this sample has on.
    const auto other = single();
    expect(other, {{"corporate tcp 10.30.2.12 10.30.2.11 445", "none"},
                   {"corporate tcp 10.30.2.11 10.30.8.11 445", "deny"},
                   {"corporate tcp 10.30.8.11 10.30.2.11 5060", "none"},
                   {"corporate tcp 10.40.1.1 10.30.2.11 5060", "deny"}});
}

TEST(Verdicts2013, D15MediationByFeature) {
    const auto policy = scaled(without(Feature::mediation));
    expect(policy, {{"corporate tcp 10.30.6.11 10.30.3.11 5067", "deny"},
                    {"corporate tcp 10.30.3.11 10.30.6.11 5081", "deny"},
                    {"corporate udp 10.40.1.1 10.30.3.11 49152", "deny"},
                    {"corporate udp 10.40.1.1 10.30.2.11 49152", "none"}});
}

}  // namespace
}  // namespace portcullis::compile
