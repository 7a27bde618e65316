// The order in which the inspector gets to see a flow's packets.
//
// In mode enforce the data plane forwards of an undecided TCP session the next segment in order and
// drops those ahead of it, which their sender sends again. Nobody sends again what is in a capture:
// a segment ahead of its turn is held back, and comes once the gap before it is filled.
//
// Nor does the data plane look at what its receiver will throw away for its checksum. A capture made
// on the sending host has all of that host's checksums unfinished, so they count only where the same
// end has right ones too.
#pragma once

#include <cstddef>
#include <vector>

#include "control/identify/flows.h"

namespace portcullis::control::identify {

struct Order {
    struct Step {
        std::size_t packet = 0;          // index in Flow::packets
        std::uint64_t milliseconds = 0;  // when it comes
    };
    std::vector<Step> steps;
    // The initiator's bytes, as far as they are there without a gap; those sent first count.
    std::vector<std::uint8_t> stream;
    std::size_t decoys = 0;  // packets that their receiver throws away, for their checksum
    bool gap = false;        // something was held back until the end, or did not fit among what was
    bool truncated = false;  // what the capture has left out of a packet came before that
};

// At most so many segments are held back at once.
inline constexpr std::size_t kMostHeld = 256;

Order order_of(const Flow& flow);

}  // namespace portcullis::control::identify
