#include "rules/compile/cover.h"

#include <gtest/gtest.h>

#include <random>

#include "rules/compile/prefixes.h"
#include "tests/unit/rules/compile/small_topology.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using policy::Action;
using policy::AddressKind;
using policy::Prefix;
using policy::Rule;
using policy::Transport;
using policy::Zone;

// Small worlds, so that random rules often overlap.
class RandomRules {
  public:
    explicit RandomRules(unsigned seed) : random_(seed) {}

    Rule rule() {
        Rule made;
        made.from = Zone::corporate;
        made.to = Zone::edge_external;
        made.action = pick(2) == 0 ? Action::allow : Action::deny;
        made.covers_own = made.action == Action::deny && pick(2) == 0;
        made.sources = list({"10.30.0.0/16", "10.30.2.0/24", "10.30.2.11", "10.40.0.0/16"});
        made.destinations =
            list({"203.0.113.0/24", "203.0.113.0/28", "203.0.113.10", "203.0.113.11"});
        made.destination_ports = ports();
        made.source_ports = pick(3) == 0 ? ports() : policy::PortRange{};
        return made;
    }

  private:
    unsigned pick(unsigned count) {
        return std::uniform_int_distribution<unsigned>(0, count - 1)(random_);
    }
    std::vector<Prefix> list(const std::vector<std::string_view>& from) {
        std::vector<Prefix> out;
        for (const auto text : from)
            if (pick(3) == 0) out.push_back(net(text));
        return normalised(std::move(out));
    }
    policy::PortRange ports() {
        const auto first = static_cast<std::uint16_t>(pick(4));
        return {first, static_cast<std::uint16_t>(first + pick(4))};
    }
    std::mt19937 random_;
};

// The oracle is the reference matcher, asked about every packet of the small world.
TEST(Cover, SaysYesOnlyWhereNoPacketIsLeftOver) {
    const auto policy = compile_ok(small_topology());
    RandomRules random(7);
    unsigned covered = 0;
    for (unsigned round = 0; round < 20000; ++round) {
        const auto wide = random.rule();
        const auto narrow = random.rule();
        if (!covers_wholly(policy, wide, narrow)) continue;
        ++covered;
        for (const auto* from : {"10.30.9.9", "10.30.2.7", "10.30.2.11", "10.40.1.1"})
            for (const auto* to : {"203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.1",
                                   "203.0.113.100", "203.0.113.30"})
                for (std::uint16_t source_port = 0; source_port < 8; ++source_port)
                    for (std::uint16_t port = 0; port < 8; ++port) {
                        const policy::FirstPacket packet{kLan,   Transport::tcp, ip(from),
                                                         ip(to), source_port,    port};
                        const auto source = classify(policy, packet.source);
                        const auto destination = classify(policy, packet.destination);
                        if (policy::covers(narrow, packet, source, destination)) {
                            ASSERT_TRUE(policy::covers(wide, packet, source, destination))
                                << from << " " << to << " " << port;
                        }
                    }
    }
    EXPECT_GT(covered, 200U);
}

TEST(Cover, EveryRuleCoversItself) {
    const auto policy = compile_ok(small_topology());
    RandomRules random(11);
    for (unsigned round = 0; round < 2000; ++round) {
        const auto rule = random.rule();
        EXPECT_TRUE(covers_wholly(policy, rule, rule));
        EXPECT_TRUE(same_packets(rule, rule));
        EXPECT_TRUE(same_effect(rule, rule));
    }
}

TEST(Cover, HoldsFindsAddressesOfAKindInAPrefix) {
    const auto policy = compile_ok(small_topology());
    EXPECT_TRUE(holds(policy, net("203.0.113.0/24"), AddressKind::own, Zone::edge_external));
    EXPECT_TRUE(holds(policy, net("203.0.113.0/24"), AddressKind::member, Zone::rp_external));
    EXPECT_FALSE(holds(policy, net("203.0.113.64/26"), AddressKind::own, Zone::edge_external));
    EXPECT_TRUE(holds(policy, net("203.0.113.64/26"), AddressKind::member, Zone::edge_external));
    EXPECT_TRUE(holds(policy, net("9.9.9.9"), AddressKind::member, Zone::internet));
    EXPECT_FALSE(holds(policy, net("10.99.0.0/24"), AddressKind::member, Zone::internet));
    EXPECT_TRUE(holds(policy, net("0.0.0.0/0"), AddressKind::member, Zone::corporate));
}

}  // namespace
}  // namespace portcullis::compile
