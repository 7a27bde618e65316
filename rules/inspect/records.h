// The undecided sessions of one worker: records with a buffer of 128 bytes each, larger buffers
// that few of them need, and who is the oldest.
//
// A handle is index and generation of a slot: it finds nothing once the slot has been given up.
// Its top bit says that the session's class had been recognised, so that this is known of sessions
// whose record is gone. Slots are used in turn, so a generation comes again only after every slot
// has been used as often.
//
// UDP has slots of its own, behind those of TCP: whoever floods it with forged sources, perhaps of a
// service that is only watched, must not cost TCP its records. A datagram's record can always be had.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "rules/inspect/bytes.h"
#include "rules/inspect/inspector.h"
#include "rules/inspect/media.h"
#include "rules/inspect/source_counts.h"

namespace portcullis::inspect {

inline constexpr std::uint32_t kSmallBuffer = 128;
inline constexpr std::uint32_t kMediumBuffer = 4096;
inline constexpr std::uint32_t kLargeBuffer = 16384;

// Offsets are of the initiator's stream: 0 is its first byte.
struct Record {
    struct Interval {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
    };
    enum class Tier : std::uint8_t { small, medium, large };
    enum class List : std::uint8_t { free, undecided, matched, free_datagram, datagram };

    // What the session is about; open() clears it.
    struct Session {
        std::uint32_t first_sequence = 0;
        std::uint32_t length = 0;   // bytes known from 0 on without a gap
        std::uint32_t needed = 0;   // no new judgement before as many
        std::uint32_t judged = 0;   // matched: bytes that the judgement rests on
        std::uint32_t passed = 0;   // end of the last byte that was forwarded
        std::uint32_t acked = 0;    // by the responder
        std::uint32_t idle = 0;     // segments in a row that brought nothing new
        std::uint32_t scanned = 0;  // bytes that patterns were asked about, all judgements together
        bool server_may_speak = false;
        std::array<Interval, 3> held;          // watched: behind a gap; empty ones are unused
        std::array<Continuity, 2> continuity;  // datagrams: of the initiator, of the responder
    };
    Session session;

    Millis since = 0;  // it sent its first payload, or was recognised
    List list = List::free;
    bool counted = false;  // in its source's quota
    Tier tier = Tier::small;
    std::uint32_t buffer = 0;  // of its tier
    // Not recognised yet, with a buffer of a tier: who has held one for longer, and for less long.
    bool holder = false;
    std::uint32_t older_holder = 0;
    std::uint32_t newer_holder = 0;
    std::uint32_t generation = 0;
    std::uint32_t older = 0;
    std::uint32_t newer = 0;
    SourceCounts::Places places{};
    std::array<std::uint8_t, kSmallBuffer> small;

    bool matched() const { return list == List::matched; }
    bool in_use() const { return list != List::free && list != List::free_datagram; }
};

class Records {
  public:
    static std::unique_ptr<Records> create(const Limits& limits);  // nullptr: not enough memory

    Record* find(Inspection handle);  // nullptr: none, or given up
    Inspection handle_of(const Record& record) const;
    static bool was_matched(Inspection handle) {
        return (handle & kMatchedBit) != 0 && handle != kNoInspection;
    }
    // Of a session that was recognised and has no record, and of `handle` once it was recognised.
    static constexpr Inspection kOnlyMatched = 0xfffffffe;
    static Inspection as_matched(Inspection handle) { return handle | kMatchedBit; }

    enum class Refusal : std::uint8_t { none, no_room, source_quota, buffer_quota };
    // nullptr: `refusal` says why. Without a source it is in nobody's quota.
    Record* open(const policy::IpAddress* source, Millis now, Refusal& refusal);
    // Where none is free, the one that was opened or renewed first is given to this session.
    Record& open_datagram(Millis now);
    void close(Record& record);

    bool expired(const Record& record, Millis now) const {
        return now > record.since && now - record.since > limits_.deadline;
    }
    void match(Record& record, Millis now);  // it does not expire, but may be given to others
    void renew(Record& record, Millis now);

    std::uint8_t* bytes(Record& record);
    Bytes known(Record& record) { return {bytes(record), record.session.length}; }
    // Makes room for `size` bytes, of which the first `used` are kept; where there is none, another
    // record that is not recognised yet is given up. `recognised`: this one is about to be.
    Refusal grow(Record& record, std::uint32_t size, std::uint32_t used, bool recognised,
                 Millis now);
    void shrink(Record& record, std::uint32_t used);  // gives back what `used` bytes do not need

    std::uint32_t used() const { return used_; }
    std::uint64_t memory_bytes() const;

  private:
    static constexpr std::uint32_t kNone = 0xffffffff;
    static constexpr Inspection kMatchedBit = 0x80000000;
    // Expired records looked for by the way, and where something is short: bounds of one call.
    static constexpr unsigned kByTheWay = 8;
    static constexpr unsigned kInNeed = 256;

    struct List {
        std::uint32_t oldest = kNone;
        std::uint32_t newest = kNone;
    };
    struct Buffers {
        std::uint32_t size = 0;  // of each
        std::uint32_t count = 0;
        std::uint32_t free = 0;  // how many of `unused` are in use as a stack
        std::unique_ptr<std::uint8_t[]> memory;
        std::unique_ptr<std::uint32_t[]> unused;
        bool create(std::uint32_t bytes, std::uint32_t number);
    };

    Records() = default;
    List& list_of(Record::List list) { return lists_[static_cast<unsigned>(list)]; }
    std::uint32_t index_of(const Record& record) const {
        return static_cast<std::uint32_t>(&record - records_.get());
    }
    std::uint32_t slots() const { return limits_.records + limits_.datagrams; }
    Record& take(Record::List from, Record::List to, Millis now);
    void append(Record& record, Record::List list);
    void unlink(Record& record);
    void give_up_expired(Millis now, unsigned at_most, bool matched_too);
    Buffers& buffers_of(Record::Tier tier) { return buffers_[static_cast<unsigned>(tier) - 1]; }
    void release_buffer(Record& record);
    List& holders_of(Record::Tier tier) { return holders_[static_cast<unsigned>(tier) - 1]; }
    void join_holders(Record& record);
    void leave_holders(Record& record);
    Record* oldest_holder_of(const SourceCounts::Places& places);
    bool within_quota(const Record& record, Record::Tier tier);
    bool find_buffer(Record::Tier& tier, Millis now);

    Limits limits_;
    std::unique_ptr<Record[]> records_;
    unsigned index_bits_ = 0;
    std::uint32_t used_ = 0;
    std::array<List, 5> lists_;
    std::array<Buffers, 2> buffers_;
    std::array<List, 2> holders_;
    SourceCounts sources_;
};

}  // namespace portcullis::inspect
