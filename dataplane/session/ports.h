// Source ports of ours, for full and source NAT.
//
// A pool is a queue: ports are drawn from its front and return to its back. Fresh ports stand in
// front of returned ones, and the front is always the one that has been free the longest; so if
// that one was freed less than 120 s ago, every other free one was too, and no clock is needed to
// keep a port from being drawn again within 120 s while others are free. Fresh ports are shuffled
// (RFC 6056).
//
// Memory comes from PreparedPorts, built outside the poll path.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet.h"

namespace portcullis::dataplane {

// A worker draws only from its own slice of the ports, so the owner of a reply follows from its
// destination port alone.
struct PortSlices {
    static constexpr unsigned kFirstPort = 1024;
    static constexpr unsigned kPorts = 65536 - kFirstPort;
    // Worker that owns `port` of a full-NAT address among `workers` (at least 1); ports below 1024
    // are in no slice and give worker 0.
    static constexpr unsigned owner(std::uint16_t port, unsigned workers) {
        return port < kFirstPort ? 0 : (port - kFirstPort) * workers / kPorts;
    }
};

// One pool of source ports: for `full`, one a (VIP, node address, destination port, protocol); for
// `snat`, node = IpAddress{} and port = 0: one for all destinations of the VIP.
struct PortPoolKey {
    IpAddress vip;
    IpAddress node;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;  // policy::Transport
    friend bool operator==(const PortPoolKey&, const PortPoolKey&) = default;
};
struct PortPoolSpec {
    PortPoolKey key;
    std::vector<std::uint16_t> excluded;  // service ports of this VIP and protocol, at most 32
};

class PortPool {
  public:
    static constexpr unsigned kMaxExcluded = 32;

    PortPool(const PortPoolSpec& spec, unsigned worker, unsigned workers, std::uint64_t seed);

    const PortPoolKey& key() const { return key_; }
    std::optional<std::uint16_t> draw();
    void release(std::uint16_t port);
    std::uint32_t free_ports() const { return count_; }
    std::uint32_t taken() const { return size_ - count_; }
    // The ports of `other`, free and taken, continue here under this pool's exclusions.
    void continue_from(PortPool& other);
    std::uint64_t memory_bytes() const { return size_ * sizeof(std::uint16_t); }

  private:
    bool excluded(std::uint16_t port) const;

    PortPoolKey key_;
    std::unique_ptr<std::uint16_t[]> queue_;  // a ring: [head, head + count)
    std::uint32_t size_ = 0;
    std::uint32_t head_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t excluded_count_ = 0;
    std::array<std::uint16_t, kMaxExcluded> excluded_{};
};

// Pools with an index by key.
class PortPools {
  public:
    PortPools() = default;
    // `room` pools at most; specs.size() <= room.
    PortPools(std::span<const PortPoolSpec> specs, std::uint32_t room, unsigned worker,
              unsigned workers, std::uint64_t seed);

    PortPool* find(const PortPoolKey& key);
    // Takes over the ports of all pools of `other`: into the pool of the same key, else as a pool
    // of their own while there is room, those in use first. Does not allocate.
    void continue_from(PortPools& other);

    std::uint32_t size() const { return static_cast<std::uint32_t>(pools_.size()); }
    std::uint64_t memory_bytes() const;

  private:
    static constexpr std::uint16_t kEmpty = 0xffff;
    std::size_t slot_of(const PortPoolKey& key) const;
    void index(std::uint16_t pool);

    std::vector<PortPool> pools_;       // never grown beyond its first capacity
    std::vector<std::uint16_t> index_;  // open addressing, a power of two at most half full
    std::uint32_t room_ = 0;
};

// What Sessions::prepare_ports() hands to Sessions::take_ports().
class PreparedPorts {
  public:
    explicit PreparedPorts(PortPools pools) : pools_(std::move(pools)) {}

  private:
    friend class Sessions;
    PortPools pools_;
};

}  // namespace portcullis::dataplane
