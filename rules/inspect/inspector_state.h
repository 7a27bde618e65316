// What the parts of the Inspector share: stream.cpp and datagrams.cpp judge, inspector.cpp has the
// rest.
#pragma once

#include "rules/inspect/inspector.h"
#include "rules/inspect/judge.h"
#include "rules/inspect/records.h"

namespace portcullis::inspect {

constexpr Violation why_of(Records::Refusal refusal) {
    switch (refusal) {
        case Records::Refusal::source_quota:
            return Violation::source_quota;
        case Records::Refusal::buffer_quota:
            return Violation::buffer_quota;
        case Records::Refusal::none:
        case Records::Refusal::no_room:
            break;
    }
    return Violation::no_room;
}

struct Inspector::State {
    Limits limits;
    std::unique_ptr<Records> records;
    std::array<std::uint8_t, 32> first_bytes{};  // of the last violation

    // Ends the inspection of the session whose `handle` and `record` these are (nullptr: it has
    // none). Watched sessions go on.
    Outcome violation(Inspection& handle, Record* record, const Protocol& protocol, Violation why,
                      Bytes first);
    // Likewise, without a complaint.
    Outcome end(Inspection& handle, Record* record, bool matched);
    // The record has been given to somebody else.
    Outcome gone(Inspection& handle, const Protocol& protocol);
    Outcome refused(Inspection& handle, const Protocol& protocol, Records::Refusal refusal,
                    Bytes first);

    // stream.cpp
    Outcome first_segment(Inspection& handle, const Protocol& protocol, Scratch& scratch,
                          Bytes payload, std::uint32_t first_sequence,
                          const policy::IpAddress& source, Millis now);
    Outcome next_segment(Inspection& handle, Record& record, const Protocol& protocol,
                         Scratch& scratch, std::uint32_t offset, Bytes payload, Millis now);
    Outcome settle(Inspection& handle, Record& record, const Protocol& protocol,
                   const Judgement& judgement, Millis now);
    Outcome nothing_new(Inspection& handle, Record& record, const Protocol& protocol, bool forward);

    // datagrams.cpp
    Outcome datagram(Inspection& handle, const Protocol& protocol, Scratch& scratch, Bytes payload,
                     unsigned side, Millis now);
    Outcome recognise_datagram(Inspection& handle, Record* record, const Protocol& protocol,
                               unsigned side);
    Record& record_of_datagram(Inspection& handle, Bytes payload, Millis now);
};

}  // namespace portcullis::inspect
