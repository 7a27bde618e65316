// TURN and ICE over TCP: an optional pseudo-TLS hello ([MS-TURN] 2.1.1), then frames ([MS-TURN]
// 2.1.4 or RFC 4571); or RFC 5389 messages without frames.
#pragma once

#include "rules/inspect/judge.h"

namespace portcullis::inspect {

// The beginning of `stream` is known to match a pattern of its class. The hello proves nothing: it
// is the same 50 bytes for everybody. What decides is the first STUN or MS-TURN message behind
// it, or media that goes on (media.h).
Judgement judge_turn_stream(Bytes stream);

}  // namespace portcullis::inspect
