// The data plane's judgement held against the reference matcher, packet by packet.
#include "dataplane/policy/runtime_policy.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dataplane/policy/prepare.h"
#include "rules/compile/compile.h"
#include "rules/topology/load.h"
#include "tests/support/hand_made_policy.h"
#include "tests/support/random_packets.h"

namespace portcullis::dataplane {
namespace {

using policy::FirstPacket;
using policy::Policy;

constexpr std::uint64_t kRendezvousKey = 0x0123456789abcdef;
constexpr unsigned kPackets = 100'000;

std::unique_ptr<RuntimePolicy> build(const Policy& policy, std::uint32_t generation = 1,
                                     const RuntimePolicy* previous = nullptr) {
    std::set<std::string> devices;
    for (const auto& interface : policy.interfaces) devices.insert(interface.device);
    auto runtime = RuntimePolicy::build(policy, {}, generation, {devices.rbegin(), devices.rend()},
                                        previous, kRendezvousKey);
    if (!runtime) throw std::runtime_error(runtime.error());
    return std::move(*runtime);
}

FlowKey key_of(const FirstPacket& packet) {
    FlowKey key;
    key.source = packet.source;
    key.destination = packet.destination;
    key.source_port = packet.source_port;
    key.destination_port = packet.destination_port;
    key.interface = static_cast<std::uint16_t>(packet.interface);
    key.protocol = static_cast<std::uint8_t>(packet.transport);
    return key;
}

std::string describe(const FirstPacket& packet) {
    return std::string(policy::to_string(packet.transport)) + " " + packet.source.to_string() +
           ":" + std::to_string(packet.source_port) + " -> " + packet.destination.to_string() +
           ":" + std::to_string(packet.destination_port) + " on interface " +
           std::to_string(packet.interface);
}

// Judges in bursts of 1 to 64 with holes, as a worker does. Returns how many packets each reason
// saw.
std::map<std::string, unsigned> compare(const Policy& policy, policy::Family family,
                                        std::uint64_t seed) {
    const auto runtime = build(policy);
    test::RandomPackets source(policy, family, seed);
    std::mt19937_64 random(seed);
    std::map<std::string, unsigned> seen;
    for (unsigned done = 0; done < kPackets;) {
        const auto count = static_cast<unsigned>(1 + random() % 64);
        const std::uint64_t wanted = random() | random();
        FirstPacket packets[64];
        FlowKey keys[64];
        Judgement judged[64];
        for (unsigned i = 0; i < count; ++i) {
            packets[i] = source.next();
            keys[i] = key_of(packets[i]);
            judged[i].rule = 4711;
        }
        runtime->judge(keys, count, wanted, judged);
        for (unsigned i = 0; i < count; ++i) {
            if ((wanted >> i & 1) == 0) {
                EXPECT_EQ(judged[i].rule, 4711U) << "judged although not wanted";
                continue;
            }
            ++done;
            const policy::Verdict expected = policy::match(policy, packets[i]);
            const std::string reason(expected.allow ? "allow" : to_string(expected.reason));
            ++seen[reason];
            const bool same = judged[i].allow == expected.allow &&
                              judged[i].rule == expected.rule &&
                              (expected.allow || to_string(judged[i].reason) == reason);
            EXPECT_TRUE(same) << describe(packets[i]) << ": expected " << reason << " by rule "
                              << expected.rule << ", judged "
                              << (judged[i].allow ? "allow" : to_string(judged[i].reason))
                              << " by rule " << judged[i].rule;
            if (!same) return seen;
        }
    }
    return seen;
}

class AgainstMatch : public testing::TestWithParam<policy::Family> {};

TEST_P(AgainstMatch, SmallPolicy) {
    const auto seen = compare(test::small_policy(), GetParam(), 1);
    for (const char* reason : {"allow", "no-rule", "spoofed-source", "own-source", "bogon-source"})
        EXPECT_GT(seen.contains(reason) ? seen.at(reason) : 0, 100U) << reason;
}

TEST_P(AgainstMatch, RandomPolicies) {
    for (const unsigned rules : {1U, 7U, 60U, 400U}) {
        SCOPED_TRACE(rules);
        const auto seen = compare(test::random_policy(rules, rules), GetParam(), rules);
        if (rules < 60) continue;
        for (const char* reason :
             {"allow", "no-rule", "site-rule", "spoofed-source", "own-source", "bogon-source"})
            EXPECT_GT(seen.contains(reason) ? seen.at(reason) : 0, 100U) << reason;
    }
}

TEST_P(AgainstMatch, Samples) {
    for (const char* name :
         {"lync-2010-reference", "lync-2013-scaled-hlb", "lync-2013-single-director"}) {
        SCOPED_TRACE(name);
        const std::string file =
            std::string(PORTCULLIS_SOURCE_ROOT "/rules/samples/") + name + ".yaml";
        const auto topology = topology::load(file);
        ASSERT_TRUE(topology);
        const auto policy = compile::compile(*topology, file);
        ASSERT_TRUE(policy);
        const auto runtime = build(*policy);
        EXPECT_GT(policy->witnesses.size(), policy->rules.size());
        EXPECT_EQ(replay_witnesses(*runtime), std::nullopt);

        const auto seen = compare(*policy, GetParam(), 2013);
        const bool has_family = std::ranges::any_of(
            policy->rules, [](const auto& rule) { return rule.family == GetParam(); });
        for (const char* reason :
             {"allow", "no-rule", "spoofed-source", "own-source", "bogon-source"})
            if (has_family) {
                EXPECT_GT(seen.contains(reason) ? seen.at(reason) : 0, 100U) << reason;
            }
    }
}

INSTANTIATE_TEST_SUITE_P(Families, AgainstMatch,
                         testing::Values(policy::Family::ipv4, policy::Family::ipv6),
                         [](const auto& test) {
                             return test.param == policy::Family::ipv4 ? "IPv4" : "IPv6";
                         });

TEST(RuntimePolicy, SourceAndDestinationOfTwoFamilies) {
    const auto runtime = build(test::small_policy());
    FlowKey key;
    key.source = *policy::IpAddress::parse("198.51.100.1");
    key.destination = *policy::IpAddress::parse("2001:db8:113::10");
    key.destination_port = 443;
    key.protocol = 6;
    Judgement judged;
    runtime->judge(&key, 1, 1, &judged);
    EXPECT_FALSE(judged.allow);
    EXPECT_EQ(judged.reason, DropReason::mixed_family);
}

TEST(RuntimePolicy, ClassesAndRoutesEqualTheReference) {
    for (const Policy& policy : {test::small_policy(), test::random_policy(7, 50)}) {
        const auto runtime = build(policy);
        for (const auto family : {policy::Family::ipv4, policy::Family::ipv6}) {
            test::RandomPackets source(policy, family, 3);
            for (unsigned i = 0; i < 20'000; ++i) {
                const IpAddress address = source.next().destination;
                const auto expected = policy::classify(policy, address);
                const auto got = runtime->classify(address);
                ASSERT_EQ(got.kind, expected.kind) << address.to_string();
                ASSERT_EQ(got.zone, expected.zone) << address.to_string();
                const auto hop = policy::route(policy, address);
                const RouteResult route = runtime->route(address);
                ASSERT_EQ(route.interface, hop ? hop->interface : kNoInterface)
                    << address.to_string();
                if (hop) {
                    ASSERT_EQ(route.next_hop, hop->address) << address.to_string();
                }
            }
        }
    }
}

TEST(RuntimePolicy, KnowsItsAddressesAndPorts) {
    const auto runtime = build(test::small_policy());
    const auto ip = [](const char* text) { return *policy::IpAddress::parse(text); };
    EXPECT_TRUE(runtime->is_own(ip("203.0.113.10")));
    EXPECT_TRUE(runtime->is_own(ip("192.0.2.1")));
    EXPECT_FALSE(runtime->is_own(ip("203.0.113.11")));
    EXPECT_TRUE(runtime->is_full_nat(ip("203.0.113.10")));
    EXPECT_TRUE(runtime->is_full_nat(ip("2001:db8:113::10")));
    EXPECT_FALSE(runtime->is_full_nat(ip("203.0.113.30")));
    EXPECT_TRUE(runtime->is_service_port(ip("203.0.113.10"), 6, 443));
    EXPECT_FALSE(runtime->is_service_port(ip("203.0.113.10"), 17, 443));
    EXPECT_FALSE(runtime->is_service_port(ip("203.0.113.10"), 6, 444));
    EXPECT_EQ(runtime->interface_of(0, 0), 0);
    EXPECT_EQ(runtime->interface_of(1, 10), 1);
    EXPECT_EQ(runtime->interface_of(1, 0), kNoInterface);
    EXPECT_EQ(runtime->interface_of(2, 10), kNoInterface);
    EXPECT_EQ(runtime->device_of(1), 1);
}

TEST(RuntimePolicy, RefusesAnUnknownDevice) {
    const auto runtime =
        RuntimePolicy::build(test::small_policy(), {}, 1, {"wan", "lan"}, nullptr, kRendezvousKey);
    ASSERT_FALSE(runtime);
    EXPECT_EQ(runtime.error(),
              "interface dmz is on device dmz, which dataplane.conf does not have (it has wan, "
              "lan)");
}

TEST(RuntimePolicy, RefusesARuleOfMillionsOfPairs) {
    auto policy = ::portcullis::test::small_policy();
    policy::Rule& rule = policy.rules.back();
    rule.sources.clear();
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        rule.sources.push_back(policy::Prefix::host(policy::IpAddress::from_v4(0xcb007100 + i)));
        rule.destinations.push_back(
            policy::Prefix::host(policy::IpAddress::from_v4(0xc6336400 + i)));
    }
    const auto built = RuntimePolicy::build(policy, {}, 1, {"wan", "dmz"}, nullptr, 1);
    ASSERT_FALSE(built.has_value());
    EXPECT_NE(built.error().find("rule edge-http-out has 400000000 pairs"), std::string::npos)
        << built.error();
}

TEST(RuntimePolicy, ManyLiveGenerationsKeepTheirOwnTables) {
    // rte_acl contexts are found by name: a shared name would let one policy judge by another's.
    Policy none = test::small_policy();
    none.rules.resize(1);
    const auto first = build(test::small_policy(), 5);
    const auto second = build(none, 5, first.get());
    FlowKey key;
    key.source = *policy::IpAddress::parse("198.51.100.1");
    key.destination = *policy::IpAddress::parse("203.0.113.30");
    key.destination_port = 3478;
    key.protocol = 17;
    Judgement judged;
    second->judge(&key, 1, 1, &judged);
    EXPECT_FALSE(judged.allow);
    first->judge(&key, 1, 1, &judged);
    EXPECT_TRUE(judged.allow);
}

// A policy of many narrow site rules before those of the small one.
Policy many_rules(unsigned count) {
    Policy policy = test::small_policy();
    std::vector<policy::Rule> rules;
    for (unsigned i = 0; i < count; ++i) {
        policy::Rule& rule = rules.emplace_back();
        rule.id = "site." + std::to_string(i);
        rule.origin = policy::Origin::site;
        rule.action = policy::Action::deny;
        rule.transport = i % 3 == 0 ? policy::Transport::udp : policy::Transport::tcp;
        rule.family = policy::Family::ipv4;
        rule.from = policy::Zone::internet;
        rule.to = policy::Zone::edge_external;
        rule.covers_own = true;
        rule.sources = {policy::Prefix::make(policy::IpAddress::from_v4(0x08000000 + i * 128), 26)};
        rule.destination_ports = {static_cast<std::uint16_t>(i % 7 * 100),
                                  static_cast<std::uint16_t>(i % 7 * 100 + 443)};
    }
    policy.rules.insert(policy.rules.begin(), rules.begin(), rules.end());
    return policy;
}

unsigned wrong_verdicts(const Policy& policy, const RuntimePolicy& runtime, unsigned seed) {
    std::mt19937_64 random(seed);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 3000; ++i) {
        FirstPacket packet;
        packet.transport = i % 3 == 0 ? policy::Transport::udp : policy::Transport::tcp;
        packet.source = policy::IpAddress::from_v4(
            static_cast<std::uint32_t>(0x08000000 + random() % (1200 * 128)));
        const auto& services = policy.services;
        packet.destination = services[random() % services.size()].vip;
        if (!packet.destination.is_v4()) continue;
        packet.destination_port = static_cast<std::uint16_t>(random() % 1200);
        if (i % 2 == 0) packet.destination_port = 443;
        const FlowKey key = key_of(packet);
        Judgement judged;
        runtime.judge(&key, 1, 1, &judged);
        const auto expected = policy::match(policy, packet);
        wrong += judged.rule != expected.rule || judged.allow != expected.allow ? 1 : 0;
    }
    return wrong;
}

