// A device: one DPDK port, from its entry in dataplane.conf to running queues.
//
// Queues follow from what the device offers: a worker needs a TX queue of its own everywhere, RX
// queues are one for each worker or as many as there are. RSS is switched on where it is offered
// and only spares hand-overs: which worker owns a packet never depends on it.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace portcullis::nic {

struct DeviceConfig {
    std::string name;  // as the topology calls it
    std::string pci;   // "0000:3b:00.0", or
    std::string vdev;  // "net_af_packet0,iface=wan,qpairs=2": a driver name and its arguments
    unsigned mtu = 1500;
    unsigned rx_descriptors = 1024;  // a queue
    unsigned tx_descriptors = 1024;
};

struct Device {
    std::string name;
    std::uint16_t port_id = 0;
    std::array<std::uint8_t, 6> mac{};
    unsigned mtu = 1500;
    unsigned rx_queues = 1;  // queue i is polled by worker i
    unsigned tx_queues = 1;  // queue i belongs to worker i
    bool rss = false;
    std::string driver;  // "net_af_packet"
};

// Main, after start_eal(). `pools[i]` feeds RX queue i; one a worker. The device runs when this
// returns. One sentence on failure.
tl::expected<Device, std::string> open_device(const DeviceConfig& config,
                                              const std::vector<rte_mempool*>& pools);
void close_device(const Device& device);

struct Link {
    bool up = false;
    std::uint32_t mbps = 0;  // 0: unknown
};
Link link_of(const Device& device);

struct DeviceCounts {
    std::uint64_t rx_packets = 0, tx_packets = 0, rx_bytes = 0, tx_bytes = 0;
    std::uint64_t rx_missed = 0;  // no room in the RX queue, or no buffer
};
DeviceCounts counts_of(const Device& device);

}  // namespace portcullis::nic
