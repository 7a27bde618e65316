// DPDK as the generator needs it: the environment on one core, and two ports of one queue pair each.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "perf/traffic/packet.h"

namespace portcullis::traffic {

inline constexpr unsigned kBurst = 32;

struct EalSettings {
    unsigned core = 0;
    unsigned memory_mib = 256;
    bool huge = true;
    std::vector<std::string> pci;    // addresses that may be probed
    std::vector<std::string> extra;  // more arguments
};

// Throws Failure (failure.h) with one sentence that says what to do.
class Eal {
  public:
    explicit Eal(const EalSettings& settings);
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;
};

// Buffers whose bytes are all zero, as write_packet() needs them; only packets that end in zeros
// may be built in them.
rte_mempool* make_zeroed_pool(const std::string& name, unsigned packets);
rte_mempool* make_pool(const std::string& name, unsigned packets);

// A vdev ("net_memif0,role=client,...") or a PCI address.
class Port {
  public:
    // A device under test that sends from several queues needs as many here: memif joins them one to one.
    Port(const std::string& device, unsigned descriptors, unsigned rx_queues);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    // Up to kBurst packets.
    unsigned receive(rte_mbuf** packets);
    // What the device did not take stays the caller's: packets[returned, count).
    unsigned send(rte_mbuf** packets, unsigned count);
    void wait_for_link(unsigned seconds) const;

    const Mac& mac() const { return mac_; }
    const std::string& device() const { return device_; }

  private:
    bool is_memif() const { return device_.starts_with("net_memif"); }

    std::string device_;
    std::uint16_t id_ = 0;
    std::uint16_t rx_queues_;
    std::uint16_t next_rx_queue_ = 0;
    Mac mac_{};
};

bool is_pci_address(const std::string& device);

}  // namespace portcullis::traffic
