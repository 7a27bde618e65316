// The initiator's bytes in a record's buffer: those from 0 on without a gap, and, where a session is
// only watched, a few pieces behind a gap.
#pragma once

#include "rules/inspect/records.h"

namespace portcullis::inspect {

// End of the last byte in the buffer.
std::uint32_t extent(const Record::Session& session);

// Does the buffer hold other bytes at a place that `piece` covers?
bool differs(const Record::Session& session, const std::uint8_t* buffer, std::uint32_t offset,
             Bytes piece);

// Puts `piece`, which differs nowhere and for which there is room, into the buffer, and moves `length`
// over what has no gap any more. False: there would be more gaps than can be followed.
bool hold(Record::Session& session, std::uint8_t* buffer, std::uint32_t offset, Bytes piece);

}  // namespace portcullis::inspect