TEST(RuntimePolicy, FewChangesAreSearchedBesideTheTableBefore) {
    Policy policy = many_rules(1000);
    std::shared_ptr<const RuntimePolicy> before = build(policy, 1);
    const auto origin = before;
    const RuleTable* first = origin->rules_of(0, true);
    ASSERT_NE(first, nullptr);
    std::mt19937_64 random(7);
    bool rebuilt = false;
    unsigned shared = 0;
    for (std::uint32_t generation = 2; generation < 40 && !rebuilt; ++generation) {
        auto at = policy.rules.begin() + static_cast<std::ptrdiff_t>(random() % 900);
        switch (generation % 4) {
            case 0:
                at->sources.clear();  // wide, so that it hides others when it goes
                at->destination_ports = {5, 5};
                break;
            case 1:
                policy.rules.erase(at);
                break;
            case 2: {
                policy::Rule added = *at;
                added.id += "." + std::to_string(generation);
                added.action = policy::Action::allow;
                added.covers_own = false;
                policy.rules.insert(policy.rules.begin(), added);
                break;
            }
            default:
                std::swap(*at, *(at + 1));
        }
        std::shared_ptr<const RuntimePolicy> now = build(policy, generation, before.get());
        const RuleTable* table = now->rules_of(0, true);
        ASSERT_NE(table, nullptr);
        EXPECT_EQ(wrong_verdicts(policy, *now, generation), 0U) << "generation " << generation;
        rebuilt = !table->shares(*first);
        shared += rebuilt ? 0 : 1;
        if (!rebuilt) {
            EXPECT_GT(table->beside(), 0U);
        }
        before = now;
    }
    EXPECT_GT(shared, 10U);
    // The same rules need nothing else.
    const auto same = build(policy, 50, before.get());
    EXPECT_TRUE(same->rules_of(0, true)->shares(*before->rules_of(0, true)));
    EXPECT_EQ(wrong_verdicts(policy, *same, 50), 0U);
    // Too many changes: everything anew, nothing beside.
    Policy other = many_rules(1200);
    for (policy::Rule& rule : other.rules)
        if (rule.origin == policy::Origin::site) rule.source_ports = {1, 65535};
    const auto anew = build(other, 51, same.get());
    EXPECT_FALSE(anew->rules_of(0, true)->shares(*same->rules_of(0, true)));
    EXPECT_EQ(anew->rules_of(0, true)->beside(), 0U);
}

