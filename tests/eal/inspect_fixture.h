// Rig and service counts for tests of sessions that are held to a protocol.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "tests/eal/conversation.h"

namespace portcullis::dataplane::test {

using inspect::Violation;
using ::portcullis::test::client_hello;
using ::portcullis::test::ssh_banner;
using ::portcullis::test::stun_request;

class Inspect : public ::testing::Test {
  protected:
    explicit Inspect(const RigOptions& options = settled()) : rig(options) {}

    void hold_access_to(ConformanceMode mode) { rig.publish(held_to(mode)); }
    ConformanceHits::Totals access() { return rig.active().conformance.total(kAccess); }
    std::uint32_t sessions() { return rig.worker(0).sessions().size(); }
    // The samples of the deny log since the last call.
    std::vector<DenySample> samples() {
        std::vector<DenySample> taken(DenyRing::kCapacity);
        taken.resize(rig.worker(0).denies().take(taken));
        return taken;
    }
    // Where the resets that were sent to the node are, from the client's first byte.
    std::vector<std::uint32_t> reset_offsets() {
        std::vector<std::uint32_t> offsets;
        for (const Sent& sent : rig.sent(kDmz)) {
            EXPECT_EQ(sent.tcp_flags(), kRst | kAckOnly);
            offsets.push_back(sent.sequence() - kClientIsn - 1);
        }
        return offsets;
    }
    std::uint64_t records() {
        rig.sweep();
        return rig.worker(0).counters().inspector_records.get();
    }
    Rig rig;
};

}  // namespace portcullis::dataplane::test
