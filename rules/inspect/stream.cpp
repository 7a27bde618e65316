// TCP: see the head of inspector.h for what is forwarded, and held.h for what comes out of order.
#include <algorithm>
#include <cstring>

#include "rules/inspect/held.h"
#include "rules/inspect/inspector_state.h"

namespace portcullis::inspect {

namespace {

constexpr std::uint32_t kSign = 0x80000000;

bool before_start(std::uint32_t offset) {
    return (offset & kSign) != 0;
}

// Bytes that patterns may be asked about for one session. Each judgement begins at the first byte: a
// request line of 512 bytes in as many segments takes 131,328, and must pass.
constexpr std::uint32_t kScansOfWidth = 64;
constexpr std::uint32_t kLeastWidth = 2064;

bool is_scanned_too_often(Record::Session& session, const Protocol& protocol) {
    session.scanned +=
        protocol.width == 0 ? session.length : std::min(session.length, protocol.width);
    return session.scanned > kScansOfWidth * std::max(protocol.width, kLeastWidth);
}

// A keepalive: one byte of any value, which the responder has already (RFC 9293 3.8.4).
bool is_keepalive(const Record::Session& session, std::uint32_t offset, Bytes payload) {
    return payload.size() == 1 && offset + 1 == session.acked;
}

}  // namespace

Outcome Inspector::initiator_segment(Inspection& record, std::uint32_t first_sequence,
                                     const Protocol& protocol, Scratch& scratch,
                                     const Segment& segment, const policy::IpAddress& source,
                                     Millis now) {
    State& state = *state_;
    Record* known = state.records->find(record);
    if (known == nullptr && record != kNoInspection)
        return segment.payload.empty() ? Outcome{} : state.gone(record, protocol);
    if (segment.payload.empty()) {
        if (known == nullptr || known->matched()) return {};
        return state.nothing_new(record, *known, protocol, true);
    }
    if (known != nullptr && !known->matched() && state.records->expired(*known, now))
        return state.violation(record, known, protocol, Violation::too_slow,
                               state.records->known(*known));

    // What lies before the first byte is a keepalive, or for the responder to ignore.
    std::uint32_t offset =
        segment.sequence - (known == nullptr ? first_sequence : known->session.first_sequence);
    Bytes payload = segment.payload;
    if (before_start(offset)) {
        if (0 - offset >= payload.size()) {
            if (known == nullptr || known->matched()) return {};
            return state.nothing_new(record, *known, protocol, true);
        }
        payload = payload.subspan(0 - offset);
        offset = 0;
    }
    if (known == nullptr && offset == 0)
        return state.first_segment(record, protocol, scratch, payload, first_sequence, source, now);
    if (known == nullptr) {
        auto refusal = Records::Refusal::none;
        known = state.records->open(&source, now, refusal);
        if (known == nullptr) return state.refused(record, protocol, refusal, {});
        known->session.first_sequence = first_sequence;
        record = state.records->handle_of(*known);
    }
    return state.next_segment(record, *known, protocol, scratch, offset, payload, now);
}

// Most sessions are recognised by their first segment: it is judged where it is, and only what the
// judgement rests on is kept.
Outcome Inspector::State::first_segment(Inspection& handle, const Protocol& protocol,
                                        Scratch& scratch, Bytes payload,
                                        std::uint32_t first_sequence,
                                        const policy::IpAddress& source, Millis now) {
    const Bytes kept = payload.first(std::min<std::size_t>(payload.size(), kLargeBuffer));
    const Judgement judgement = judge_stream(protocol, scratch, kept);
    if (judgement.kind == Judgement::Kind::violation)
        return violation(handle, nullptr, protocol, judgement.why, payload);
    const bool match = judgement.kind == Judgement::Kind::match;

    auto refusal = Records::Refusal::none;
    Record* record = records->open(&source, now, refusal);
    const auto size = match ? judgement.bytes : static_cast<std::uint32_t>(kept.size());
    if (record != nullptr) {
        refusal = records->grow(*record, size, 0, match, now);
        if (refusal != Records::Refusal::none) {
            records->close(*record);
            record = nullptr;
        }
    }
    if (record == nullptr) {
        // Watching needs no record to know this one.
        if (match && !protocol.enforces()) return end(handle, nullptr, true);
        return refused(handle, protocol, refusal, payload);
    }
    std::memcpy(records->bytes(*record), kept.data(), size);
    record->session.first_sequence = first_sequence;
    record->session.length = size;
    record->session.passed = static_cast<std::uint32_t>(payload.size());
    handle = records->handle_of(*record);
    return settle(handle, *record, protocol, judgement, now);
}

Outcome Inspector::State::next_segment(Inspection& handle, Record& record, const Protocol& protocol,
                                       Scratch& scratch, std::uint32_t offset, Bytes payload,
                                       Millis now) {
    Record::Session& session = record.session;
    const std::uint32_t end_offset = offset + static_cast<std::uint32_t>(payload.size());
    if (!is_keepalive(session, offset, payload) &&
        differs(session, records->bytes(record), offset, payload))
        return violation(handle, &record, protocol, Violation::overlap_differs,
                         records->known(record));
    if (record.matched()) {
        session.passed = std::max(session.passed, end_offset);
        return {};
    }
    if (offset > session.length) {
        if (protocol.enforces()) return nothing_new(handle, record, protocol, false);
        if (offset >= kLargeBuffer) return nothing_new(handle, record, protocol, true);
    } else if (end_offset <= session.length) {
        return nothing_new(handle, record, protocol, true);
    }

    const Bytes kept = payload.first(std::min<std::size_t>(payload.size(), kLargeBuffer - offset));
    const std::uint32_t kept_end = offset + static_cast<std::uint32_t>(kept.size());
    const auto refusal = records->grow(record, kept_end, extent(session), false, now);
    if (refusal != Records::Refusal::none)
        return violation(handle, &record, protocol, why_of(refusal), records->known(record));
    if (!hold(session, records->bytes(record), offset, kept))
        return end(handle, &record, false);  // watched, with more gaps than can be followed
    session.passed = std::max(session.passed, end_offset);
    session.idle = 0;
    if (session.length < std::max(session.needed, 1U)) return {};
    if (is_scanned_too_often(session, protocol))
        return violation(handle, &record, protocol, Violation::too_many_segments,
                         records->known(record));
    const Judgement judgement = judge_stream(protocol, scratch, records->known(record));
    if (judgement.kind == Judgement::Kind::violation)
        return violation(handle, &record, protocol, judgement.why, records->known(record));
    return settle(handle, record, protocol, judgement, now);
}

// `judgement`: viable or match, of all bytes known.
Outcome Inspector::State::settle(Inspection& handle, Record& record, const Protocol& protocol,
                                 const Judgement& judgement, Millis now) {
    Record::Session& session = record.session;
    session.server_may_speak = judgement.server_may_speak;
    session.needed = judgement.bytes;
    if (judgement.kind == Judgement::Kind::viable) {
        // The bytes behind those that are kept would pass unseen.
        if (session.length >= kLargeBuffer || judgement.bytes > kLargeBuffer)
            return violation(handle, &record, protocol, Violation::too_long,
                             records->known(record));
        return {};
    }
    session.judged = session.length = judgement.bytes;
    session.held = {};
    if (session.acked >= session.judged) return end(handle, &record, true);
    records->shrink(record, session.judged);
    records->match(record, now);
    handle = records->handle_of(record);
    Outcome outcome;
    outcome.matched = true;
    return outcome;
}

Outcome Inspector::State::nothing_new(Inspection& handle, Record& record, const Protocol& protocol,
                                      bool forward) {
    if (++record.session.idle > limits.idle_segments)
        return violation(handle, &record, protocol, Violation::too_many_segments,
                         records->known(record));
    Outcome outcome;
    outcome.forward = forward;
    return outcome;
}

Outcome Inspector::responder_segment(Inspection& record, const Protocol& protocol, Scratch&,
                                     const Segment& segment, Millis) {
    State& state = *state_;
    Record* known = state.records->find(record);
    if (known == nullptr) {
        if (segment.payload.empty()) return {};
        if (record != kNoInspection) return state.gone(record, protocol);
        return state.violation(record, nullptr, protocol, Violation::server_first, {});
    }
    Record::Session& session = known->session;
    if (segment.has_ack) {
        const std::uint32_t acked = segment.ack - session.first_sequence;
        // One more for the initiator's FIN.
        if (!before_start(acked) && acked <= session.passed + 1)
            session.acked = std::max(session.acked, acked);
        // It has bytes that were never seen: whoever only watches may miss packets.
        if (!before_start(acked) && !known->matched() && acked > session.length + 1 &&
            !protocol.enforces())
            return state.end(record, known, false);
    }
    if (known->matched())
        return session.acked >= session.judged ? state.end(record, known, false) : Outcome{};
    if (segment.payload.empty() || session.server_may_speak) return {};
    return state.violation(record, known, protocol, Violation::server_first,
                           state.records->known(*known));
}

}  // namespace portcullis::inspect
