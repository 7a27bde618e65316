// Which TCP connections have begun through this worker while mid-stream TCP is still picked up: what
// has begun here is no connection from before the start, and whose sessions are held to a protocol
// must not get round it by having its session ended here alone.
//
// A Bloom filter of what identifies the responder's connection: the responder's key, addresses and
// ports only, for a push may move a node to another VLAN. The connection begins with the SYN-ACK, not
// with the SYN: no responder has one that it has not answered for (simultaneous open is not passed),
// and SYNs that nobody answers fill nothing. Nothing is ever taken out; once the window is over
// nobody asks.
//
// 16 bits or more for each session of the capacity n, four of them for each connection. What has not
// begun here is taken for it with a probability of at most (1 - e^(-4k/16n))^4 after k connections:
// 0.24 % after n, 2.4 % after 2n, 16 % after 4n. Then a connection from before the start is not
// picked up, and its client connects anew: under a flood that responders answer, all of
// them do whose services are enforced.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "dataplane/session/huge_array.h"
#include "dataplane/session/key_hash.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

// For how long after the start mid-stream TCP is picked up, or answered with a RST (ARCHITECTURE
// "Restarts").
inline constexpr Millis kPickUpWindow = 120'000;

class BegunConnections {
  public:
    // For `sessions` connections at the rate above; 2 to 4 bytes each. nullopt: not enough memory.
    static std::optional<BegunConnections> create(std::uint32_t sessions, const KeyHash& hash);

    // `responder` as its packets arrive.
    void add(const FlowKey& responder);
    bool may_have(const FlowKey& responder) const;

    std::uint64_t memory_bytes() const { return words_.bytes(); }

  private:
    static constexpr unsigned kBitsASession = 16;
    static constexpr unsigned kBitsAConnection = 4;

    explicit BegunConnections(const KeyHash& hash) : hash_(hash) {}
    // Calls visit(bit) for the bits of a connection until it returns false; whether none did.
    template <class Visit>
    bool every_bit(const FlowKey& responder, Visit&& visit) const {
        FlowKey key = responder;
        key.interface = 0;
        const std::uint64_t hash = hash_(key);
        // Odd: the bits of one connection differ.
        const std::uint64_t step = std::rotl(hash, 32) | 1;
        for (unsigned i = 0; i < kBitsAConnection; ++i)
            if (!visit((hash + i * step) & mask_)) return false;
        return true;
    }

    KeyHash hash_;
    HugeArray<std::uint64_t> words_;  // a power of two
    std::uint64_t mask_ = 0;          // bits - 1
};

}  // namespace portcullis::dataplane
