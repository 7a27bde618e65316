// The rings that packets take between threads. Each has one producer and one consumer.
//
//   worker i -> worker j   handover(i, j): packets that j owns
//   worker i -> main       to_main(i): what only main can answer (packet_note.h)
//   main -> worker i       from_main(i): finished frames to be sent
//
// A full ring never blocks: the packet is dropped and counted by the producer (handover-full,
// punt-full, tx-full for main's frames).
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/packet_note.h"

namespace portcullis::dataplane {

class Switchboard {
  public:
    // `ring_size` packets in each ring, a power of two. Main, once, after rte_eal_init().
    static tl::expected<std::unique_ptr<Switchboard>, std::string> create(
        unsigned workers, unsigned ring_size = 1024);
    ~Switchboard();
    Switchboard(const Switchboard&) = delete;
    Switchboard& operator=(const Switchboard&) = delete;

    unsigned workers() const { return workers_; }
    rte_ring* handover(unsigned from, unsigned to) const { return handover_[from * workers_ + to]; }
    rte_ring* to_main(unsigned worker) const { return to_main_[worker]; }
    rte_ring* from_main(unsigned worker) const { return from_main_[worker]; }

    // Main's side. `main` is main's Counters; all three keep the identity of counters.h.
    // Takes punted packets, fairly over the workers; the caller owns them and must consume
    // (count `consumed`), drop (count the reason), keep (`waiting`) or transmit() each.
    unsigned take(std::span<rte_mbuf*> out, Counters& main);
    // Gives a finished frame (Ethernet header, 802.1Q tag where at.vlan != 0, checksums done) to a
    // worker. Where the ring is full the packet is freed, counted as tx_full, and false is
    // returned.
    bool transmit(rte_mbuf* frame, Attachment at, Counters& main);

    // After every worker has stopped: frees what is still queued, counted in main's `shutdown`.
    void drain(Counters& main);

  private:
    Switchboard() = default;
    unsigned workers_ = 0;
    unsigned next_ = 0;  // main: the worker to take from first
    std::vector<rte_ring*> handover_;
    std::vector<rte_ring*> to_main_;
    std::vector<rte_ring*> from_main_;
};

}  // namespace portcullis::dataplane
