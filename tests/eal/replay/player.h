// Plays a recorded flow through the worker, packet by packet and in the captured order, whatever
// becomes of it.
//
// The responder's packets answer what really came out: they come from the node, and go to the address
// and port that it has been given. Two things are the work of an end that no capture can do: what the
// data plane holds in mode enforce is sent again once it is in order, and the payload of a SYN behind
// the handshake (RFC 7413 4.1.3.1), so that the answer acknowledges the SYN alone.
#pragma once

#include <optional>

#include "tests/eal/replay/recording.h"
#include "tests/eal/replay/stage.h"

namespace portcullis::dataplane::test {

struct Fate {
    enum class What : std::uint8_t {
        arrived,
        altered,   // it came out, but not as it should
        dropped,   // `why`
        too_long,  // not sent: a datagram that would need fragments
        nobody,    // not sent: nothing of the initiator has come out that could be answered
    };
    What what = What::nobody;
    std::optional<DropReason> why;  // nullopt: several kinds in the same burst, or none at all
    unsigned first_step = 0;        // when it was sent, and when for the last time
    unsigned step = 0;
    bool was_held = false;
};

struct Played {
    std::vector<Fate> fates;      // as RecordedFlow::packets
    unsigned resets[2] = {0, 0};  // of ours: to the responder, to the initiator
    unsigned surprises = 0;       // what else came out
};

// `burst`: so many packets of one direction at once, at most.
Played play(Stage& stage, const RecordedFlow& flow, const Scene& scene, unsigned burst = 1);

}  // namespace portcullis::dataplane::test
