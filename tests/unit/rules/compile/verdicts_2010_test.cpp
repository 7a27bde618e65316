// What SEMANTICS.md decides for Lync 2010, written from its text and asked of the compiled sample
// with the document's own addresses.
#include "tests/unit/rules/compile/samples.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::DenyReason;
using topology::Feature;

policy::Policy reference(const Change& change = {}) {
    return sample("lync-2010-reference", change);
}

TEST(Verdicts2010, ExternalVipsAndNodes) {
    const auto policy = reference();
    expect(policy, {
                       {"internet tcp 9.9.9.9 131.107.155.110 443", "full"},
                       {"internet tcp 9.9.9.9 131.107.155.110 5061", "full"},
                       {"internet tcp 9.9.9.9 131.107.155.120 443", "full"},
                       {"internet udp 9.9.9.9 131.107.155.130 3478", "dnat"},
                       {"internet tcp 9.9.9.9 131.107.155.130 443", "dnat"},
                       {"internet udp 9.9.9.9 131.107.155.30 3478", "none"},
                       {"internet tcp 9.9.9.9 131.107.155.31 443", "none"},
                       {"internet tcp 9.9.9.9 131.107.155.10 443", "deny"},
                       {"internet tcp 9.9.9.9 131.107.155.20 443", "deny"},
                       {"internet tcp 9.9.9.9 131.107.155.30 50000", "deny"},
                       {"internet tcp 9.9.9.9 131.107.155.130 50000", "deny"},
                   });
    // XMPP is a matter of 2013.
    expect(reference(with(Feature::xmpp)),
           {{"internet tcp 9.9.9.9 131.107.155.110 5269", "deny"},
            {"edge-external tcp 131.107.155.10 9.9.9.9 5269", "deny"}});
}

TEST(Verdicts2010, D5TheMediaRange) {
    const auto only = [](Feature feature) {
        return reference([=](auto& topology) {
            topology.features = {};
            topology.features.set(feature, true);
        });
    };
    const char* out = "edge-external tcp 131.107.155.30/50000 9.9.9.9 1234";
    EXPECT_EQ(answer(only(Feature::wlm), out), "none");
    EXPECT_EQ(answer(only(Feature::lync2010_federation), out), "none");
    EXPECT_EQ(answer(only(Feature::ocs2007r2_federation), out), "none");
    EXPECT_EQ(answer(only(Feature::federation), out), "deny");
    expect(only(Feature::ocs2007_federation),
           {{"edge-external tcp 131.107.155.30/59999 9.9.9.9 1234", "none"},
            {"edge-external udp 131.107.155.30/50000 9.9.9.9 1234", "none"},
            {"internet tcp 9.9.9.9 131.107.155.31 59999", "none"},
            {"internet udp 9.9.9.9 131.107.155.31 50000", "none"},
            {"internet udp 9.9.9.9 131.107.155.31 60000", "deny"},
            {"internet udp 9.9.9.9 131.107.155.130 50000", "deny"}});
}

TEST(Verdicts2010, D6And7Outbound) {
    const auto policy = reference();
    expect(policy, {
                       {"edge-external udp 131.107.155.30 9.9.9.9 3478", "none"},
                       {"edge-external tcp 131.107.155.30 9.9.9.9 443", "deny"},
                       {"edge-external tcp 131.107.155.10 9.9.9.9 5061", "none"},
                       {"edge-external tcp 131.107.155.20 9.9.9.9 5061", "deny"},
                       {"edge-external udp 131.107.155.10 9.9.9.9 53", "none"},
                       {"edge-external tcp 131.107.155.10 9.9.9.9 53", "deny"},
                       {"edge-external tcp 131.107.155.10 9.9.9.9 80", "none"},
                       {"edge-external tcp 131.107.155.30 9.9.9.9 80", "deny"},
                   });
    expect(reference(without(Feature::federation)),
           {{"edge-external tcp 131.107.155.10 9.9.9.9 5061", "deny"},
            {"internet tcp 9.9.9.9 131.107.155.110 5061", "full"}});  // hosted-exchange
    expect(reference([](auto& topology) {
               topology.features.set(Feature::federation, false);
               topology.features.set(Feature::hosted_exchange, false);
           }),
           {{"internet tcp 9.9.9.9 131.107.155.110 5061", "deny"}});
}

