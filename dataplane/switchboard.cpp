#include "dataplane/switchboard.h"

#include <rte_errno.h>
#include <rte_lcore.h>

#include <array>

namespace portcullis::dataplane {

namespace {

// rte_ring names are process-wide, 28 characters.
rte_ring* make_ring(const std::string& name, unsigned size) {
    return rte_ring_create(name.c_str(), size, static_cast<int>(SOCKET_ID_ANY),
                           RING_F_SP_ENQ | RING_F_SC_DEQ);
}

}  // namespace

tl::expected<std::unique_ptr<Switchboard>, std::string> Switchboard::create(unsigned workers,
                                                                            unsigned ring_size) {
    std::unique_ptr<Switchboard> board(new Switchboard);
    board->workers_ = workers;
    const auto add = [&](std::vector<rte_ring*>& rings, const std::string& name) {
        rings.push_back(make_ring(name, ring_size));
        return rings.back() != nullptr;
    };
    bool made = true;
    for (unsigned from = 0; from < workers; ++from) {
        for (unsigned to = 0; to < workers; ++to) {
            // A worker never hands over to itself; the place stays empty.
            if (from == to)
                board->handover_.push_back(nullptr);
            else
                made &= add(board->handover_,
                            "pc_over_" + std::to_string(from) + "_" + std::to_string(to));
        }
        made &= add(board->to_main_, "pc_punt_" + std::to_string(from));
        made &= add(board->from_main_, "pc_send_" + std::to_string(from));
    }
    if (!made)
        return tl::unexpected(std::string("no memory for the rings between threads: ") +
                              rte_strerror(rte_errno) + "; give DPDK more memory");
    return board;
}

Switchboard::~Switchboard() {
    for (const auto* rings : {&handover_, &to_main_, &from_main_})
        for (rte_ring* ring : *rings) rte_ring_free(ring);
}

unsigned Switchboard::take(std::span<rte_mbuf*> out, Counters& main) {
    unsigned taken = 0;
    const auto room = static_cast<unsigned>(out.size());
    for (unsigned i = 0; i < workers_ && taken < room; ++i) {
        rte_ring* ring = to_main_[(next_ + i) % workers_];
        taken += rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(out.data() + taken),
                                        room - taken, nullptr);
    }
    if (++next_ >= workers_) next_ = 0;
    main.from_workers.add(taken);
    return taken;
}

bool Switchboard::transmit(rte_mbuf* frame, Attachment at, Counters& main) {
    PacketNote& note = note_of(*frame);
    note.kind = NoteKind::transmit;
    note.at = at;
    // Worker 0 sends for main: order among main's frames is kept.
    if (rte_ring_enqueue(from_main_[0], frame) == 0) {
        main.to_workers.add();
        return true;
    }
    main.drop(DropReason::tx_full);
    rte_pktmbuf_free(frame);
    return false;
}

void Switchboard::drain(Counters& main) {
    std::array<void*, 64> packets;
    const auto empty = [&](const std::vector<rte_ring*>& rings, Counter& taken) {
        for (rte_ring* ring : rings) {
            if (ring == nullptr) continue;
            while (const unsigned n =
                       rte_ring_dequeue_burst(ring, packets.data(), packets.size(), nullptr)) {
                for (unsigned i = 0; i < n; ++i)
                    rte_pktmbuf_free(static_cast<rte_mbuf*>(packets[i]));
                taken.add(n);
                main.drop(DropReason::shutdown, n);
            }
        }
    };
    empty(handover_, main.handed_in);
    empty(to_main_, main.from_workers);
    empty(from_main_, main.from_main);
}

}  // namespace portcullis::dataplane
