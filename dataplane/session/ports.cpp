#include "dataplane/session/ports.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace portcullis::dataplane {
namespace {

std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// Pools come from the policy, not from packets: no secret is needed.
std::uint64_t hash_of(const PortPoolKey& key) {
    std::uint64_t hash = mix(std::uint64_t{key.port} << 8 | key.protocol);
    for (const IpAddress* address : {&key.vip, &key.node}) {
        std::array<std::uint64_t, 2> word;
        std::memcpy(word.data(), address->bytes().data(), sizeof(word));
        hash = mix(mix(hash ^ word[0]) + word[1]);
    }
    return hash;
}

}  // namespace

PortPool::PortPool(const PortPoolSpec& spec, unsigned worker, unsigned workers, std::uint64_t seed)
    : key_(spec.key) {
    // Excluded ports are in the queue too and passed over when drawn: a reload may change them.
    std::vector<std::uint16_t> ports;
    for (unsigned port = PortSlices::kFirstPort; port <= 65535; ++port)
        if (PortSlices::owner(static_cast<std::uint16_t>(port), workers) == worker)
            ports.push_back(static_cast<std::uint16_t>(port));
    std::uint64_t state = mix(seed ^ hash_of(key_));
    for (std::size_t i = ports.size(); i > 1; --i) {
        state += 0x9e3779b97f4a7c15;
        std::swap(ports[i - 1], ports[mix(state) % i]);
    }
    size_ = count_ = static_cast<std::uint32_t>(ports.size());
    queue_ = std::make_unique<std::uint16_t[]>(size_);
    std::copy(ports.begin(), ports.end(), queue_.get());
    for (std::uint16_t port : spec.excluded)
        if (excluded_count_ < kMaxExcluded) excluded_[excluded_count_++] = port;
}

bool PortPool::excluded(std::uint16_t port) const {
    const auto end = excluded_.begin() + excluded_count_;
    return std::find(excluded_.begin(), end, port) != end;
}

std::optional<std::uint16_t> PortPool::draw() {
    for (unsigned tries = 0; tries <= excluded_count_ && count_ > 0; ++tries) {
        const std::uint16_t port = queue_[head_];
        head_ = head_ + 1 == size_ ? 0 : head_ + 1;
        --count_;
        if (!excluded(port)) return port;
        release(port);
    }
    return std::nullopt;
}

void PortPool::release(std::uint16_t port) {
    if (count_ == size_) return;
    const std::uint32_t tail = head_ + count_;
    queue_[tail >= size_ ? tail - size_ : tail] = port;
    ++count_;
}

void PortPool::continue_from(PortPool& other) {
    std::swap(queue_, other.queue_);
    std::swap(size_, other.size_);
    std::swap(head_, other.head_);
    std::swap(count_, other.count_);
}

PortPools::PortPools(std::span<const PortPoolSpec> specs, std::uint32_t room, unsigned worker,
                     unsigned workers, std::uint64_t seed)
    : index_(std::bit_ceil(std::size_t{room} * 2 + 1), kEmpty), room_(room) {
    pools_.reserve(room);
    for (const PortPoolSpec& spec : specs) {
        if (find(spec.key) != nullptr || pools_.size() == room) continue;
        pools_.emplace_back(spec, worker, workers, seed);
        index(static_cast<std::uint16_t>(pools_.size() - 1));
    }
}

std::size_t PortPools::slot_of(const PortPoolKey& key) const {
    std::size_t slot = hash_of(key) & (index_.size() - 1);
    while (index_[slot] != kEmpty && !(pools_[index_[slot]].key() == key))
        slot = (slot + 1) & (index_.size() - 1);
    return slot;
}

void PortPools::index(std::uint16_t pool) {
    index_[slot_of(pools_[pool].key())] = pool;
}

PortPool* PortPools::find(const PortPoolKey& key) {
    if (index_.empty()) return nullptr;
    const std::uint16_t pool = index_[slot_of(key)];
    return pool == kEmpty ? nullptr : &pools_[pool];
}

void PortPools::continue_from(PortPools& other) {
    for (PortPool& old : other.pools_)
        if (PortPool* same = find(old.key())) same->continue_from(old);
    for (const bool in_use : {true, false}) {
        for (PortPool& old : other.pools_) {
            if ((old.taken() > 0) != in_use || pools_.size() == room_) continue;
            if (find(old.key()) != nullptr) continue;  // continued above
            pools_.push_back(std::move(old));
            index(static_cast<std::uint16_t>(pools_.size() - 1));
        }
    }
}

std::uint64_t PortPools::memory_bytes() const {
    std::uint64_t bytes =
        index_.capacity() * sizeof(index_[0]) + pools_.capacity() * sizeof(PortPool);
    for (const PortPool& pool : pools_) bytes += pool.memory_bytes();
    return bytes;
}

}  // namespace portcullis::dataplane
