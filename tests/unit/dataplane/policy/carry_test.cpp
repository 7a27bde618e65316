#include "dataplane/policy/carry.h"

#include <gtest/gtest.h>

#include <random>

#include "rules/policy/match.h"
#include "tests/support/hand_made_policy.h"
#include "tests/support/random_packets.h"

namespace portcullis::dataplane {
namespace {

using policy::Policy;

TEST(Carry, AnUnchangedPolicyCarriesEverything) {
    const Policy policy = test::small_policy();
    const auto carry = carry_rules(policy, policy);
    for (std::uint32_t i = 0; i < policy.rules.size(); ++i) EXPECT_EQ(carry[i], i);
}

TEST(Carry, AMovedServiceIndexIsTheSameService) {
    const Policy before = test::small_policy();
    Policy now = before;
    std::swap(now.services[0], now.services[2]);
    now.rules[0].service = 2;
    now.rules[2].service = 0;
    EXPECT_EQ(carry_rules(before, now)[0], 0U);
}

TEST(Carry, WhatMattersMakesItJudgeAgain) {
    const Policy before = test::small_policy();
    const auto changed = [&](auto&& change) {
        Policy now = before;
        change(now);
        return carry_rules(before, now)[0];
    };
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].reason = "said otherwise"; }), 0U);
    EXPECT_EQ(changed([](Policy& p) { p.services[0].nodes.pop_back(); }), 0U);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].idle_seconds = 5; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].action = policy::Action::deny; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].av_path = true; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].nat = policy::NatKind::dnat; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].service = policy::kNoService; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].service = 1; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].from = policy::Zone::corporate; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].covers_own = true; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].source_ports = {1024, 65535}; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules[0].destination_ports = {443, 444}; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.services[0].vip = p.services[2].vip; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.services[0].transport = policy::Transport::udp; }),
              kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.services[0].port = 444; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.services[0].nat = policy::NatKind::dnat; }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.addresses.pop_back(); }), kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.interfaces[0].zones.add(policy::Zone::corporate); }),
              kJudgeAgain);
    EXPECT_EQ(changed([](Policy& p) { p.rules.erase(p.rules.begin()); }), kJudgeAgain);
}

// Sessions that have been judged are not asked again, whatever is pushed.
TEST(Carry, AChangeOfConformanceAloneDisturbsNobody) {
    Policy plain = test::small_policy();
    Policy held = plain;
    held.databases = {{policy::ProtocolClass::https, "https", 11, true, {1}}};
    policy::Conformance service;
    service.name = "access-443";
    service.protocol = policy::ProtocolClass::https;
    service.database = 0;
    held.conformance = {service};
    ASSERT_EQ(held.rules[0].transport, policy::Transport::tcp);
    held.rules[0].conformance = 0;
    ASSERT_EQ(policy::find_defect(held), std::nullopt);
    Policy enforced = held;
    enforced.conformance[0].mode = policy::ConformanceMode::enforce;
    enforced.conformance[0].names = {"sip.example.com"};
    for (const auto& [before, now] :
         {std::pair(&plain, &held), std::pair(&held, &enforced), std::pair(&enforced, &plain)}) {
        const auto carry = carry_rules(*before, *now);
        for (std::uint32_t i = 0; i < carry.size(); ++i) EXPECT_EQ(carry[i], i);
    }
}

// Rules inserted, removed, moved or edited.
Policy edited(Policy policy, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Policy other = test::random_policy(seed + 1000, 40);
    const unsigned changes = 1 + static_cast<unsigned>(random() % 12);
    for (unsigned change = 0; change < changes; ++change) {
        const std::size_t at = random() % policy.rules.size();
        const auto here = policy.rules.begin() + static_cast<std::ptrdiff_t>(at);
        switch (random() % 5) {
            case 0: {
                policy::Rule inserted = other.rules[random() % other.rules.size()];
                inserted.id = "new-" + std::to_string(change);
                policy.rules.insert(here, inserted);
                break;
            }
            case 1:
                policy.rules.erase(here);
                break;
            case 2:
                std::swap(*here, policy.rules[random() % policy.rules.size()]);
                break;
            case 3:
                here->action = here->action == policy::Action::allow ? policy::Action::deny
                                                                     : policy::Action::allow;
                break;
            default:
                here->destination_ports.last = 65535;
        }
    }
    return policy;
}

// A packet that the old rule decided is decided by the rule it is carried to.
TEST(Carry, NeverContradictsTheMatcher) {
    unsigned carried = 0;
    unsigned again = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const Policy before = test::random_policy(seed, 40);
        const Policy now = edited(before, seed);
        const auto carry = carry_rules(before, now);
        for (const auto family : {policy::Family::ipv4, policy::Family::ipv6}) {
            test::RandomPackets packets(before, family, seed);
            for (unsigned i = 0; i < 2000; ++i) {
                const auto packet = packets.next();
                const auto old_verdict = policy::match(before, packet);
                if (old_verdict.rule == policy::kNoRule) continue;
                const std::uint32_t to = carry[old_verdict.rule];
                ++(to == kJudgeAgain ? again : carried);
                if (to == kJudgeAgain) continue;
                const auto verdict = policy::match(now, packet);
                ASSERT_EQ(verdict.rule, to) << "seed " << seed;
                ASSERT_EQ(verdict.allow, old_verdict.allow) << "seed " << seed;
            }
        }
    }
    EXPECT_GT(carried, 1000U);
    EXPECT_GT(again, 100U);
}

}  // namespace
}  // namespace portcullis::dataplane
