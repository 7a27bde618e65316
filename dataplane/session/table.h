// The session table: hash of a key -> session index and direction.
//
// Buckets of one cache line hold 8 entries: 16 bits of the hash and a 32-bit reference. A bucket
// that overflows is continued in a spare bucket. All buckets of a chain but the last are full, so a
// removal moves the chain's last entry into the hole and gives an emptied spare bucket back: there
// are no tombstones, and a chain is never longer than its entries need. n entries in a chain take
// at most (n - 1) / 8 spare buckets, so an eighth of the entries as spare buckets is always enough:
// insertion cannot fail, whatever the keys.
//
// The table compares hashes only; keys are in the sessions, and comparing them is the caller's.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "dataplane/session/huge_array.h"

namespace portcullis::dataplane {

class SessionTable {
  public:
    using Reference = std::uint32_t;  // session index * 2 + direction
    static constexpr Reference kNone = 0xffffffff;
    static constexpr Reference kElsewhere = 0xfffffffe;  // of guess(): only find() can tell
    static constexpr unsigned kEntries = 8;

    struct alignas(64) Bucket {
        std::array<std::uint16_t, kEntries> signature{};
        std::array<Reference, kEntries> reference{};
        std::uint32_t next = kNoBucket;  // the chain's next spare bucket, or the next free one
        std::uint32_t used = 0;          // entries [0, used) are valid
        std::uint64_t unused = 0;
    };
    static_assert(sizeof(Bucket) == 64);

    SessionTable() = default;
    // Room for `entries` at any time. nullopt: not enough memory.
    static std::optional<SessionTable> create(std::uint32_t entries);

    void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home(hash)]); }

    // Calls same(reference) for each entry that may have this hash until it returns true; that
    // entry, or kNone.
    template <class Same>
    Reference find(std::uint64_t hash, Same&& same) const {
        for (std::uint32_t b = home(hash); b != kNoBucket; b = buckets_[b].next) {
            const Bucket& bucket = buckets_[b];
            for (unsigned hits = matches(bucket, hash); hits != 0; hits &= hits - 1) {
                const Reference reference = bucket.reference[std::countr_zero(hits)];
                if (same(reference)) return reference;
            }
        }
        return kNone;
    }
    // The first entry of the home bucket that may have this hash: what to prefetch. kElsewhere: none
    // there, but the chain goes on. kNone: find() would find none.
    Reference guess(std::uint64_t hash) const {
        const Bucket& bucket = buckets_[home(hash)];
        const unsigned hits = matches(bucket, hash);
        if (hits != 0) [[likely]]
            return bucket.reference[std::countr_zero(hits)];
        return bucket.next == kNoBucket ? kNone : kElsewhere;
    }

    void insert(std::uint64_t hash, Reference reference);
    bool erase(std::uint64_t hash, Reference reference);
    bool replace(std::uint64_t hash, Reference from, Reference to);

    std::uint32_t spare_buckets_in_use() const { return spares_in_use_; }
    std::uint64_t memory_bytes() const { return buckets_.bytes(); }

  private:
    static constexpr std::uint32_t kNoBucket = 0xffffffff;
    struct Place {
        std::uint32_t bucket = kNoBucket;
        unsigned entry = 0;
    };

    // Home bucket from the upper half of the hash, signature from its lowest bits.
    std::uint32_t home(std::uint64_t hash) const {
        return static_cast<std::uint32_t>((hash >> 32) * homes_ >> 32);
    }
    static std::uint16_t signature(std::uint64_t hash) { return static_cast<std::uint16_t>(hash); }

    // Bit i: entry i has the signature.
    static unsigned matches(const Bucket& bucket, std::uint64_t hash) {
        const unsigned valid = (1U << bucket.used) - 1;
#if defined(__SSE2__)
        __m128i signatures;
        __builtin_memcpy(&signatures, bucket.signature.data(), sizeof(signatures));
        const __m128i equal =
            _mm_cmpeq_epi16(signatures, _mm_set1_epi16(static_cast<short>(signature(hash))));
        const __m128i bytes = _mm_packs_epi16(equal, _mm_setzero_si128());
        return static_cast<unsigned>(_mm_movemask_epi8(bytes)) & valid;
#else
        unsigned hits = 0;
        for (unsigned i = 0; i < kEntries; ++i)
            hits |= static_cast<unsigned>(bucket.signature[i] == signature(hash)) << i;
        return hits & valid;
#endif
    }
    Place place_of(std::uint64_t hash, Reference reference) const;

    HugeArray<Bucket> buckets_;  // homes, then spares
    std::uint32_t homes_ = 0;
    std::uint32_t free_spare_ = kNoBucket;
    std::uint32_t spares_in_use_ = 0;
};

}  // namespace portcullis::dataplane
