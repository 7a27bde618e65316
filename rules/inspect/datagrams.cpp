// UDP: a datagram is judged on its own, but for media that has to prove itself by going on.
//
// No acknowledgement says what the responder has got: a genuine message may have died on the way. So
// in mode enforce an initiator's datagram that is recognised speaks for itself only, until the
// responder has answered one. A bit in the handle remembers it, with and without a record.
#include <algorithm>

#include "rules/inspect/inspector_state.h"

namespace portcullis::inspect {

namespace {

constexpr unsigned kInitiator = 0, kResponder = 1;

}  // namespace

Outcome Inspector::initiator_datagram(Inspection& record, const Protocol& protocol,
                                      Scratch& scratch, std::span<const std::uint8_t> payload,
                                      Millis now) {
    return state_->datagram(record, protocol, scratch, payload, kInitiator, now);
}

Outcome Inspector::responder_datagram(Inspection& record, const Protocol& protocol,
                                      Scratch& scratch, std::span<const std::uint8_t> payload,
                                      Millis now) {
    return state_->datagram(record, protocol, scratch, payload, kResponder, now);
}

// A record that is gone has been given to others: the session begins anew.
Record& Inspector::State::record_of_datagram(Inspection& handle, Bytes payload, Millis now) {
    if (Record* record = records->find(handle)) return *record;
    Record& record = records->open_datagram(now);
    const bool recognised = Records::was_matched(handle);
    handle = records->handle_of(record);
    if (recognised) handle = Records::as_matched(handle);
    record.session.length =
        static_cast<std::uint32_t>(std::min(payload.size(), first_bytes.size()));
    std::copy_n(payload.begin(), record.session.length, records->bytes(record));
    return record;
}

// `record`: nullptr where the session has none.
Outcome Inspector::State::recognise_datagram(Inspection& handle, Record* record,
                                             const Protocol& protocol, unsigned side) {
    if (side == kResponder || !protocol.enforces()) return end(handle, record, true);
    Outcome outcome;
    outcome.matched = !Records::was_matched(handle);
    if (record != nullptr) records->close(*record);
    handle = Records::kOnlyMatched;
    return outcome;
}

Outcome Inspector::State::datagram(Inspection& handle, const Protocol& protocol, Scratch& scratch,
                                   Bytes payload, unsigned side, Millis now) {
    if (payload.empty()) return {};
    Record* known = records->find(handle);
    // The answer that was waited for, or nobody waits for one any more.
    if (Records::was_matched(handle) && (side == kResponder || !protocol.enforces()))
        return end(handle, known, false);
    const auto [judgement, media] = judge_datagram(protocol, scratch, payload);
    const Bytes first = known == nullptr ? payload : records->known(*known);
    if (judgement.kind == Judgement::Kind::match)
        return recognise_datagram(handle, known, protocol, side);
    if (judgement.kind == Judgement::Kind::violation)
        return violation(handle, known, protocol, judgement.why, first);

    Record& record = record_of_datagram(handle, payload, now);
    if (records->expired(record, now)) {
        for (Continuity& stream : record.session.continuity) stream.pause();
        record.session.idle = 0;
        records->renew(record, now);
    }
    auto answer = Continuity::Answer::open;
    Continuity& continuity = record.session.continuity[side];
    if (media.kind == MediaKind::rtp) {
        answer = continuity.rtp(media.ssrc, media.sequence);
    } else if (media.kind == MediaKind::rtcp) {
        answer = continuity.rtcp(media.ssrc);
    } else if (++record.session.idle > limits.idle_segments) {
        return violation(handle, &record, protocol, Violation::too_many_segments, first);
    }
    switch (answer) {
        case Continuity::Answer::open:
            return {};
        case Continuity::Answer::proven:
            return recognise_datagram(handle, &record, protocol, side);
        case Continuity::Answer::refuted:
            break;
    }
    return violation(handle, &record, protocol, Violation::no_continuity, first);
}

}  // namespace portcullis::inspect
