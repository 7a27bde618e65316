// The half-open TCP sessions of one worker, oldest first, for each source and in total.
//
// Fixed memory: one record for each half-open session; the sources are chained in a hash table
// whose entries are as many as the records, for there are never more sources than half-open
// sessions. A source's address is not stored: it is that of its first session's initiator.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/session/huge_array.h"
#include "dataplane/session/key_hash.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

class Embryonic {
  public:
    // `sessions` must outlive this. nullopt: not enough memory.
    static std::optional<Embryonic> create(std::uint32_t records, const KeyHash& hash,
                                           const Session* sessions);

    std::uint32_t size() const { return size_; }
    std::uint32_t room() const { return static_cast<std::uint32_t>(records_.size()); }

    // Half-open sessions of one source, and the oldest of them (kNoSession: none).
    struct Source {
        std::uint32_t count = 0;
        std::uint32_t oldest = kNoSession;
    };
    Source source(const IpAddress& address) const;
    std::uint32_t oldest() const;  // of all; kNoSession: none

    // The caller has checked that size() < room(). `session` has its keys. Returns the record.
    std::uint32_t add(std::uint32_t session);
    void remove(std::uint32_t record);

    std::uint64_t memory_bytes() const {
        return records_.bytes() + sources_.bytes() + chains_.bytes();
    }

  private:
    static constexpr std::uint32_t kNone = 0xffffffff;
    struct Record {
        std::uint32_t session = kNone;
        std::uint32_t source = kNone;
        std::uint32_t older = kNone;         // of all
        std::uint32_t newer = kNone;         // of all; or the next free record
        std::uint32_t source_older = kNone;  // of this source, a ring: the oldest's is the newest
        std::uint32_t source_newer = kNone;
    };
    struct SourceEntry {
        std::uint32_t first = kNone;  // record of its oldest session
        std::uint32_t count = 0;
        std::uint32_t next = kNone;  // in the chain, or the next free entry
    };

    explicit Embryonic(const KeyHash& hash) : hash_(hash) {}
    const IpAddress& address_of(std::uint32_t session) const {
        return sessions_[session].key[0].source;
    }
    std::uint32_t chain_of(const IpAddress& address) const {
        return static_cast<std::uint32_t>((hash_(address) >> 32) * chains_.size() >> 32);
    }
    std::uint32_t find_source(const IpAddress& address) const;

    KeyHash hash_;
    const Session* sessions_ = nullptr;
    HugeArray<Record> records_;
    HugeArray<SourceEntry> sources_;
    HugeArray<std::uint32_t> chains_;  // first source of each, plus one: 0 is an empty chain
    std::uint32_t free_record_ = kNone;
    std::uint32_t free_source_ = kNone;
    std::uint32_t oldest_ = kNone;
    std::uint32_t newest_ = kNone;
    std::uint32_t size_ = 0;
};

}  // namespace portcullis::dataplane
