#include "dataplane/stages/readmit.h"

#include <gtest/gtest.h>

#include "tests/support/hand_made_policy.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using policy::NatKind;
using policy::Policy;
using policy::Rule;
using test::ip;

// small_policy(): rule 0 = Access VIP 203.0.113.10:443 by full NAT, rule 2 = A/V VIP
// 203.0.113.30:3478 by destination NAT, rule 3 = no NAT.
struct Case {
    Policy policy = ::portcullis::test::small_policy();
    Session session;

    explicit Case(NatKind nat) {
        session.nat = nat;
        FlowKey& outer = session.key[0];
        FlowKey& inner = session.key[1];
        outer.source = ip("198.51.100.25");
        outer.source_port = 40000;
        outer.protocol = inner.protocol = nat == NatKind::dnat ? 17 : 6;
        inner.destination = outer.source;
        inner.destination_port = outer.source_port;
        switch (nat) {
            case NatKind::full:
                outer.destination = inner.destination = ip("203.0.113.10");
                outer.destination_port = inner.source_port = 443;
                inner.source = ip("203.0.113.11");
                inner.destination_port = 20000;
                break;
            case NatKind::dnat:
                outer.destination = ip("203.0.113.30");
                outer.destination_port = inner.source_port = 3478;
                inner.source = ip("203.0.113.31");
                break;
            case NatKind::snat: {
                outer.source = ip("203.0.113.11");
                outer.destination = inner.source = ip("198.51.100.25");
                outer.destination_port = inner.source_port = 5061;
                inner.destination = ip("203.0.113.10");
                inner.destination_port = 20000;
                policy::Service service;
                service.name = "access-snat";
                service.vip = ip("203.0.113.10");
                service.nat = NatKind::snat;
                policy.services.push_back(service);
                Rule rule = policy.rules[4];
                rule.nat = NatKind::snat;
                rule.service = static_cast<std::uint32_t>(policy.services.size() - 1);
                policy.rules.push_back(rule);
                break;
            }
            case NatKind::none:
                outer.destination = inner.source = ip("203.0.113.31");
                outer.destination_port = inner.source_port = 50001;
                break;
        }
    }
    Rule& rule() {
        switch (session.nat) {
            case NatKind::full:
                return policy.rules[0];
            case NatKind::dnat:
                return policy.rules[2];
            case NatKind::snat:
                return policy.rules.back();
            case NatKind::none:
                break;
        }
        return policy.rules[3];
    }
    policy::Service& service() { return policy.services[rule().service]; }
    bool valid() { return binding_is_valid(session, rule(), policy); }
};

TEST(Readmit, AnUnchangedPolicyKeepsEveryBinding) {
    for (const NatKind nat : {NatKind::none, NatKind::dnat, NatKind::full, NatKind::snat})
        EXPECT_TRUE(Case(nat).valid()) << policy::to_string(nat);
}

TEST(Readmit, AnotherNatKindIsAnotherBinding) {
    for (const NatKind was : {NatKind::none, NatKind::dnat, NatKind::full, NatKind::snat}) {
        for (const NatKind now : {NatKind::none, NatKind::dnat, NatKind::full, NatKind::snat}) {
            if (was == now) continue;
            Case given(was);
            given.rule().nat = now;
            EXPECT_FALSE(given.valid());
        }
    }
}

TEST(Readmit, TheNodeMustStillServe) {
    for (const NatKind nat : {NatKind::dnat, NatKind::full}) {
        Case given(nat);
        given.service().nodes.erase(given.service().nodes.begin());
        EXPECT_FALSE(given.valid());
        // Which other nodes there are does not matter.
        Case other(nat);
        other.service().nodes.pop_back();
        EXPECT_TRUE(other.valid());
    }
}

TEST(Readmit, TheVipAndItsPortMustBeTheSame) {
    for (const NatKind nat : {NatKind::dnat, NatKind::full, NatKind::snat}) {
        Case given(nat);
        given.service().vip = ip("203.0.113.99");
        EXPECT_FALSE(given.valid()) << policy::to_string(nat);
    }
    for (const NatKind nat : {NatKind::dnat, NatKind::full}) {
        Case given(nat);
        given.service().port = 444;
        EXPECT_FALSE(given.valid()) << policy::to_string(nat);
    }
}

TEST(Readmit, ASourcePortThatAServiceHasClaimedIsGone) {
    for (const NatKind nat : {NatKind::full, NatKind::snat}) {
        Case given(nat);
        policy::Service claimed;
        claimed.vip = ip("203.0.113.10");
        claimed.port = 20000;
        given.policy.services.push_back(claimed);
        EXPECT_FALSE(given.valid()) << policy::to_string(nat);
        given.policy.services.back().transport = policy::Transport::udp;
        EXPECT_TRUE(given.valid()) << "another protocol's port is another port";
    }
}

}  // namespace
}  // namespace portcullis::dataplane
