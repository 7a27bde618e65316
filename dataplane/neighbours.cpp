#include "dataplane/neighbours.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace portcullis::dataplane {

namespace {

constexpr std::uint32_t kMaxEntries = 0xffff;

using namespace neighbour_word;

constexpr std::uint32_t pack(Attachment at) {
    return static_cast<std::uint32_t>(at.device) << 16 | at.vlan;
}

struct AddressWords {
    std::uint64_t half[2];
};
AddressWords words(const policy::IpAddress& address) {
    return std::bit_cast<AddressWords>(address.bytes());
}

}  // namespace

// The hash is four times as large as the table, so a window of 16 slots is practically never full.
NeighbourTable::NeighbourTable(std::uint32_t capacity)
    : capacity_(std::clamp(capacity, 1U, kMaxEntries)),
      entries_(capacity_),
      slots_(std::bit_ceil(entries_.size() * 4) + kWindow),
      slot_of_(entries_.size(), 0) {
    for (std::uint32_t entry = 0; entry < entries_.size(); ++entry) free_.push_back(entry);
}

std::size_t NeighbourTable::home(Attachment at, const policy::IpAddress& next_hop) const {
    const AddressWords address = words(next_hop);
    std::uint64_t h = address.half[0] * 0x9e3779b97f4a7c15 ^ address.half[1] ^ pack(at);
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93;
    h ^= h >> 32;
    return h & (slots_.size() - kWindow - 1);
}

NeighbourId NeighbourTable::find(Attachment at, const policy::IpAddress& next_hop) const {
    const AddressWords address = words(next_hop);
    const std::size_t first = home(at, next_hop);
    for (std::size_t i = first; i < first + kWindow; ++i) {
        const Slot& slot = slots_[i];
        const std::uint32_t before = slot.sequence.load(std::memory_order_acquire);
        const NeighbourId id = slot.id.load(std::memory_order_relaxed);
        const bool same = slot.attachment.load(std::memory_order_relaxed) == pack(at) &&
                          slot.address[0].load(std::memory_order_relaxed) == address.half[0] &&
                          slot.address[1].load(std::memory_order_relaxed) == address.half[1];
        std::atomic_thread_fence(std::memory_order_acquire);
        const std::uint32_t after = slot.sequence.load(std::memory_order_relaxed);
        // A slot in the middle of a write counts as a miss: the packet goes to main, which knows.
        if (before == after && before % 2 == 0 && id != kNoNeighbour && same) return id;
    }
    return kNoNeighbour;
}

NeighbourState NeighbourTable::state(NeighbourId id) const {
    const std::uint32_t index = entry_of(id);
    if (index >= entries_.size()) return NeighbourState::failed;
    const std::uint64_t word = entries_[index].word.load(std::memory_order_relaxed);
    return version_in(word) == version_of(id) ? state_in(word) : NeighbourState::failed;
}

void NeighbourTable::write(Slot& slot, NeighbourId id, Attachment at,
                           const policy::IpAddress& next_hop) {
    const AddressWords address = words(next_hop);
    const std::uint32_t sequence = slot.sequence.load(std::memory_order_relaxed);
    slot.sequence.store(sequence + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    slot.id.store(id, std::memory_order_relaxed);
    slot.attachment.store(pack(at), std::memory_order_relaxed);
    slot.address[0].store(address.half[0], std::memory_order_relaxed);
    slot.address[1].store(address.half[1], std::memory_order_relaxed);
    slot.sequence.store(sequence + 2, std::memory_order_release);
}

NeighbourId NeighbourTable::add(Attachment at, const policy::IpAddress& next_hop) {
    const NeighbourId existing = find(at, next_hop);
    if (existing != kNoNeighbour) return existing;
    if (free_.empty()) return kNoNeighbour;

    const std::size_t first = home(at, next_hop);
    for (std::size_t i = first; i < first + kWindow; ++i) {
        if (slots_[i].id.load(std::memory_order_relaxed) != kNoNeighbour) continue;
        const std::uint32_t index = free_.front();
        free_.pop_front();
        const std::uint32_t version =
            version_in(entries_[index].word.load(std::memory_order_relaxed));
        const NeighbourId id = make_id(index, version);
        entries_[index].word.store(make_word(0, NeighbourState::incomplete, version),
                                   std::memory_order_relaxed);
        slot_of_[index] = static_cast<std::uint32_t>(i);
        write(slots_[i], id, at, next_hop);
        ++size_;
        return id;
    }
    return kNoNeighbour;
}

void NeighbourTable::set(NeighbourId id, NeighbourState state, const MacAddress& mac) {
    const std::uint32_t index = entry_of(id);
    if (index >= entries_.size()) return;
    Entry& entry = entries_[index];
    if (version_in(entry.word.load(std::memory_order_relaxed)) != version_of(id)) return;
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, mac.data(), mac.size());
    entry.word.store(make_word(bytes & kMacMask, state, version_of(id)), std::memory_order_relaxed);
}

void NeighbourTable::remove(NeighbourId id) {
    const std::uint32_t index = entry_of(id);
    if (index >= entries_.size()) return;
    Entry& entry = entries_[index];
    if (version_in(entry.word.load(std::memory_order_relaxed)) != version_of(id)) return;
    // The version moves on, so ids that sessions still hold stop resolving from here on.
    entry.word.store(make_word(0, NeighbourState::failed, (version_of(id) + 1) & kVersionMask),
                     std::memory_order_relaxed);
    entry.used.store(0, std::memory_order_relaxed);
    write(slots_[slot_of_[index]], kNoNeighbour, {}, {});
    free_.push_back(index);
    --size_;
}

bool NeighbourTable::take_used(NeighbourId id) {
    const std::uint32_t index = entry_of(id);
    return index < entries_.size() &&
           entries_[index].used.exchange(0, std::memory_order_relaxed) != 0;
}

}  // namespace portcullis::dataplane
