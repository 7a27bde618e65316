#include "nic/steering.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <random>

namespace portcullis::nic {
namespace {

constexpr std::uint64_t kAll = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

class Flows {
  public:
    Flow draw(bool v4) {
        Flow flow;
        for (auto* address : {&flow.source, &flow.destination}) {
            for (std::uint8_t& byte : *address) byte = static_cast<std::uint8_t>(random_());
            if (!v4) continue;
            std::fill_n(address->begin(), 10, std::uint8_t{0});
            (*address)[10] = (*address)[11] = 0xff;
        }
        flow.source_port = static_cast<std::uint16_t>(random_());
        flow.destination_port = static_cast<std::uint16_t>(random_());
        constexpr std::uint8_t kProtocols[] = {6, 17, 1};
        flow.protocol = kProtocols[random_() % 3];
        return flow;
    }

  private:
    std::mt19937_64 random_{5};
};

Spread spread(Side side, unsigned entries, unsigned workers, unsigned queues) {
    const HashKey key = hash_key(side);
    return {true,
            side,
            {key.begin(), key.end()},
            hash_types(kAll),
            redirection_table(entries, workers, queues)};
}

TEST(HashTypes, KeepWhatHashesHeaderAddressesAndPorts) {
    EXPECT_EQ(hash_types(0), 0U);
    EXPECT_EQ(hash_types(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_SCTP | RTE_ETH_RSS_L2_PAYLOAD |
                         RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_L3_SRC_ONLY),
              std::uint64_t{RTE_ETH_RSS_IPV4});
    EXPECT_EQ(hash_types(~std::uint64_t{0}) & ~(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP),
              0U);
}

TEST(RedirectionTable, EveryEntryServesItsBucket) {
    for (const unsigned entries : {2U, 16U, 64U, 128U, 512U})
        for (unsigned workers = 1; workers <= 32; ++workers)
            for (const unsigned queues : {1U, (workers + 1) / 2, workers}) {
                const auto table = redirection_table(entries, workers, queues);
                ASSERT_EQ(table.size(), entries);
                for (unsigned entry = 0; entry < entries; ++entry) {
                    ASSERT_LT(table[entry], queues);
                    if (queues == workers) {
                        ASSERT_EQ(table[entry], worker_of_bucket(entry % 64, workers));
                    }
                }
            }
}

// IPv4, any protocol, every size of table down to the number of workers: outside by source, inside by
// destination, the queue is the owner's.
TEST(QueueOf, IPv4AlwaysArrivesAtItsOwner) {
    Flows flows;
    for (const unsigned entries : {8U, 64U, 128U, 512U})
        for (const unsigned workers : {2U, 3U, 4U, 7U, 8U}) {
            // A table of fewer than 64 entries sees too little of the bucket where they do not divide.
            if (entries < 64 && entries % workers != 0) continue;
            const Spread outside = spread(Side::source, entries, workers, workers);
            const Spread inside = spread(Side::destination, entries, workers, workers);
            for (unsigned i = 0; i < 500; ++i) {
                const Flow flow = flows.draw(true);
                EXPECT_EQ(queue_of(outside, workers, flow),
                          worker_of_bucket(bucket_of(flow.source), workers));
                EXPECT_EQ(queue_of(inside, workers, flow),
                          worker_of_bucket(bucket_of(flow.destination), workers));
            }
        }
}

TEST(QueueOf, IPv6BySource) {
    Flows flows;
    const Spread outside = spread(Side::source, 128, 4, 4);
    for (unsigned i = 0; i < 500; ++i) {
        const Flow flow = flows.draw(false);
        EXPECT_EQ(queue_of(outside, 4, flow), worker_of_bucket(bucket_of(flow.source), 4));
    }
}

TEST(QueueOf, WhatIsNotHashedAndWhatNobodyKnows) {
    Flows flows;
    Spread tcp_only = spread(Side::source, 128, 4, 4);
    tcp_only.types = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
    std::vector<unsigned> seen(4);
    for (unsigned i = 0; i < 200; ++i) {
        Flow flow = flows.draw(true);
        flow.protocol = 17;
        EXPECT_EQ(queue_of(tcp_only, 4, flow), 0U);
        flow.protocol = 6;
        ++seen[queue_of(tcp_only, 4, flow).value()];
        EXPECT_EQ(queue_of(Spread{}, 1, flow), 0U);
        EXPECT_EQ(queue_of(Spread{}, 2, flow), std::nullopt);
    }
    for (const unsigned flows_there : seen) EXPECT_GT(flows_there, 20U);
}

}  // namespace
}  // namespace portcullis::nic
