// DPDK's environment: cores, memory, buses. Devices are opened afterwards (device.h), one by one,
// so that an error names the device.
#pragma once

#include <rte_mempool.h>

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace portcullis::nic {

struct EalOptions {
    std::string program = "portcullis-dataplane";
    unsigned main_core = 0;
    std::vector<unsigned> worker_cores;  // one a worker; several lcores may share a core
    bool workers_spin = true;            // then a core that another process spins on is an error
    unsigned memory_mib = 512;
    bool huge = true;              // false: ordinary pages, no device that does DMA
    std::vector<std::string> pci;  // addresses of the PCI devices that may be probed
};

// Main is lcore 0, worker i is lcore i + 1. Leaves no files behind. One sentence on failure.
tl::expected<void, std::string> start_eal(const EalOptions& options);
void stop_eal();  // after everything that uses DPDK is gone

// Packet buffers of one thread, on the NUMA node of lcore `lcore` where there is memory.
// `private_bytes` of each are the caller's; frames of up to `largest_frame` bytes, header and one tag
// included, fit one buffer behind RTE_PKTMBUF_HEADROOM.
tl::expected<rte_mempool*, std::string> make_pool(const std::string& name, unsigned packets,
                                                  unsigned private_bytes, unsigned largest_frame,
                                                  unsigned lcore = 0);

}  // namespace portcullis::nic
