// Before a measurement: one session in the firewall for each flow, established in both directions
// (UDP: a packet and its answer; TCP: a handshake, answered by the node). After it: which of them
// are still there.
#pragma once

#include "perf/traffic/bench.h"

namespace portcullis::traffic {

// Throws Failure unless every flow is open in the end.
void open_flows(Bench& bench);

// Sends one packet over each flow, first from the node: those answer for the session, for a packet
// of the client's could begin it anew. Returns how many flows are dead in either direction.
std::uint32_t count_dead_flows(Bench& bench);

}  // namespace portcullis::traffic
