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
#include <bit>
#include <cstdint>
#include <cstring>
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

// A MAC address as the first bytes of a frame read as one little-endian word.
inline std::uint64_t mac_word(const MacAddress& mac) {
    std::uint32_t low;
    std::uint16_t high;
    std::memcpy(&low, mac.data(), sizeof low);
    std::memcpy(&high, mac.data() + sizeof low, sizeof high);
    return low | std::uint64_t{high} << 32;
}

// How words and ids are laid out: see above.
namespace neighbour_word {
inline constexpr std::uint64_t kMacMask = 0xffff'ffff'ffff;
inline constexpr unsigned kStateShift = 48;
inline constexpr unsigned kVersionShift = 50;
inline constexpr std::uint32_t kVersionMask = 0x3fff;

constexpr std::uint32_t entry_of(NeighbourId id) {
    return id & 0xffff;
}
constexpr std::uint32_t version_of(NeighbourId id) {
    return id >> 16 & kVersionMask;
}
constexpr NeighbourId make_id(std::uint32_t entry, std::uint32_t version) {
    return version << 16 | entry;
}
constexpr std::uint32_t version_in(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> kVersionShift);
}
constexpr NeighbourState state_in(std::uint64_t word) {
    return static_cast<NeighbourState>(word >> kStateShift & 3);
}
constexpr std::uint64_t make_word(std::uint64_t mac, NeighbourState state, std::uint32_t version) {
    return mac | static_cast<std::uint64_t>(state) << kStateShift |
           static_cast<std::uint64_t>(version) << kVersionShift;
}
static_assert(std::endian::native == std::endian::little, "the MAC is copied by memcpy");
static_assert(static_cast<unsigned>(NeighbourState::stale) ==
              static_cast<unsigned>(NeighbourState::reachable) + 1);
}  // namespace neighbour_word

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
    // The same as a word, as mac_word() gives it; 0 where there is none.
    std::uint64_t resolve_word(NeighbourId id);
    NeighbourState state(NeighbourId id) const;  // failed where the id is out of date

    // Main only from here on.
    // The existing id, or a new one in state incomplete; kNoNeighbour when the table is full.
    NeighbourId add(Attachment at, const policy::IpAddress& next_hop);
    void set(NeighbourId id, NeighbourState state, const MacAddress& mac);
    void remove(NeighbourId id);
    bool take_used(NeighbourId id);  // a worker has sent to it since the last call
    std::uint32_t size() const { return size_; }
    std::uint32_t capacity() const { return capacity_; }

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

    const std::uint32_t capacity_;
    std::vector<Entry> entries_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> slot_of_;  // main: hash slot of each entry in use
    std::deque<std::uint32_t> free_;      // main: entries, oldest freed first
    std::uint32_t size_ = 0;
};

inline std::uint64_t NeighbourTable::resolve_word(NeighbourId id) {
    using namespace neighbour_word;
    const std::uint32_t index = entry_of(id);
    if (index >= capacity_) return 0;
    Entry& entry = entries_[index];
    const std::uint64_t word = entry.word.load(std::memory_order_relaxed);
    // Version and state in one comparison: the two states that are sent to follow each other.
    const std::uint64_t reachable = make_word(0, NeighbourState::reachable, version_of(id));
    if ((word >> kStateShift) - (reachable >> kStateShift) > 1) return 0;
    // Only the first sender after take_used() writes, so the line stays shared.
    if (entry.used.load(std::memory_order_relaxed) == 0)
        entry.used.store(1, std::memory_order_relaxed);
    return word & kMacMask;
}

inline std::optional<MacAddress> NeighbourTable::resolve(NeighbourId id) {
    const std::uint64_t word = resolve_word(id);
    if (word == 0) return std::nullopt;
    MacAddress mac;
    std::memcpy(mac.data(), &word, mac.size());
    return mac;
}

}  // namespace portcullis::dataplane
