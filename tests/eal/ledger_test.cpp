#include "dataplane/ledger.h"

#include <gtest/gtest.h>

#include "tests/support/hand_made_policy.h"

namespace portcullis::dataplane {
namespace {

std::unique_ptr<ActivePolicy> activate(const policy::Policy& policy, std::uint32_t generation) {
    auto runtime = RuntimePolicy::build(policy, {}, generation, {"wan", "dmz"}, nullptr, 1);
    if (!runtime) throw std::runtime_error(runtime.error());
    Sessions::Config sessions;
    sessions.capacity = 1024;
    auto active = ActivePolicy::make(std::move(*runtime), sessions, 2);
    if (!active) throw std::runtime_error(active.error());
    return std::move(*active);
}

TEST(RuleLedger, HitsFollowTheIdOfARule) {
    RuleLedger ledger;
    policy::Policy policy = test::small_policy();
    const auto first = activate(policy, 1);
    first->hits.hit(0, 2);
    first->hits.hit(1, 2);
    first->hits.hit(0, 3);
    EXPECT_EQ(ledger.list(*first)[2].hits, 2U);
    ledger.retire(*first);

    policy.rules.erase(policy.rules.begin());
    const auto second = activate(policy, 2);
    second->hits.hit(0, 1);
    const auto records = ledger.list(*second);
    ASSERT_EQ(records.size(), policy.rules.size());
    EXPECT_EQ(records[1].rule, 1U);
    EXPECT_EQ(records[1].hits, 3U);
    EXPECT_EQ(records[2].hits, 1U);
    EXPECT_EQ(records[0].hits, 0U);
}

policy::Conformance service(const char* name,
                            policy::ProtocolClass protocol = policy::ProtocolClass::none) {
    policy::Conformance made;
    made.name = name;
    made.protocol = protocol;
    return made;
}

TEST(SignatureLedger, VerdictsFollowTheNameOfAService) {
    SignatureLedger ledger;
    policy::Policy policy = test::small_policy();
    policy.conformance = {service("access-443", policy::ProtocolClass::sip_tls),
                          service("dns-udp")};
    const auto first = activate(policy, 1);
    first->conformance.of(0, 0).matched.add(5);
    first->conformance.of(1, 0).refused.add();
    first->conformance.of(1, 1).watched.add(2);
    first->conformance.of(1, 0).undecided.add(3);
    ledger.retire(*first);

    policy.conformance = {service("av-443"), service("access-443", policy::ProtocolClass::sip_tls)};
    policy.conformance[1].mode = policy::ConformanceMode::enforce;
    const auto second = activate(policy, 2);
    second->conformance.of(0, 1).matched.add();
    second->conformance.of(0, 1).undecided.add();
    const auto records = ledger.list(*second);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_STREQ(records[0].service.data(), "av-443");
    EXPECT_EQ(records[0].matched + records[0].refused + records[0].watched, 0U);
    EXPECT_STREQ(records[1].service.data(), "access-443");
    EXPECT_STREQ(records[1].protocol.data(), "sip-tls");
    EXPECT_EQ(records[1].mode, 2);
    EXPECT_EQ(records[1].matched, 6U);
    EXPECT_EQ(records[1].refused, 1U);
    EXPECT_EQ(records[1].watched, 0U);
    EXPECT_EQ(records[1].undecided, 1U) << "what is undecided is of the running policy";
}

DenySample sample(std::uint32_t generation, std::uint16_t port) {
    DenySample made;
    made.key.source = *IpAddress::parse("198.51.100.1");
    made.key.destination = *IpAddress::parse("203.0.113.11");
    made.key.destination_port = port;
    made.key.interface = wire_id({1, 10});
    made.key.protocol = 6;
    made.when = 500;
    made.generation = generation;
    made.rule = 4;
    made.reason = DropReason::site_rule;
    return made;
}

TEST(DenyLedger, RecordsSpeakOfTheRunningPolicy) {
    DenyLedger ledger(1'000'000);
    const auto active = activate(test::small_policy(), 2);
    ledger.add(sample(2, 443));
    ledger.add(sample(1, 444));
    auto records = ledger.take(active.get());
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].unix_ms, 1'000'500U);
    EXPECT_EQ(records[0].interface, 1);
    EXPECT_EQ(records[0].rule, 4U);
    EXPECT_EQ(records[0].destination_port, 443);
    EXPECT_STREQ(records[0].reason.data(), "site-rule");
    EXPECT_EQ(records[1].rule, policy::kNoRule) << "of another generation";
    EXPECT_TRUE(ledger.take(active.get()).empty());
    ledger.add(sample(2, 443));
    EXPECT_EQ(ledger.take(nullptr)[0].interface, peer::kNoInterface);
}

TEST(DenyLedger, AViolationNamesItsService) {
    policy::Policy policy = test::small_policy();
    policy.conformance = {service("dns-udp"), service("xmpp-out")};
    policy.rules[4].conformance = 1;
    const auto active = activate(policy, 2);
    DenyLedger ledger(0);
    DenySample made = sample(2, 443);
    made.reason = DropReason::not_conformant;
    made.violation = inspect::Violation::server_first;
    made.passed = true;
    made.first_count = 2;
    made.first_bytes = {0xab, 0xcd};
    ledger.add(made);
    made.generation = 1;
    ledger.add(made);
    const auto records = ledger.take(active.get());
    ASSERT_EQ(records.size(), 2U);
    EXPECT_STREQ(records[0].reason.data(), "server-first");
    EXPECT_STREQ(records[0].service.data(), "xmpp-out");
    EXPECT_EQ(records[0].passed, 1);
    EXPECT_EQ(records[0].first_count, 2);
    EXPECT_EQ(records[0].first_bytes[1], 0xcd);
    EXPECT_STRNE(records[1].service.data(), "") << "still told from a plain deny";
    EXPECT_EQ(records[0].limit, 0U);

    inspect::Limits limits;
    limits.deadline = 25'000;
    DenyLedger patient(0, limits);
    made.violation = inspect::Violation::too_slow;
    patient.add(made);
    EXPECT_EQ(patient.take(active.get()).at(0).limit, 25U) << "in seconds";
}

TEST(DenyLedger, WhatNobodyFetchesIsCounted) {
    DenyLedger ledger(0);
    for (std::size_t i = 0; i < DenyLedger::kCapacity + 10; ++i) ledger.add(sample(1, 1));
    const auto records = ledger.take(nullptr);
    EXPECT_EQ(records.size(), DenyLedger::kCapacity);
    EXPECT_EQ(records[0].suppressed, 10U);
    EXPECT_EQ(records[1].suppressed, 0U);
}

}  // namespace
}  // namespace portcullis::dataplane
