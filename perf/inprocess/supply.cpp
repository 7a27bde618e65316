#include "perf/inprocess/supply.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace portcullis::perf {

Supply::Supply(const Frames& frames, std::uint16_t port_id, std::uint16_t queue, rte_mempool* pool)
    : frames_(frames), port_id_(port_id), queue_(queue), pool_(pool) {}

Supply::~Supply() {
    off();
}

void Supply::off() {
    // Nobody polls while this is called, so the callback's memory can be given back at once.
    if (callback_ == nullptr) return;
    rte_eth_remove_rx_callback(port_id_, queue_, callback_);
    rte_free(const_cast<rte_eth_rxtx_callback*>(callback_));
    callback_ = nullptr;
}

void Supply::install(Mode mode) {
    off();
    mode_ = mode;
    at_ = 0;
    callback_ = rte_eth_add_rx_callback(port_id_, queue_, receive, this);
    if (callback_ == nullptr) throw std::runtime_error("the device takes no RX callback");
}

void Supply::once(Kind kind, std::vector<std::uint32_t> flows) {
    kind_ = kind;
    flows_ = std::move(flows);
    install(Mode::once);
}

void Supply::repeat(Kind kind, std::vector<std::uint32_t> flows) {
    if (!std::has_single_bit(flows.size()))
        throw std::runtime_error("a repeated supply needs a power of two of flows");
    kind_ = kind;
    flows_ = std::move(flows);
    install(Mode::repeat);
}

void Supply::endless(Kind kind, std::uint32_t first) {
    kind_ = kind;
    next_new_ = first;
    install(Mode::endless);
}

void Supply::mix(Kind kind, std::vector<std::uint32_t> flows, Kind new_kind, std::uint32_t first) {
    repeat(kind, std::move(flows));
    new_kind_ = new_kind;
    next_new_ = first;
    mode_ = Mode::mix;
}

void Supply::write(Kind kind, std::uint32_t flow, rte_mbuf& packet) const {
    const unsigned bytes = frames_.write(kind, flow, rte_pktmbuf_mtod(&packet, std::uint8_t*));
    packet.data_len = static_cast<std::uint16_t>(bytes);
    packet.pkt_len = bytes;
}

// The list is in no order that a prefetcher could learn from the packets; it is itself read in order,
// so that the supply stays cheap beside what it feeds.
std::uint32_t Supply::next_repeated() {
    constexpr std::size_t kAhead = 16;
    at_ = (at_ + 1) & (flows_.size() - 1);
    frames_.prefetch(kind_, flows_[(at_ + kAhead) & (flows_.size() - 1)]);
    return flows_[at_];
}

std::uint16_t Supply::give_once(rte_mbuf** packets, std::uint16_t room) {
    const auto left = static_cast<unsigned>(std::min<std::size_t>(room, flows_.size() - at_));
    if (left == 0 || rte_pktmbuf_alloc_bulk(pool_, packets, left) != 0) return 0;
    for (unsigned i = 0; i < left; ++i) write(kind_, flows_[at_++], *packets[i]);
    return static_cast<std::uint16_t>(left);
}

std::uint16_t Supply::receive(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count,
                              std::uint16_t room, void* self) {
    auto& supply = *static_cast<Supply*>(self);
    if (supply.mode_ == Mode::once) {
        rte_pktmbuf_free_bulk(packets, count);
        return supply.give_once(packets, room);
    }
    for (unsigned i = 0; i < count; ++i) {
        if (supply.mode_ == Mode::endless) {
            supply.write(supply.kind_, supply.next_new_++, *packets[i]);
        } else if (supply.mode_ == Mode::mix && supply.until_new_ == 0) {
            supply.until_new_ = 9;
            supply.write(supply.new_kind_, supply.next_new_++, *packets[i]);
        } else {
            if (supply.mode_ == Mode::mix) --supply.until_new_;
            supply.write(supply.kind_, supply.next_repeated(), *packets[i]);
        }
    }
    return count;
}

}  // namespace portcullis::perf