TEST(Verdicts2010, D11CorporateToEdgeInternal) {
    const auto policy = reference();
    expect(policy, {
                       {"corporate tcp 192.168.10.90 172.25.33.110 5061", "dnat"},
                       {"corporate tcp 192.168.10.190 172.25.33.110 5061", "deny"},
                       {"corporate tcp 192.168.20.5 172.25.33.110 5061", "deny"},
                       {"corporate tcp 192.168.10.90 172.25.33.10 5061", "deny"},
                       {"corporate tcp 192.168.10.91 172.25.33.110 5062", "dnat"},
                       {"corporate tcp 192.168.10.190 172.25.33.110 5062", "deny"},
                       {"corporate tcp 192.168.10.90 172.25.33.11 5062", "none"},
                       {"corporate tcp 192.168.10.190 172.25.33.11 5062", "deny"},
                       {"corporate tcp 192.168.20.5 172.25.33.10 8057", "none"},
                       {"corporate tcp 192.168.20.5 172.25.33.110 8057", "deny"},
                       {"corporate tcp 192.168.10.91 172.25.33.10 4443", "none"},
                       {"corporate tcp 192.168.10.190 172.25.33.10 4443", "deny"},
                       {"corporate tcp 192.168.20.5 172.25.33.10 4443", "deny"},
                       {"corporate udp 192.168.20.5 172.25.33.110 3478", "dnat"},
                       {"corporate tcp 192.168.20.5 172.25.33.110 443", "dnat"},
                       {"corporate udp 192.168.20.5 172.25.33.10 3478", "none"},
                       {"corporate tcp 192.168.20.5 172.25.33.11 443", "none"},
                   });
    expect_ports(policy, "corporate tcp 192.168.10.90 172.25.33.10", {23456, 50001, 50003}, "deny");
}

TEST(Verdicts2010, D12And13TowardCorporate) {
    const auto policy = reference();
    expect(policy, {
                       {"edge-internal tcp 172.25.33.10 192.168.10.90 5061", "none"},
                       {"edge-internal tcp 172.25.33.11 192.168.10.91 5061", "none"},
                       {"edge-internal tcp 172.25.33.10 192.168.10.190 5061", "deny"},
                       {"edge-internal tcp 172.25.33.10 192.168.20.5 443", "deny"},
                       {"rp-internal tcp 172.25.33.40 192.168.10.190 4443", "none"},
                       {"rp-internal tcp 172.25.33.40 192.168.10.190 8080", "none"},
                       {"rp-internal tcp 172.25.33.40 192.168.10.90 4443", "deny"},
                       {"edge-internal tcp 172.25.33.10 192.168.10.190 4443", "deny"},
                       {"rp-internal tcp 172.25.33.40 192.168.10.90 5061", "deny"},
                       {"internet tcp 9.9.9.9 10.45.16.40 443", "none"},
                       {"internet tcp 9.9.9.9 10.45.16.40 80", "none"},
                   });
    EXPECT_EQ(judge(policy, "edge-internal tcp 172.25.33.110 192.168.10.90 5061").reason,
              DenyReason::own_source);
}

TEST(Verdicts2010, D15NothingWithinCorporate) {
    auto topology = sample_topology("lync-2010-reference");
    topology.features = all_features();
    const auto policy = compiled(topology);
    expect_ports(policy, "corporate tcp 192.168.20.5 192.168.10.90", {80, 443, 5061, 444, 50001},
                 "deny");
    expect_ports(policy, "corporate tcp 192.168.20.5 192.168.10.190", {80, 443, 5061}, "deny");
    expect_ports(policy, "corporate tcp 192.168.10.90 192.168.10.91", {135, 444, 5061}, "deny");
    expect_ports(policy, "corporate udp 192.168.20.5 192.168.20.6", {5000, 50000}, "deny");
    expect_ports(policy, "corporate tcp 192.168.20.5 9.9.9.9", {80, 443}, "deny");
    for (const auto& rule : policy.rules)
        EXPECT_FALSE(rule.from == policy::Zone::corporate && rule.to == policy::Zone::corporate)
            << rule.id;
}

TEST(Verdicts2010, D17AvNodesAmongThemselves) {
    expect(reference(), {{"edge-external udp 131.107.155.30 131.107.155.31 3478", "none"},
                         {"edge-external tcp 131.107.155.31 131.107.155.30 443", "none"},
                         {"edge-external tcp 131.107.155.30 131.107.155.31 50000", "deny"},
                         {"edge-external tcp 131.107.155.30 131.107.155.130 443", "deny"}});
}

// The reverse proxy and the pool VIP have IPv4 addresses only.
TEST(Verdicts2010, D18NoAddressNoRule) {
    const auto policy = reference();
    expect(policy, {{"internet tcp 2620:fe::9 2001:db8:0:155::110 443", "full"},
                    {"corporate tcp fd00:10::90 fd00:33::110 5061", "dnat"}});
    for (const auto& rule : policy.rules) {
        if (rule.family == policy::Family::ipv4) continue;
        EXPECT_NE(rule.to, policy::Zone::rp_external) << rule.id;
        EXPECT_NE(rule.from, policy::Zone::rp_internal) << rule.id;
    }
}

}  // namespace
}  // namespace portcullis::compile
