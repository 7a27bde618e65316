// Judges the first bytes of sessions, for one worker of the data plane and for `portcullis identify`
// alike.
//
//     Inspection record = kNoInspection;                       // in the session
//     Outcome o = inspector.initiator_segment(record, first_sequence, *protocol, scratch, segment, source, now);
//     if (o.reported) log and count o.why with o.first_bytes
//     if (!o.forward) drop the packet; if (o.done) reset or end the session
//     if (o.done && o.forward) the session is judged: never ask again
//
// A TCP session is undecided until the initiator's bytes, in order from its first, match the class;
// it leaves inspection once the responder has acknowledged what was looked at, so that nobody else's
// bytes were judged than those that the responder has. In mode enforce only the next segment in
// order is forwarded meanwhile, what comes out of order is dropped (TCP sends it again), and bytes
// sent again must equal those before; in mode watch everything is forwarded, and the first violation
// ends the inspection. UDP is judged by datagrams. Nothing acknowledges them, so in mode enforce a
// session that was recognised by its initiator's word leaves inspection with the responder's next
// datagram, and until then each of the initiator's is judged.
//
// Records expire by themselves: one that is older than Limits::deadline is given to whoever asks
// next, and its session then finds its record gone (too_slow). So does one whose larger buffer was
// given to somebody else: where none is free the oldest that is not recognised yet makes room. For
// UDP a record that is gone or has expired means a fresh start and no violation: a muted or held
// call sends nothing for as long as it likes. So ending a session need not tell the
// inspector, though close() gives the record back at once. A session that waits for its ACK only is
// never too slow while it has its record, and never at all where it is watched.
//
// A responder's payload before the initiator's is a violation: whoever reads a capture from which
// packets are missing must not ask about one that acknowledges bytes nobody has seen.
//
// All memory is taken by create(). Nothing else here allocates, locks, logs or calls the system.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "rules/inspect/inspection_limits.h"
#include "rules/inspect/protocols.h"
#include "rules/inspect/violation.h"
#include "rules/policy/address.h"

namespace portcullis::inspect {

// A session's record: index and age of the slot, or kNoInspection before its first payload.
using Inspection = std::uint32_t;
inline constexpr Inspection kNoInspection = 0xffffffff;

// Of a TCP packet that belongs to its session's window. Host byte order.
struct Segment {
    std::uint32_t sequence = 0;  // of the first payload byte
    std::uint32_t ack = 0;       // meaningful with has_ack
    bool has_ack = false;
    std::span<const std::uint8_t> payload;  // as the IP length says, not the frame's
};

struct Outcome {
    bool forward = true;
    bool done = false;      // the session is not to be asked about again; its record is gone
    bool matched = false;   // with this packet its class was recognised, for the first time
    bool reported = false;  // a violation: `why` and `first_bytes` say which; dropped or watched
    Violation why = Violation::wrong_protocol;
    // What the initiator has sent first, up to 32 bytes; valid until the next call.
    std::span<const std::uint8_t> first_bytes;
};

class Inspector {
  public:
    static tl::expected<std::unique_ptr<Inspector>, std::string> create(const Limits& limits);
    ~Inspector();
    Inspector(const Inspector&) = delete;
    Inspector& operator=(const Inspector&) = delete;

    // `first_sequence`: initial sequence number of the initiator + 1. Used while `record` is
    // kNoInspection.
    Outcome initiator_segment(Inspection& record, std::uint32_t first_sequence,
                              const Protocol& protocol, Scratch& scratch, const Segment& segment,
                              const policy::IpAddress& source, Millis now);
    Outcome responder_segment(Inspection& record, const Protocol& protocol, Scratch& scratch,
                              const Segment& segment, Millis now);
    Outcome initiator_datagram(Inspection& record, const Protocol& protocol, Scratch& scratch,
                               std::span<const std::uint8_t> payload, Millis now);
    Outcome responder_datagram(Inspection& record, const Protocol& protocol, Scratch& scratch,
                               std::span<const std::uint8_t> payload, Millis now);
    void close(Inspection& record);

    std::uint32_t undecided() const;  // records in use, expired ones included until reused
    std::uint64_t memory_bytes() const;

  private:
    struct State;
    explicit Inspector(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace portcullis::inspect
