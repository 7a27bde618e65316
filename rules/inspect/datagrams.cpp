// UDP: a datagram is judged on its own, but for media that has to prove itself by going on.
#include <algorithm>

#include "rules/inspect/inspector_state.h"

namespace portcullis::inspect {

Outcome Inspector::initiator_datagram(Inspection& record, const Protocol& protocol,
                                      Scratch& scratch, std::span<const std::uint8_t> payload,
                                      Millis now) {
    return state_->datagram(record, protocol, scratch, payload, 0, now);
}

Outcome Inspector::responder_datagram(Inspection& record, const Protocol& protocol,
                                      Scratch& scratch, std::span<const std::uint8_t> payload,
                                      Millis now) {
    return state_->datagram(record, protocol, scratch, payload, 1, now);
}

// A record that is gone has been given to others: the session begins anew.
Record& Inspector::State::record_of_datagram(Inspection& handle, Bytes payload, Millis now) {
    if (Record* record = records->find(handle)) return *record;
    Record& record = records->open_datagram(now);
    handle = records->handle_of(record);
    record.session.length =
        static_cast<std::uint32_t>(std::min(payload.size(), first_bytes.size()));
    std::copy_n(payload.begin(), record.session.length, records->bytes(record));
    return record;
}

Outcome Inspector::State::datagram(Inspection& handle, const Protocol& protocol, Scratch& scratch,
                                   Bytes payload, unsigned side, Millis now) {
    if (payload.empty()) return {};
    const auto [judgement, media] = judge_datagram(protocol, scratch, payload);
    Record* known = records->find(handle);
    const Bytes first = known == nullptr ? payload : records->known(*known);
    if (judgement.kind == Judgement::Kind::match) return end(handle, known, true);
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
            return end(handle, &record, true);
        case Continuity::Answer::refuted:
            break;
    }
    return violation(handle, &record, protocol, Violation::no_continuity, first);
}

}  // namespace portcullis::inspect
