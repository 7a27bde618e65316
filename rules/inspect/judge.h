// Class and first bytes -> viable, match or violation: Hyperscan's patterns first, then the lengths
// inside. Knows nothing of packets, sessions or time.
#pragma once

#include <cstdint>

#include "rules/inspect/bytes.h"
#include "rules/inspect/media.h"
#include "rules/inspect/protocols.h"
#include "rules/inspect/violation.h"

namespace portcullis::inspect {

struct Judgement {
    enum class Kind : std::uint8_t { viable, match, violation };
    Kind kind = Kind::viable;
    Violation why = Violation::wrong_protocol;
    // match: so many bytes were looked at. viable: there is no new answer before so many are here.
    std::uint32_t bytes = 0;
    bool server_may_speak = false;

    static Judgement viable(std::uint32_t needed) { return {Kind::viable, {}, needed}; }
    static Judgement match(std::uint32_t looked_at) { return {Kind::match, {}, looked_at}; }
    static Judgement violation(Violation why) { return {Kind::violation, why, 0}; }
};

// `stream`: not empty, in order from the initiator's first byte.
Judgement judge_stream(const Protocol& protocol, Scratch& scratch, Bytes stream);

// A datagram of either direction is whole: viable stands for one that proves nothing, as `media`
// says.
struct DatagramJudgement {
    Judgement judgement;
    Media media;
};
DatagramJudgement judge_datagram(const Protocol& protocol, Scratch& scratch, Bytes datagram);

}  // namespace portcullis::inspect
