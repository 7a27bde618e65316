// Up to 64 packets on their way through the stages, fields as parallel arrays.
//
// A packet is in `live` until it meets its fate; every stage works on the live ones only. A stage
// that ends a packet calls one of drop(), hand_over(), punt(); whatever is live after forward is
// sent. Nothing is freed or counted here: the worker does both when the burst is done, so that each
// packet lands in exactly one count and stages are tested without a mempool.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/packet_note.h"
#include "dataplane/policy/runtime_policy.h"
#include "dataplane/session/sessions.h"

namespace portcullis::dataplane {

inline constexpr unsigned kBurstSize = 64;

// What parse made of a packet.
enum class PacketKind : std::uint8_t {
    flow,        // TCP, UDP, echo: judged and tracked
    icmp_error,  // `key` is that of the quoted packet, reversed: it finds the session, and never
                 // starts one
};

enum class Fate : std::uint8_t { live, dropped, handed_over, punted };

struct Burst {
    unsigned count = 0;
    std::uint64_t live = 0;  // bit i: packet i is still on its way

    std::array<rte_mbuf*, kBurstSize> mbuf;
    // parse
    std::array<Attachment, kBurstSize> ingress;
    std::array<PacketView, kBurstSize> view;
    std::array<FlowKey, kBurstSize> key;
    std::uint64_t icmp_errors = 0;  // bit i: PacketKind::icmp_error
    // Sessions::prefetch() of the key; of what parse has ended, an older one, or 0.
    std::array<std::uint64_t, kBurstSize> hash{};
    std::array<SessionTable::Reference, kBurstSize> candidate;  // Sessions::prefetch_session()
    // admit: keys as RuntimePolicy::judge() wants them, and what it says. Kept here because on the stack
    // they would be initialised for each burst.
    std::array<FlowKey, kBurstSize> judged_key;
    std::array<Judgement, kBurstSize> judgement;
    // lookup, admit; meaningful where the packet is live afterwards
    std::array<SessionHit, kBurstSize> hit;
    std::uint64_t missed = 0;                      // bit i: no session yet, for admit
    std::array<std::uint16_t, kBurstSize> egress;  // translate: interface of the burst's policy
    std::array<std::uint16_t, kBurstSize> device;  // forward: the device that the frame leaves by
    // fates
    std::array<Fate, kBurstSize> fate;
    std::array<DropReason, kBurstSize> reason;    // dropped
    std::array<std::uint16_t, kBurstSize> owner;  // handed over: worker
    // lookup, admit, for inspect
    std::uint64_t undecided = 0;  // bit i: its session is not judged yet, or was refused
    // Of those, TCP: the highest sequence number that its sender had sent before this packet.
    std::array<std::uint32_t, kBurstSize> sent_before;

    void reset(unsigned packets) {
        count = packets;
        live = packets == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << packets) - 1;
        icmp_errors = missed = undecided = 0;
        fate.fill(Fate::live);
    }
    bool is_icmp_error(unsigned i) const { return (icmp_errors >> i & 1) != 0; }
    void drop(unsigned i, DropReason why) { end(i, Fate::dropped), reason[i] = why; }
    void hand_over(unsigned i, unsigned worker) {
        end(i, Fate::handed_over), owner[i] = static_cast<std::uint16_t>(worker);
    }
    void punt(unsigned i, NoteKind kind_of_note, Attachment at) {
        end(i, Fate::punted);
        PacketNote& note = note_of(*mbuf[i]);
        note.kind = kind_of_note;
        note.at = at;
        note.l3_offset = l3_offset(i);
    }
    std::uint8_t l3_offset(unsigned i) const {
        return view[i].l3 == nullptr ? 0
                                     : static_cast<std::uint8_t>(
                                           view[i].l3 - rte_pktmbuf_mtod(mbuf[i], std::uint8_t*));
    }

  private:
    void end(unsigned i, Fate f) {
        live &= ~(std::uint64_t{1} << i);
        missed &= ~(std::uint64_t{1} << i);
        fate[i] = f;
    }
};

// Calls `body(i)` for each bit set in `mask`, lowest first. `body` may end packets.
template <class Body>
inline void for_each(std::uint64_t mask, Body&& body) {
    for (; mask != 0; mask &= mask - 1) body(static_cast<unsigned>(std::countr_zero(mask)));
}

}  // namespace portcullis::dataplane
