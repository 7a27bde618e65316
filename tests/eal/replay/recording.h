// A capture, sorted into the flows that `portcullis identify` sees, with every packet of each flow as
// it is to be sent again: the transport header and its payload.
//
// What a capture has cut off is filled with zeros, for the judge and for the player alike.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "control/identify/order.h"

namespace portcullis::dataplane::test {

struct RecordedPacket {
    std::uint64_t number = 0;  // in the capture
    bool from_initiator = true;
    // Its receiver threw it away for its checksum, as far as can be told (control/identify/order.h).
    bool decoy = false;
    std::vector<std::uint8_t> segment;
};

struct RecordedFlow {
    control::identify::Flow flow;
    // As identify sees it, but all at once: a replay takes no time, and what takes too long cannot be
    // compared.
    control::identify::Order order;
    std::vector<RecordedPacket> packets;
};

struct Recording {
    std::vector<RecordedFlow> flows;
    std::string error;  // where the file is damaged: what stands before was read
};

// An empty recording with an error where the file is no capture.
Recording read_recording(const std::string& file);

}  // namespace portcullis::dataplane::test
