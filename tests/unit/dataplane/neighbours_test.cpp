#include "dataplane/neighbours.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace portcullis::dataplane {
namespace {

using policy::IpAddress;

const MacAddress kMac{0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
const Attachment kAt{1, 20};
const IpAddress kHop = IpAddress::from_v4(0x0a000001);

TEST(Neighbours, ResolveOnlyWhileAMacIsKnown) {
    NeighbourTable table(16);
    EXPECT_EQ(table.find(kAt, kHop), kNoNeighbour);
    EXPECT_FALSE(table.resolve(kNoNeighbour));

    const NeighbourId id = table.add(kAt, kHop);
    ASSERT_NE(id, kNoNeighbour);
    EXPECT_EQ(table.find(kAt, kHop), id);
    EXPECT_EQ(table.add(kAt, kHop), id);
    EXPECT_EQ(table.size(), 1U);
    EXPECT_FALSE(table.resolve(id));

    table.set(id, NeighbourState::reachable, kMac);
    EXPECT_EQ(table.resolve(id), kMac);
    table.set(id, NeighbourState::stale, kMac);
    EXPECT_EQ(table.resolve(id), kMac);
    table.set(id, NeighbourState::failed, {});
    EXPECT_FALSE(table.resolve(id));
    EXPECT_EQ(table.state(id), NeighbourState::failed);
}

TEST(Neighbours, TheSameHopOnAnotherVlanOrDeviceIsAnotherNeighbour) {
    NeighbourTable table(16);
    const NeighbourId a = table.add({1, 20}, kHop);
    const NeighbourId b = table.add({1, 21}, kHop);
    const NeighbourId c = table.add({2, 20}, kHop);
    EXPECT_NE(a, b);
    EXPECT_NE(b, c);
    EXPECT_NE(a, c);
}

TEST(Neighbours, AnIdOfARemovedNeighbourNeverResolvesToItsSuccessor) {
    NeighbourTable table(1);
    const NeighbourId old = table.add(kAt, kHop);
    table.set(old, NeighbourState::reachable, kMac);
    table.remove(old);
    EXPECT_EQ(table.find(kAt, kHop), kNoNeighbour);
    EXPECT_FALSE(table.resolve(old));

    const IpAddress other = IpAddress::from_v4(0x0a000002);
    const NeighbourId now = table.add(kAt, other);
    ASSERT_NE(now, kNoNeighbour);
    table.set(now, NeighbourState::reachable, kMac);
    EXPECT_FALSE(table.resolve(old));
    EXPECT_TRUE(table.resolve(now));
    table.remove(old);  // out of date: does nothing
    EXPECT_EQ(table.find(kAt, other), now);
    table.set(old, NeighbourState::failed, {});
    EXPECT_TRUE(table.resolve(now));
}

TEST(Neighbours, FullTableRefuses) {
    NeighbourTable table(64);
    std::vector<NeighbourId> ids;
    for (std::uint32_t i = 0; i < 64; ++i)
        ids.push_back(table.add(kAt, IpAddress::from_v4(0x0a000000 + i)));
    for (std::uint32_t i = 0; i < 64; ++i) {
        ASSERT_NE(ids[i], kNoNeighbour);
        EXPECT_EQ(table.find(kAt, IpAddress::from_v4(0x0a000000 + i)), ids[i]);
    }
    EXPECT_EQ(table.add(kAt, IpAddress::from_v4(0x0b000000)), kNoNeighbour);
    table.remove(ids[5]);
    EXPECT_NE(table.add(kAt, IpAddress::from_v4(0x0b000000)), kNoNeighbour);
}

TEST(Neighbours, UseIsSeenOnce) {
    NeighbourTable table(4);
    const NeighbourId id = table.add(kAt, kHop);
    table.set(id, NeighbourState::reachable, kMac);
    EXPECT_FALSE(table.take_used(id));
    EXPECT_TRUE(table.resolve(id));
    EXPECT_TRUE(table.take_used(id));
    EXPECT_FALSE(table.take_used(id));
}

// Main gives one hash slot to ever other next hops while a worker looks one of them up: what it
// finds must be that hop's id or nothing.
TEST(Neighbours, ReaderNeverSeesAMixOfTwoEntries) {
    NeighbourTable table(1);
    const IpAddress other = IpAddress::from_v4(0x0a000002);
    const MacAddress other_mac{0x02, 0, 0, 0, 0, 0x02};
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> found{0};
    std::thread reader([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            const NeighbourId id = table.find(kAt, kHop);
            if (id == kNoNeighbour) continue;
            const auto mac = table.resolve(id);
            if (!mac) continue;
            found.fetch_add(1, std::memory_order_relaxed);
            EXPECT_EQ(*mac, kMac);
        }
    });
    for (unsigned i = 0; i < 20'000 || (found.load() == 0 && i < 10'000'000); ++i) {
        const NeighbourId mine = table.add(kAt, kHop);
        table.set(mine, NeighbourState::reachable, kMac);
        // Now and then it stays long enough for a reader to find it, on a busy machine too.
        if (i % 200 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        table.remove(mine);
        const NeighbourId theirs = table.add(kAt, other);
        table.set(theirs, NeighbourState::reachable, other_mac);
        table.remove(theirs);
    }
    stop = true;
    reader.join();
    EXPECT_GT(found.load(), 0U);
}

}  // namespace
}  // namespace portcullis::dataplane
