// A device: one DPDK port, from its entry in dataplane.conf to running queues.
//
// Queues follow from what the device offers: a worker needs a TX queue of its own everywhere, RX
// queues are one for each worker or as many as there are. What spreads packets over them is in
// steering.h; it only spares hand-overs: which worker owns a packet never depends on it.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "nic/steering.h"

namespace portcullis::nic {

struct DeviceConfig {
    std::string name;  // as the topology calls it
    std::string pci;   // "0000:3b:00.0", or
    std::string vdev;  // "net_af_packet0,iface=wan,qpairs=2": a driver name and its arguments
    unsigned mtu = 1500;
    unsigned rx_descriptors = 1024;  // a queue
    unsigned tx_descriptors = 1024;
};

using Mac = std::array<std::uint8_t, 6>;

// Which multicast frames come in.
enum class Multicast : std::uint8_t {
    groups,     // those that listen_to() names
    all,        // the driver cannot tell groups apart
    everything  // promiscuous: the device takes nothing better
};

struct Device {
    std::string name;
    std::uint16_t port_id = 0;
    Mac mac{};
    unsigned mtu = 1500;
    unsigned rx_queues = 1;                           // queue i is polled by worker i
    unsigned tx_queues = 1;                           // queue i belongs to worker i
    unsigned most_rx_queues = 1;                      // what the device offers
    unsigned rx_descriptors = 0, tx_descriptors = 0;  // of each queue, as granted
    int numa_node = -1;                               // -1: unknown, or it has none
    bool checks_ip_checksum = false;                  // and says so in every packet
    bool strips_vlan = false;
    bool filters_vlans = false;  // only those that let_in() names come in, and untagged frames
    Multicast multicast = Multicast::all;
    std::string driver;  // "net_af_packet"
    Spread spread;
    std::vector<std::string> warnings;  // what the operator has been told; it runs all the same
};

// Main, after start_eal(). `pools[i]` feeds RX queue i; one a worker. The device runs when this
// returns, and hashes by source. One sentence on failure.
tl::expected<Device, std::string> open_device(const DeviceConfig& config,
                                              const std::vector<rte_mempool*>& pools);
void close_device(const Device& device);

// Lets these groups in and no others, where the driver can; else all of them; else everything, for
// good. device.multicast says which. The error: what made the device promiscuous, or that it did not
// become so; said once, when it happens.
tl::expected<void, std::string> listen_to(Device& device, std::span<const Mac> groups);

// Lets VLANs in, beside those before, where the device keeps a list of them; everything where it does
// not take one of them, with an error as above.
tl::expected<void, std::string> let_in(Device& device, std::span<const std::uint16_t> vlans);
// No longer.
void keep_out(Device& device, std::span<const std::uint16_t> vlans);

struct Link {
    bool up = false;
    std::uint32_t mbps = 0;  // 0: unknown
};
Link link_of(const Device& device);  // as last seen: never waits

struct DeviceCounts {
    std::uint64_t rx_packets = 0, tx_packets = 0, rx_bytes = 0, tx_bytes = 0;
    std::uint64_t rx_missed = 0;  // no room in the RX queue, or no buffer
};
DeviceCounts counts_of(const Device& device);

}  // namespace portcullis::nic
