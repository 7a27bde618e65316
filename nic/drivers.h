// What we rely on in each driver we name, from DPDK 22.11's sources (README.md says where). Held
// against what a device reports when it is opened: a difference means another card, firmware or DPDK
// than the one this was written for, and the operator is told.
#pragma once

#include <rte_ethdev.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::nic {

struct DriverFacts {
    std::string_view driver;  // rte_eth_dev_info::driver_name
    std::string_view cards;
    std::uint16_t queues = 0;               // RX queues at most; 0: the card says
    std::uint8_t key_bytes = 0;             // of the RSS key; 0: the driver does not say
    std::array<std::uint16_t, 3> tables{};  // sizes of the redirection table; all 0: not checked
    std::uint64_t hash_types = 0;           // RTE_ETH_RSS_*, at least, of those that we use
    bool ip_checksum = false;               // verified on reception
    bool vlan_strip = false;                // by the card: where the driver does it, we don't ask
    std::uint16_t largest_mtu = 0;          // 0: the card says
    bool key_while_running = false;         // takes another key after its start
    bool multicast_groups = false;          // filters them one by one
    bool vlan_filter = false;   // where offered: no VLAN comes in that it was not told of
    bool masked_ports = false;  // rte_flow matches a destination port by a mask
    std::string_view note = {};
};

std::span<const DriverFacts> known_drivers();
const DriverFacts* facts_of(std::string_view driver);  // null: not one of those

// How a running device differs from its driver's entry: "driver net_igc reports a table of 64, ours
// says 128", one sentence each. What it offers beyond its entry is no difference.
std::vector<std::string> differences(const DriverFacts& facts, const rte_eth_dev_info& reported);

}  // namespace portcullis::nic
