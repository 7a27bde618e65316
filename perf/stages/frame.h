// A frame as the flow of a key would send it, written in a few cycles: a million sessions are opened
// before they are measured.
#pragma once

#include <cstdint>

#include "dataplane/neighbours.h"
#include "dataplane/packet.h"

namespace portcullis::perf {

struct Segment {
    std::uint8_t flags = 0;
    std::uint32_t sequence = 0;
    std::uint32_t ack = 0;
};

// Ethernet (tagged where the key's interface is), IP and TCP or UDP, `bytes` in all or as many as
// the headers need. All checksums are right: inspect verifies those of undecided sessions. Returns the
// frame's length.
unsigned write_frame(std::uint8_t* to, const dataplane::FlowKey& key,
                     const dataplane::MacAddress& destination, unsigned bytes,
                     const Segment& segment);

// Puts the checksum of TCP or UDP right once a frame has a payload. `l3`: its IP header, without options.
void write_checksum(std::uint8_t* l3);

}  // namespace portcullis::perf
