// What is known of a next hop's MAC address, in the data plane's table and on the peer link.
#pragma once

#include <cstdint>

namespace portcullis::peer {

enum class NeighbourState : std::uint8_t { incomplete = 0, reachable = 1, stale = 2, failed = 3 };

}  // namespace portcullis::peer
