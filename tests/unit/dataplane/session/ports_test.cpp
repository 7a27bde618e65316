// Source ports: whose they are, in which order they are drawn, and what a reload does to them.
#include "dataplane/session/ports.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace portcullis::dataplane {
namespace {

PortPoolSpec spec(std::uint32_t node, std::vector<std::uint16_t> excluded = {}) {
    PortPoolSpec s;
    s.key.vip = IpAddress::from_v4(0xcb00710a);
    s.key.node = IpAddress::from_v4(node);
    s.key.port = 443;
    s.key.protocol = 6;
    s.excluded = std::move(excluded);
    return s;
}

TEST(PortSlices, EveryPortHasOneOwnerAndSlicesAreEven) {
    for (unsigned workers = 1; workers <= 64; ++workers) {
        std::map<unsigned, unsigned> owned;
        unsigned last = 0;
        for (unsigned port = 0; port < 65536; ++port) {
            const unsigned owner = PortSlices::owner(static_cast<std::uint16_t>(port), workers);
            ASSERT_LT(owner, workers);
            if (port < 1024) {
                ASSERT_EQ(owner, 0U);
            } else {
                ++owned[owner];
                ASSERT_GE(owner, last);  // contiguous
                last = owner;
            }
        }
        ASSERT_EQ(owned.size(), workers);
        for (const auto& [worker, count] : owned) {
            EXPECT_GE(count, 64512 / workers);
            EXPECT_LE(count, 64512 / workers + 1);
        }
    }
}

TEST(PortPool, DrawsEachPortOfItsSliceOnceAndNoServicePort) {
    const std::vector<std::uint16_t> services = {443, 5061, 5269, 3478};
    std::set<std::uint16_t> all;
    for (unsigned worker = 0; worker < 3; ++worker) {
        PortPool pool(spec(1, services), worker, 3, 42);
        while (const auto port = pool.draw()) {
            EXPECT_TRUE(all.insert(*port).second);
            EXPECT_EQ(PortSlices::owner(*port, 3), worker);
            EXPECT_EQ(std::count(services.begin(), services.end(), *port), 0);
        }
    }
    EXPECT_EQ(all.size(), 64512U - 3);  // 443 is in no slice
    EXPECT_GE(*all.begin(), 1024);
}

TEST(PortPool, FreshPortsFirstThenTheOldestFreed) {
    PortPool pool(spec(1), 0, 64, 42);
    std::vector<std::uint16_t> order;
    const unsigned size = pool.free_ports();
    std::set<std::uint16_t> seen;
    for (unsigned i = 0; i < size; ++i) {  // each is freed at once: still fresh ones come first
        order.push_back(pool.draw().value());
        pool.release(order.back());
        EXPECT_TRUE(seen.insert(order.back()).second);
    }
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));  // not to be guessed
    for (unsigned i = 0; i < size; ++i) EXPECT_EQ(pool.draw(), order[i]);
    EXPECT_EQ(pool.draw(), std::nullopt);
    pool.release(order[9]);
    pool.release(order[4]);
    EXPECT_EQ(pool.draw(), order[9]);
    EXPECT_EQ(pool.draw(), order[4]);
}

TEST(PortPool, NoPortComesBackWithin120SecondsWhileOthersAreFree) {
    PortPool pool(spec(1), 0, 32, 7);  // 2016 ports
    std::mt19937 random(1);
    std::map<std::uint16_t, std::uint64_t> freed;  // those freed and not drawn since
    std::vector<std::uint16_t> taken;
    std::set<std::uint16_t> fresh;
    for (unsigned port = 1024; port < 65536; ++port)
        if (PortSlices::owner(static_cast<std::uint16_t>(port), 32) == 0)
            fresh.insert(static_cast<std::uint16_t>(port));
    std::uint64_t now = 1;
    unsigned early = 0;
    for (unsigned round = 0; round < 400'000; ++round) {
        now += random() % 100;
        // Busy and quiet times, so that the pool runs dry now and then.
        const bool busy = round / 20'000 % 2 == 0;
        if (random() % 10 < (busy ? 7U : 3U)) {
            const auto port = pool.draw();
            ASSERT_EQ(port.has_value(), !fresh.empty() || !freed.empty());
            if (!port) continue;
            if (!fresh.empty()) {
                ASSERT_EQ(fresh.erase(*port), 1U);
            } else {
                const auto it = freed.find(*port);
                ASSERT_NE(it, freed.end());
                if (now - it->second < 120'000) {
                    ++early;
                    for (const auto& [other, when] : freed) ASSERT_LT(now - when, 120'000U);
                }
                for (const auto& [other, when] : freed) ASSERT_GE(when, it->second);
                freed.erase(it);
            }
            taken.push_back(*port);
        } else if (!taken.empty()) {
            std::swap(taken[random() % taken.size()], taken.back());
            pool.release(taken.back());
            freed[taken.back()] = now;
            taken.pop_back();
        }
    }
    EXPECT_GT(early, 0U);
}

TEST(PortPools, AReloadKeepsWhatIsTakenAndTheOrder) {
    const std::vector<PortPoolSpec> old_specs = {spec(1), spec(2), spec(3)};
    PortPools running(old_specs, 8, 0, 64, 1);
    std::set<std::uint16_t> taken;
    for (unsigned i = 0; i < 100; ++i) taken.insert(running.find(spec(1).key)->draw().value());
    const std::uint16_t of_two = running.find(spec(2).key)->draw().value();
    const std::uint16_t returned = *taken.begin();
    running.find(spec(1).key)->release(returned);
    taken.erase(returned);

    // A reload: 1 stays and excludes a port now, 2 is gone but in use, 3 is gone, 4 is new.
    std::uint16_t excluded = 1024;
    while (taken.contains(excluded) || excluded == returned) ++excluded;
    const std::vector<PortPoolSpec> new_specs = {spec(1, {excluded}), spec(4)};
    PortPools next(new_specs, 3, 0, 64, 2);
    next.continue_from(running);
    EXPECT_EQ(next.size(), 3U);  // room for three: 1, 4 and 2, which is in use
    EXPECT_EQ(next.find(spec(3).key), nullptr);
    ASSERT_NE(next.find(spec(2).key), nullptr);
    EXPECT_EQ(next.find(spec(2).key)->taken(), 1U);
    next.find(spec(2).key)->release(of_two);
    EXPECT_EQ(next.find(spec(2).key)->taken(), 0U);
    ASSERT_NE(next.find(spec(4).key), nullptr);
    PortPool& one = *next.find(spec(1).key);
    EXPECT_EQ(one.taken(), taken.size());
    std::uint16_t last = 0;
    while (const auto port = one.draw()) {
        EXPECT_FALSE(taken.contains(*port));
        EXPECT_NE(*port, excluded);
        last = *port;
    }
    EXPECT_EQ(last, returned);  // the only one that had been used before
}

}  // namespace
}  // namespace portcullis::dataplane
