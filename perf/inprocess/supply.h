// Where the packets of one RX queue come from: an RX callback writes the next flow's headers into
// whatever the device has received (net_null: into empty buffers).
//
// One for each queue, used by the thread that polls it.
#pragma once

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <cstdint>
#include <vector>

#include "perf/inprocess/frames.h"

namespace portcullis::perf {

class Supply {
  public:
    // `pool` is for frames that a silent device has no buffers for.
    Supply(const Frames& frames, std::uint16_t port_id, std::uint16_t queue, rte_mempool* pool);
    ~Supply();
    Supply(const Supply&) = delete;
    Supply& operator=(const Supply&) = delete;

    // Nothing arrives but what the device itself receives, unchanged.
    void off();
    // Each of `flows` once, in this order, then nothing; buffers are the supply's own.
    void once(Kind kind, std::vector<std::uint32_t> flows);
    bool finished() const { return at_ == flows_.size(); }
    // `flows`, a power of two of them, again and again, in an order without locality; the buffers
    // are those that the device received.
    void repeat(Kind kind, std::vector<std::uint32_t> flows);
    // Flow `first`, the next one, ... each once, for ever.
    void endless(Kind kind, std::uint32_t first);
    // Nine packets of `flows`, then one of flow `first`, ...
    void mix(Kind kind, std::vector<std::uint32_t> flows, Kind new_kind, std::uint32_t first);

  private:
    enum class Mode : std::uint8_t { once, repeat, endless, mix };
    static std::uint16_t receive(std::uint16_t port, std::uint16_t queue, rte_mbuf** packets,
                                 std::uint16_t count, std::uint16_t room, void* self);
    std::uint16_t give_once(rte_mbuf** packets, std::uint16_t room);
    void install(Mode mode);
    void write(Kind kind, std::uint32_t flow, rte_mbuf& packet) const;
    std::uint32_t next_repeated();

    const Frames& frames_;
    const std::uint16_t port_id_;
    const std::uint16_t queue_;
    rte_mempool* const pool_;
    const rte_eth_rxtx_callback* callback_ = nullptr;
    Mode mode_ = Mode::once;
    Kind kind_ = Kind::request;
    Kind new_kind_ = Kind::open;
    std::vector<std::uint32_t> flows_;
    std::size_t at_ = 0;
    std::uint32_t next_new_ = 0;
    unsigned until_new_ = 0;
};

}  // namespace portcullis::perf
