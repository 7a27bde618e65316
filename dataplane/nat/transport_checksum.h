// Checksums of whole TCP, UDP and ICMP segments, for packets that we make or must be sure of. What is
// forwarded needs none: its checksum is updated (checksum.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/packet.h"

namespace portcullis::dataplane {

// As it is stored, of a segment whose own field is 0; with the pseudo-header where the protocol has
// one (RFC 793 3.1, RFC 8200 8.1). `ip`: the header in front, for its addresses.
std::uint16_t transport_checksum(const std::uint8_t* ip, Family family, std::uint8_t protocol,
                                 const std::uint8_t* l4, std::size_t l4_bytes);

// Of a TCP or UDP packet as it arrived. IPv4 UDP without a checksum is right (RFC 768).
bool transport_checksum_is_right(const PacketView& packet);

}  // namespace portcullis::dataplane
