#include "control/reconcile.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace portcullis::control {

void PrintTo(Repair repair, std::ostream* out) {
    *out << to_string(repair);
}

namespace {

std::optional<policy::ImageHash> policy(std::uint8_t name) {
    if (name == 0) return std::nullopt;
    policy::ImageHash hash{};
    hash[0] = name;
    return hash;
}

// Slots and what runs: 0 is none, others name policies.
struct Case {
    std::uint8_t candidate, current, previous, running;
    Repair repair;
};

const std::vector<Case> kFinal = {
    // nothing held
    {0, 0, 0, 0, Repair::none},
    {0, 0, 0, 9, Repair::unknown},
    // a first push, cut short
    {1, 0, 0, 0, Repair::discard_candidate},
    {1, 0, 0, 1, Repair::promote_candidate},
    {1, 0, 0, 9, Repair::discard_candidate},
    // at rest
    {0, 2, 0, 2, Repair::none},
    {0, 2, 3, 2, Repair::none},
    {0, 2, 0, 0, Repair::load_current},
    {0, 2, 3, 0, Repair::load_current},
    {0, 2, 0, 9, Repair::load_current},
    {0, 2, 3, 9, Repair::load_current},
    {0, 2, 3, 3, Repair::adopt_previous},
    // a later push, cut short
    {1, 2, 3, 1, Repair::promote_candidate},
    {1, 2, 0, 2, Repair::discard_candidate},
    {1, 2, 3, 3, Repair::discard_candidate},
    {1, 2, 3, 0, Repair::discard_candidate},
    {1, 2, 3, 9, Repair::discard_candidate},
    // the same policy in two places
    {2, 2, 3, 2, Repair::promote_candidate},
    {0, 2, 2, 2, Repair::none},
    {3, 2, 3, 3, Repair::promote_candidate},
    // `current` is damaged
    {0, 0, 3, 3, Repair::adopt_previous},
    {0, 0, 3, 0, Repair::none},
    {0, 0, 3, 9, Repair::unknown},
};

TEST(Reconcile, DecidesByWhatIsHeldAndWhatRuns) {
    for (const auto& c : kFinal)
        EXPECT_EQ(reconcile({policy(c.candidate), policy(c.current), policy(c.previous)},
                            {policy(c.running), false}),
                  c.repair)
            << int{c.candidate} << int{c.current} << int{c.previous} << " runs " << int{c.running};
}

TEST(Reconcile, LeavesTheDecisionToTheDataPlaneWhileItIsUndecided) {
    for (const auto& c : kFinal)
        EXPECT_EQ(reconcile({policy(c.candidate), policy(c.current), policy(c.previous)},
                            {policy(c.running), true}),
                  Repair::none);
}

// Whatever is found, repairing comes to an end: each step but a load leaves less to do.
TEST(Reconcile, ComesToRest) {
    for (std::uint8_t candidate = 0; candidate < 4; ++candidate)
        for (std::uint8_t current = 0; current < 4; ++current)
            for (std::uint8_t previous = 0; previous < 4; ++previous)
                for (std::uint8_t runs = 0; runs < 4; ++runs) {
                    Held held{policy(candidate), policy(current), policy(previous)};
                    Running running{policy(runs), false};
                    auto repair = reconcile(held, running);
                    for (int step = 0; step < 4; ++step) {
                        repair = reconcile(held, running);
                        if (repair == Repair::promote_candidate) {
                            held.previous = held.current;
                            held.current = std::exchange(held.candidate, std::nullopt);
                        } else if (repair == Repair::discard_candidate) {
                            held.candidate.reset();
                        } else if (repair == Repair::adopt_previous) {
                            std::swap(held.current, held.previous);
                        } else if (repair == Repair::load_current) {
                            running.policy = held.current;
                        }
                    }
                    EXPECT_TRUE(repair == Repair::none || repair == Repair::unknown);
                    EXPECT_TRUE(!held.current || held.current == running.policy);
                    EXPECT_FALSE(held.candidate);
                }
}

}  // namespace
}  // namespace portcullis::control
