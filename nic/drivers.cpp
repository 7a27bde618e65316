#include "nic/drivers.h"

#include <algorithm>

namespace portcullis::nic {
namespace {

constexpr std::uint64_t kIpv4AndIpv6 = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
constexpr std::uint64_t kTcp = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
constexpr std::uint64_t kUdp = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint64_t kOther = RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;

constexpr DriverFacts kDrivers[] = {
    {.driver = "net_ixgbe",
     .cards = "82599, X520, X540, X550",
     .queues = 128,
     .key_bytes = 40,
     .tables = {128, 512},
     .hash_types = kIpv4AndIpv6 | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .largest_mtu = 15854,
     .key_while_running = true,
     .multicast_groups = true,
     .note = "the table of 512 is the X550's"},
    {.driver = "net_i40e",
     .cards = "X710, XL710, XXV710, X722",
     .key_bytes = 52,
     .tables = {128, 512},
     .hash_types = kOther | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .largest_mtu = 9702,
     .key_while_running = true,
     .note = "takes rules with masked ports and ignores the ports: they are not tried"},
    {.driver = "net_ice",
     .cards = "E810, E822, E823",
     .key_bytes = 52,
     .tables = {64, 128, 512},
     .hash_types = kOther | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .largest_mtu = 9702,
     .key_while_running = true,
     .masked_ports = true,
     .note = "without its DDP package no RSS and no checksums (\"safe mode\")"},
    {.driver = "net_igc",
     .cards = "I225, I226",
     .queues = 4,
     .key_bytes = 40,
     .tables = {128},
     .hash_types = kIpv4AndIpv6 | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .largest_mtu = 9702,
     .key_while_running = true,
     .multicast_groups = true},
    {.driver = "mlx5_pci",
     .cards = "ConnectX-4 and later, BlueField",
     .key_bytes = 40,
     .hash_types = kIpv4AndIpv6 | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .key_while_running = true,
     .multicast_groups = true,
     .masked_ports = true,
     .note = "stays bound to its kernel driver; the table has as many entries as queues"},
    {.driver = "mlx5_auxiliary",
     .cards = "sub-functions of the same",
     .key_bytes = 40,
     .hash_types = kIpv4AndIpv6 | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .key_while_running = true,
     .multicast_groups = true,
     .masked_ports = true},
    {.driver = "net_virtio",
     .cards = "virtio-net",
     .queues = 128,
     .key_while_running = true,
     .vlan_filter = true,
     .note = "RSS only where the hypervisor offers VIRTIO_NET_F_RSS: key of 40, table of 128"},
    {.driver = "net_vmxnet3",
     .cards = "VMware vmxnet3",
     .queues = 32,
     .tables = {64, 128},
     .hash_types = kIpv4AndIpv6 | kTcp,
     .vlan_strip = true,
     .largest_mtu = 9190,
     .note =
         "hashes by source on every leg: its key cannot change while it runs. UDP from hardware "
         "version 4, MTU above 9000 and 32 queues from version 6"},
    {.driver = "net_ena",
     .cards = "Amazon ENA",
     .queues = 128,
     .key_bytes = 40,
     .tables = {128},
     .hash_types = kTcp | kUdp,
     .ip_checksum = true,
     .key_while_running = true,
     .note = "whether key and table can be set depends on the instance type"},
    {.driver = "net_e1000_igb",
     .cards = "82575, 82576, 82580, I350, I354, I210, I211",
     .queues = 16,
     .key_bytes = 40,
     .tables = {128},
     .hash_types = kIpv4AndIpv6 | kTcp | kUdp,
     .ip_checksum = true,
     .vlan_strip = true,
     .largest_mtu = 16361,
     .key_while_running = true,
     .multicast_groups = true},
    {.driver = "net_e1000_em",
     .cards = "82540 to 82574, I217 to I219",
     .queues = 2,
     .ip_checksum = true,
     .vlan_strip = true,
     .multicast_groups = true,
     .note = "no RSS: everything comes by queue 0"},
};

struct TypeName {
    std::uint64_t type;
    const char* name;
};
constexpr TypeName kTypeNames[] = {
    {RTE_ETH_RSS_IPV4, "IPv4"},
    {RTE_ETH_RSS_NONFRAG_IPV4_TCP, "TCP over IPv4"},
    {RTE_ETH_RSS_NONFRAG_IPV4_UDP, "UDP over IPv4"},
    {RTE_ETH_RSS_NONFRAG_IPV4_OTHER, "other IPv4"},
    {RTE_ETH_RSS_IPV6, "IPv6"},
    {RTE_ETH_RSS_NONFRAG_IPV6_TCP, "TCP over IPv6"},
    {RTE_ETH_RSS_NONFRAG_IPV6_UDP, "UDP over IPv6"},
    {RTE_ETH_RSS_NONFRAG_IPV6_OTHER, "other IPv6"},
};

}  // namespace

std::span<const DriverFacts> known_drivers() {
    return kDrivers;
}

const DriverFacts* facts_of(std::string_view driver) {
    const auto found = std::ranges::find(kDrivers, driver, &DriverFacts::driver);
    return found == std::end(kDrivers) ? nullptr : &*found;
}

std::vector<std::string> differences(const DriverFacts& facts, const rte_eth_dev_info& reported) {
    std::vector<std::string> found;
    const auto differs = [&](const std::string& what, const std::string& there,
                             const std::string& here) {
        found.push_back("driver " + std::string(facts.driver) + " reports " + what + " " + there +
                        ", ours says " + here);
    };
    if (facts.queues != 0 && reported.max_rx_queues > facts.queues)
        differs("RX queues", std::to_string(reported.max_rx_queues), std::to_string(facts.queues));
    if (facts.key_bytes != 0 && reported.hash_key_size != facts.key_bytes)
        differs("an RSS key of", std::to_string(reported.hash_key_size),
                std::to_string(facts.key_bytes));
    if (facts.tables[0] != 0 &&
        std::ranges::find(facts.tables, reported.reta_size) == facts.tables.end()) {
        std::string ours;
        for (const std::uint16_t size : facts.tables)
            if (size != 0) ours += (ours.empty() ? "" : " or ") + std::to_string(size);
        differs("a redirection table of", std::to_string(reported.reta_size), ours);
    }
    for (const TypeName& known : kTypeNames)
        if ((facts.hash_types & ~reported.flow_type_rss_offloads & known.type) != 0)
            differs("RSS of", std::string("no ") + known.name, "it has");
    const auto offload = [&](const char* what, std::uint64_t bit, bool expected) {
        if (expected && (reported.rx_offload_capa & bit) == 0) differs("no", what, "it has");
    };
    offload("IPv4 checksum verification", RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, facts.ip_checksum);
    offload("VLAN stripping", RTE_ETH_RX_OFFLOAD_VLAN_STRIP, facts.vlan_strip);
    if (facts.largest_mtu != 0 && reported.max_mtu > facts.largest_mtu)
        differs("an MTU of up to", std::to_string(reported.max_mtu),
                std::to_string(facts.largest_mtu));
    return found;
}

}  // namespace portcullis::nic
