// Address, port and TTL rewriting with incremental checksums (RFC 1624), in place.
//
// Checksums are never recomputed: what arrived broken leaves broken. A UDP checksum of 0 over IPv4
// stays 0; one that comes out as 0 is sent as 0xffff (RFC 768).
#pragma once

#include "dataplane/packet.h"

namespace portcullis::dataplane {

// Rewrites source and destination address and port of a TCP, UDP or ICMP echo packet. `other` is
// the key of the opposite direction: session.key[index_of(opposite(direction))]. The packet leaves
// with source = other.destination, destination = other.source. The families must agree. Fields that
// do not change are not written.
void translate(const PacketView& packet, const FlowKey& other);

// TTL or hop limit. False, and nothing is written, where it would reach 0: time exceeded.
bool decrement_ttl(const PacketView& packet);

}  // namespace portcullis::dataplane
