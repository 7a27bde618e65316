#include "nic/port_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>

#include "nic/device.h"

namespace portcullis::nic {
namespace {

// Covers exactly the range: every port by one mask, none beside it.
void expect_exact(std::uint16_t first, std::uint16_t last) {
    const auto masks = masks_of(first, last);
    for (unsigned port = 0; port < 65536; ++port) {
        unsigned matches = 0;
        for (const PortMask& mask : masks) matches += (port & mask.mask) == mask.port;
        ASSERT_EQ(matches, port >= first && port <= last ? 1U : 0U)
            << port << " of " << first << "-" << last;
    }
}

TEST(PortMasks, CoverTheRangeExactly) {
    const std::vector<std::pair<std::uint16_t, std::uint16_t>> ranges = {
        {0, 65535}, {0, 0}, {65535, 65535}, {1024, 33279}, {33280, 65535}, {1, 65534}};
    for (const auto& [first, last] : ranges) expect_exact(first, last);
    std::mt19937 random(3);
    for (unsigned i = 0; i < 20; ++i) {
        const auto a = static_cast<std::uint16_t>(random()),
                   b = static_cast<std::uint16_t>(random());
        expect_exact(std::min(a, b), std::max(a, b));
    }
}

TEST(PortMasks, AreFew) {
    EXPECT_EQ(masks_of(0, 65535).size(), 1U);
    EXPECT_EQ(masks_of(32768, 65535), (std::vector<PortMask>{{32768, 0x8000}}));
    EXPECT_EQ(masks_of(1024, 1535), (std::vector<PortMask>{{1024, 0xfe00}}));
    EXPECT_EQ(masks_of(1, 65534).size(), 30U);  // the worst there is
}

TEST(PortRules, OnlyWhereTheDriverMatchesByMask) {
    Device device;
    device.port_id = 31;  // no such port: nothing may be asked of it
    PortRule rule;
    rule.protocol = 6;
    rule.first_port = 1024;
    rule.last_port = 2047;
    for (const char* driver : {"net_i40e", "net_e1000_igb", "net_null"}) {
        device.driver = driver;
        PortRules rules;
        EXPECT_TRUE(rules.set(device, {}));
        const auto done = rules.set(device, {rule});
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error(), "has no rules that match ports by a mask");
        EXPECT_TRUE(rules.active().empty());
        EXPECT_EQ(rules.find(rule.destination, 6, 1024), nullptr);
    }
}

}  // namespace
}  // namespace portcullis::nic
