// Next hops and their MAC addresses: written by main alone, read by every worker without a lock.
//
// A session keeps a NeighbourId, never a MAC address: a worker sends with one relaxed load of a
// 64-bit word. The id carries the version of its slot, so when main gives a slot to another next
// hop, ids handed out before simply stop resolving, and the worker asks find() again.
//
//   word:  bits 0-47 MAC (first byte on the wire lowest), 48-49 peer::NeighbourState, 50-63 version
//   id:    bits 0-15 slot, 16-29 version
//
// find() is a seqlock over a small hash; a worker asks it once for each session and generation.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "dataplane/packet_note.h"
#include "dataplane/session/session.h"
#include "rules/peer/neighbour_state.h"
#include "rules/policy/address.h"

namespace portcullis::dataplane {

using peer::NeighbourState;
using MacAddress = std::array<std::uint8_t, 6>;
using NeighbourId = std::uint32_t;  // kNoNeighbour: none

class NeighbourTable {
  public:
    explicit NeighbourTable(std::uint32_t capacity = 4096);  // next hops, at most 65535

    // Any thread.
    NeighbourId find(Attachment at, const policy::IpAddress& next_hop) const;
    // Workers send to reachable and stale neighbours, drop (neighbour-failed) what goes to failed
    // ones, and give main the rest (NoteKind::resolve). So main keeps an entry failed for as long
    // as it wants to be left alone, and then removes it. The MAC address to send to; nullopt while
    // it is unknown, failed, or the id is out of date. Marks the neighbour as used.
    std::optional<MacAddress> resolve(NeighbourId id);
    NeighbourState state(NeighbourId id) const;  // failed where the id is out of date

    // Main only from here on.
    // The existing id, or a new one in state incomplete; kNoNeighbour when the table is full.
    NeighbourId add(Attachment at, const policy::IpAddress& next_hop);
    void set(NeighbourId id, NeighbourState state, const MacAddress& mac);
    void remove(NeighbourId id);
    bool take_used(NeighbourId id);  // a worker has sent to it since the last call
    std::uint32_t size() const { return size_; }
    std::uint32_t capacity() const { return static_cast<std::uint32_t>(entries_.size()); }

  private:
    struct alignas(16) Entry {
        std::atomic<std::uint64_t> word{0};
        std::atomic<std::uint32_t> used{0};  // set by workers, cleared by main
    };
    // One hash slot. `sequence` is odd while main writes; the fields are atomics so that a read
    // that loses the race is discarded, not undefined.
    struct alignas(64) Slot {
        std::atomic<std::uint32_t> sequence{0};
        std::atomic<std::uint32_t> id{kNoNeighbour};
        std::atomic<std::uint64_t> address[2]{};
        std::atomic<std::uint32_t> attachment{0};
    };
    static constexpr unsigned kWindow = 16;  // slots searched for one key

    std::size_t home(Attachment at, const policy::IpAddress& next_hop) const;
    static void write(Slot& slot, NeighbourId id, Attachment at, const policy::IpAddress& next_hop);

    std::vector<Entry> entries_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> slot_of_;  // main: hash slot of each entry in use
    std::deque<std::uint32_t> free_;      // main: entries, oldest freed first
    std::uint32_t size_ = 0;
};

}  // namespace portcullis::dataplane
