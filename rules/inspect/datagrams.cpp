// UDP: a datagram is judged on its own, but for media that has to prove itself by going on.
#include <algorithm>

#include "rules/inspect/inspector_state.h"

namespace portcullis::inspect {

Outcome Inspector::initiator_datagram(Inspection& record, const Protocol& protocol,
                                      Scratch& scratch, std::span<const std::uint8_t> payload,
                                      const policy::IpAddress& source, Millis now) {
    return state_->datagram(record, protocol, scratch, payload, &source, 0, now);
}

Outcome Inspector::responder_datagram(Inspection& record, const Protocol& protocol,
                                      Scratch& scratch, std::span<const std::uint8_t> payload,
                                      Millis now) {
    return state_->datagram(record, protocol, scratch, payload, nullptr, 1, now);
}

Outcome Inspector::State::datagram(Inspection& handle, const Protocol& protocol, Scratch& scratch,
                                   Bytes payload, const policy::IpAddress* source, unsigned side,
                                   Millis now) {
    if (payload.empty()) return {};
    Record* record = records->find(handle);
    const auto first = [&] { return record == nullptr ? payload : records->known(*record); };
    const auto [judgement, media] = judge_datagram(protocol, scratch, payload);
    if (judgement.kind == Judgement::Kind::match) return end(handle, record, true);
    if (judgement.kind == Judgement::Kind::violation)
        return violation(handle, record, protocol, judgement.why, first());

    // Reports and keepalives come as seldom as they like.
    const bool stream = media.kind == MediaKind::rtp;
    if (stream) {
        if (record != nullptr && records->expired(*record, now))
            return violation(handle, record, protocol, Violation::too_slow, first());
        if (record == nullptr && handle != kNoInspection) return gone(handle, protocol);
    }
    if (record == nullptr) {
        auto refusal = Records::Refusal::none;
        record = records->open(source, now, refusal);
        if (record == nullptr) return refused(handle, protocol, refusal, payload);
        handle = records->handle_of(*record);
        record->session.length =
            static_cast<std::uint32_t>(std::min(payload.size(), first_bytes.size()));
        std::copy_n(payload.begin(), record->session.length, records->bytes(*record));
    } else if (!stream) {
        records->renew(*record, now);
    }
    auto answer = Continuity::Answer::open;
    Continuity& continuity = record->session.continuity[side];
    if (stream) {
        answer = continuity.rtp(media.ssrc, media.sequence);
    } else if (media.kind == MediaKind::rtcp) {
        answer = continuity.rtcp(media.ssrc);
    } else if (++record->session.idle > limits.idle_segments) {
        return violation(handle, record, protocol, Violation::too_many_segments, first());
    }
    switch (answer) {
        case Continuity::Answer::open:
            return {};
        case Continuity::Answer::proven:
            return end(handle, record, true);
        case Continuity::Answer::refuted:
            break;
    }
    return violation(handle, record, protocol, Violation::no_continuity, first());
}

}  // namespace portcullis::inspect
