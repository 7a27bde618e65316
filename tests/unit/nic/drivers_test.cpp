#include "nic/drivers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>

#include "nic/steering.h"

namespace portcullis::nic {
namespace {

// What a device of this driver would report if the entry is right.
rte_eth_dev_info as_promised(const DriverFacts& facts) {
    rte_eth_dev_info info{};
    info.max_rx_queues = facts.queues;
    info.hash_key_size = facts.key_bytes;
    info.reta_size = facts.tables[0];
    info.flow_type_rss_offloads = facts.hash_types;
    info.max_mtu = facts.largest_mtu;
    if (facts.ip_checksum) info.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
    if (facts.vlan_strip) info.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    return info;
}

TEST(Drivers, EveryEntryIsSound) {
    std::set<std::string_view> names;
    for (const DriverFacts& facts : known_drivers()) {
        EXPECT_TRUE(names.insert(facts.driver).second) << facts.driver;
        EXPECT_EQ(facts_of(facts.driver), &facts);
        EXPECT_FALSE(facts.cards.empty()) << facts.driver;
        // Our key must fit, our buckets must have an entry each, and we must want what is promised.
        EXPECT_TRUE(facts.key_bytes == 0 || facts.key_bytes >= HashKey{}.size()) << facts.driver;
        for (const std::uint16_t size : facts.tables)
            EXPECT_TRUE(size == 0 || (size >= kBuckets && std::has_single_bit(size)))
                << facts.driver;
        EXPECT_EQ(hash_types(facts.hash_types), facts.hash_types) << facts.driver;
        EXPECT_TRUE(facts.largest_mtu == 0 || facts.largest_mtu >= 9000) << facts.driver;
        EXPECT_TRUE(differences(facts, as_promised(facts)).empty()) << facts.driver;
    }
    for (const char* named :
         {"net_ixgbe", "net_i40e", "net_ice", "net_igc", "mlx5_pci", "net_virtio", "net_vmxnet3",
          "net_ena", "net_e1000_igb", "net_e1000_em"})
        EXPECT_NE(facts_of(named), nullptr) << named;
    EXPECT_EQ(facts_of("net_null"), nullptr);
}

TEST(Drivers, DifferencesAreNamed) {
    const DriverFacts& igc = *facts_of("net_igc");
    const auto with = [&](auto&& change) {
        rte_eth_dev_info info = as_promised(igc);
        change(info);
        const auto found = differences(igc, info);
        return found.size() == 1 ? found[0] : std::to_string(found.size()) + " differences";
    };
    EXPECT_EQ(with([](auto& info) { info.reta_size = 64; }),
              "driver net_igc reports a redirection table of 64, ours says 128");
    EXPECT_EQ(with([](auto& info) { info.hash_key_size = 52; }),
              "driver net_igc reports an RSS key of 52, ours says 40");
    EXPECT_EQ(with([](auto& info) { info.max_rx_queues = 8; }),
              "driver net_igc reports RX queues 8, ours says 4");
    EXPECT_EQ(with([](auto& info) { info.max_mtu = 16000; }),
              "driver net_igc reports an MTU of up to 16000, ours says 9702");
    EXPECT_EQ(with([](auto& info) { info.rx_offload_capa &= ~RTE_ETH_RX_OFFLOAD_IPV4_CKSUM; }),
              "driver net_igc reports no IPv4 checksum verification, ours says it has");
    EXPECT_EQ(with([](auto& info) { info.flow_type_rss_offloads &= ~RTE_ETH_RSS_IPV6; }),
              "driver net_igc reports RSS of no IPv6, ours says it has");
    // More than promised is no difference, and neither are fewer queues: cards differ.
    EXPECT_EQ(with([](auto& info) {
                  info.flow_type_rss_offloads |= RTE_ETH_RSS_NONFRAG_IPV4_SCTP;
                  info.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
                  info.max_rx_queues = 2;
              }),
              "0 differences");
    rte_eth_dev_info x550 = as_promised(*facts_of("net_ixgbe"));
    x550.reta_size = 512;
    EXPECT_TRUE(differences(*facts_of("net_ixgbe"), x550).empty());
    x550.reta_size = 256;
    EXPECT_EQ(differences(*facts_of("net_ixgbe"), x550).at(0),
              "driver net_ixgbe reports a redirection table of 256, ours says 128 or 512");
}

}  // namespace
}  // namespace portcullis::nic