TEST(Nodes, DeadOnesAreNotChosenAndOthersStay) {
    const auto runtime = build(test::small_policy());
    std::map<std::uint32_t, std::uint32_t> chosen;
    unsigned first = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        chosen[i] = runtime->choose_node(0, policy::IpAddress::from_v4(0xc6336400 + i)).value();
        first += chosen[i] == 0 ? 1 : 0;
    }
    EXPECT_NEAR(first, 500, 80);
    runtime->set_node_up(0, 1, false);
    for (std::uint32_t i = 0; i < 1000; ++i)
        EXPECT_EQ(runtime->choose_node(0, policy::IpAddress::from_v4(0xc6336400 + i)), 0U);
    runtime->set_node_up(0, 1, true);
    for (std::uint32_t i = 0; i < 1000; ++i)
        EXPECT_EQ(runtime->choose_node(0, policy::IpAddress::from_v4(0xc6336400 + i)), chosen[i]);
    runtime->set_node_up(0, 0, false);
    runtime->set_node_up(0, 1, false);
    EXPECT_EQ(runtime->choose_node(0, policy::IpAddress::from_v4(1)), std::nullopt);
}

TEST(Nodes, WeightsAreShares) {
    Policy policy = test::small_policy();
    auto& nodes = policy.services[0].nodes;
    nodes[1].weight = 3;
    nodes.push_back({"edge3", *policy::IpAddress::parse("203.0.113.13"), 1});
    for (const unsigned share : {6000U, 7500U}) {
        const auto runtime = build(policy);
        unsigned heavy = 0;
        for (std::uint32_t i = 0; i < 10'000; ++i)
            heavy += runtime->choose_node(0, policy::IpAddress::from_v4(0xc6000000 + i)) == 1U;
        EXPECT_NEAR(heavy, share, 200);
        nodes.pop_back();
    }
}

TEST(Nodes, LivenessSurvivesAReload) {
    const auto before = build(test::small_policy(), 1);
    before->set_node_up(0, 1, false);
    Policy policy = test::small_policy();
    policy.services[0].nodes.insert(policy.services[0].nodes.begin(),
                                    {"edge0", *policy::IpAddress::parse("203.0.113.13"), 1});
    const auto now = build(policy, 2, before.get());
    EXPECT_TRUE(now->node_up(0, 0));
    EXPECT_TRUE(now->node_up(0, 1));
    EXPECT_FALSE(now->node_up(0, 2));
}

TEST(Carry, OnlyFromTheGenerationBefore) {
    const auto first = build(test::small_policy(), 1);
    const auto second = build(test::small_policy(), 2, first.get());
    const auto third = build(test::small_policy(), 3, second.get());
    EXPECT_EQ(second->carry(2, 1), 2U);
    EXPECT_EQ(third->carry(2, 2), 2U);
    EXPECT_EQ(third->carry(2, 3), 2U);
    EXPECT_EQ(third->carry(2, 1), kJudgeAgain);
}

}  // namespace
}  // namespace portcullis::dataplane
