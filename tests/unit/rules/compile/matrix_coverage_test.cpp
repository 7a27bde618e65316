// Every row of the documents is compiled by some topology, restates another, or says why it makes
// no rule; and the samples are in order.
#include <set>

#include "rules/compile/analyse.h"
#include "rules/matrix/row.h"
#include "tests/unit/rules/compile/samples.h"

namespace portcullis::compile {
namespace {

using namespace testing;
using topology::Balancing;
using topology::PoolRole;

constexpr const char* kSamples[] = {"lync-2010-reference", "lync-2013-scaled-hlb",
                                    "lync-2013-single-director"};

// The samples with every feature on, with hardware and with DNS balancing, and with Mediation
// everywhere: between them they have every entity.
std::vector<topology::Topology> deployments() {
    std::vector<topology::Topology> out;
    for (const auto* name : kSamples) {
        auto topology = sample_topology(name);
        topology.features = all_features();
        for (const auto mode : {Balancing::hardware, Balancing::dns}) {
            for (auto& pool : topology.pools) {
                pool.balancing = mode;
                pool.runs_mediation = pool.role == PoolRole::front_end;
            }
            out.push_back(topology);
        }
    }
    return out;
}

TEST(MatrixCoverage, EveryRowIsCompiledOrSaysWhyNot) {
    std::set<std::string, std::less<>> compiled_rows;
    for (const auto& topology : deployments())
        for (const auto& rule : compiled(topology).rules)
            compiled_rows.insert(rule.rows.begin(), rule.rows.end());
    ASSERT_EQ(matrix::rows().size(), 208U);
    for (const auto& row : matrix::rows()) {
        const bool makes_none = !row.restates.empty() || !row.no_rule.empty();
        EXPECT_NE(compiled_rows.contains(row.id), makes_none) << row.id;
    }
}

TEST(MatrixCoverage, NoDeploymentHasDefectsOrFindings) {
    for (const auto& topology : deployments()) {
        const auto policy = compiled(topology);
        EXPECT_EQ(policy::find_defect(policy), std::nullopt) << topology.name;
        for (const auto& finding : analyse(policy)) ADD_FAILURE() << finding.text;
    }
}

TEST(MatrixCoverage, TheSamplesHaveNoFindings) {
    for (const auto* name : kSamples)
        for (const auto& finding : analyse(sample(name))) ADD_FAILURE() << finding.text;
}

TEST(MatrixCoverage, TheWitnessesOfTheSamplesSayWhatTheMatcherSays) {
    for (const auto* name : kSamples) {
        const auto policy = sample(name);
        for (const auto& witness : policy.witnesses) {
            const auto verdict =
                match(policy, {witness.interface, witness.transport, witness.source,
                               witness.destination, witness.source_port, witness.destination_port});
            ASSERT_EQ(witness.allow, verdict.allow);
            ASSERT_EQ(witness.rule, verdict.rule);
        }
    }
}

// Decision 11 and "Constraints": some ports never stand on a VIP, and a VIP never sends.
TEST(MatrixCoverage, WhatNoRuleMayDo) {
    for (const auto& topology : deployments()) {
        const auto policy = compiled(topology);
        for (const auto& rule : policy.rules) {
            for (const auto& prefix : rule.sources)
                EXPECT_NE(classify(policy, prefix.address()).kind, policy::AddressKind::own)
                    << rule.id;
            EXPECT_FALSE(rule.reason.empty()) << rule.id;
            EXPECT_FALSE(rule.rows.empty() && rule.origin == policy::Origin::matrix) << rule.id;
            if (rule.nat == policy::NatKind::none) continue;
            for (const unsigned port : {8057U, 4443U, 23456U, 50001U, 50002U, 50003U})
                EXPECT_FALSE(rule.destination_ports.contains(static_cast<std::uint16_t>(port)))
                    << rule.id;
        }
    }
}

}  // namespace
}  // namespace portcullis::compile
