#include "dataplane/policy/rule_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "rules/policy/match.h"
#include "tests/support/hand_made_policy.h"
#include "tests/support/random_packets.h"

namespace portcullis::dataplane {
namespace {

using policy::Policy;
using policy::Rule;

std::vector<const Rule*> pointers(const std::vector<Rule>& rules) {
    std::vector<const Rule*> out;
    for (const Rule& rule : rules) out.push_back(&rule);
    return out;
}

// `count` rules taken out, put in, moved or given other ports.
std::vector<Rule> edited(std::vector<Rule> rules, unsigned count, std::mt19937_64& random) {
    const Policy other = test::random_policy(random(), 40);
    const auto any = [&](auto& list) {
        return static_cast<std::ptrdiff_t>(random() % list.size());
    };
    for (; count > 0 && !rules.empty(); --count) {
        const auto here = rules.begin() + any(rules);
        switch (random() % 4) {
            case 0:
                rules.insert(here, *(other.rules.begin() + any(other.rules)));
                break;
            case 1:
                rules.erase(here);
                break;
            case 2: {
                const Rule moved = *here;
                rules.erase(here);
                rules.insert(rules.begin() + (rules.empty() ? 0 : any(rules)), moved);
                break;
            }
            default:
                here->destination_ports = {443, static_cast<std::uint16_t>(443 + random() % 9)};
        }
    }
    return rules;
}

std::uint32_t first_of(const std::vector<Rule>& rules, const policy::FirstPacket& packet,
                       const policy::AddressClass& source,
                       const policy::AddressClass& destination) {
    for (std::uint32_t i = 0; i < rules.size(); ++i)
        if (covers(rules[i], packet, source, destination)) return i;
    return kGone;
}

TEST(CompareRules, ForTheSameRulesNothingStandsBeside) {
    const auto rules = test::random_policy(1, 300).rules;
    const auto change = compare_rules(rules, pointers(rules), 0);
    ASSERT_TRUE(change);
    EXPECT_TRUE(change->beside.empty());
    for (std::uint32_t i = 0; i < rules.size(); ++i) EXPECT_EQ(change->kept[i], i);
}

TEST(CompareRules, WhatPeopleReadAndTheEffectDoNotCount) {
    auto rules = test::small_policy().rules;
    const auto before = rules;
    rules[0].id = "renamed";
    rules[0].reason = "said otherwise";
    rules[0].idle_seconds = 7;
    rules[0].action = policy::Action::deny;
    EXPECT_TRUE(compare_rules(before, pointers(rules), 0));
    rules[0].destination_ports = {1, 1};
    EXPECT_FALSE(compare_rules(before, pointers(rules), 0));
}

TEST(CompareRules, AMovedRuleStandsBesideAndTheOthersAreKept) {
    const auto before = test::random_policy(2, 100).rules;
    auto now = before;
    std::rotate(now.begin(), now.end() - 1, now.end());
    const auto change = compare_rules(before, pointers(now), 100);
    ASSERT_TRUE(change);
    EXPECT_EQ(std::ranges::count(change->kept, kGone), 1);
    EXPECT_EQ(change->beside.front(), 0U);
}

// What the header promises: the lesser of the two answers is the first rule of the new list.
TEST(CompareRules, TheTwoTogetherAnswerAsTheNewListDoes) {
    unsigned asked = 0;
    unsigned hidden = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random(seed);
        const Policy policy = test::random_policy(seed, 120);
        const auto& before = policy.rules;
        const auto now = edited(before, 1 + static_cast<unsigned>(random() % 12), random);
        const auto change = compare_rules(before, pointers(now), now.size());
        ASSERT_TRUE(change);
        std::uint32_t last = 0;
        for (const std::uint32_t kept : change->kept) {
            if (kept == kGone) continue;
            EXPECT_GE(kept, last);
            last = kept;
        }
        std::vector<Rule> beside;
        for (const std::uint32_t place : change->beside) beside.push_back(now[place]);
        for (const auto family : {policy::Family::ipv4, policy::Family::ipv6}) {
            test::RandomPackets packets(policy, family, seed);
            for (unsigned i = 0; i < 2000; ++i) {
                const auto packet = packets.next();
                const auto source = classify(policy, packet.source);
                const auto destination = classify(policy, packet.destination);
                const std::uint32_t old = first_of(before, packet, source, destination);
                const std::uint32_t other = first_of(beside, packet, source, destination);
                const std::uint32_t kept = old == kGone ? kGone : change->kept[old];
                const std::uint32_t added = other == kGone ? kGone : change->beside[other];
                const std::uint32_t expected = first_of(now, packet, source, destination);
                ASSERT_EQ(std::min(kept, added), expected) << "seed " << seed;
                asked += expected != kGone ? 1 : 0;
                hidden += old != kGone && kept == kGone && expected != kGone ? 1 : 0;
            }
        }
    }
    // The packets did ask about what the test is for.
    EXPECT_GT(asked, 3000U);
    EXPECT_GT(hidden, 30U);
}

TEST(CompareRules, GivesUpWhereManyWouldStandBeside) {
    const auto before = test::random_policy(3, 200).rules;
    const auto now = test::random_policy(4, 200).rules;
    EXPECT_FALSE(compare_rules(before, pointers(now), 20));
}

}  // namespace
}  // namespace portcullis::dataplane
