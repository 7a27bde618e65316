// ICMP errors that belong to a session: which one, and how the error is translated outside and
// inside.
//
// Passed types: ICMPv4 destination unreachable (3), time exceeded (11), parameter problem (12);
// ICMPv6 1, 2, 3, 4. Source quench (4) is deprecated (RFC 6633) and redirect is not passed. 8 bytes
// of the quoted transport header suffice (RFC 792), whatever the quoted lengths promise.
#pragma once

#include <optional>

#include "dataplane/packet.h"

namespace portcullis::dataplane {

struct QuotedFlow {
    // The quoted packet's key, reversed: the key that packets of the error's own direction have,
    // ready for the session lookup. `interface` is the one the error came in by.
    FlowKey key;
    std::uint16_t l3_offset = 0;     // of the quoted IP header, from PacketView::l3
    std::uint16_t l4_offset = 0;     // of the quoted transport header, from PacketView::l3
    std::uint8_t protocol = 0;       // of the quote, as on the wire
    std::uint32_t tcp_sequence = 0;  // of a quoted TCP header, host order
};

// Is this ICMP type an error that is passed if it belongs to a session?
bool is_icmp_error(const PacketView& packet);

// nullopt: no passed type, or its quote is not of a TCP, UDP or ICMP echo packet, is cut too short,
// is a fragment, or is not what the error's destination can have sent.
std::optional<QuotedFlow> parse_icmp_error(const PacketView& packet, std::uint16_t interface);

// `other` is session.key[index_of(opposite(hit.direction))] of the session that quoted.key found
// (take Sessions::path_of(hit)). The outer source changes only where it is the session's peer
// itself: routers on the way keep theirs. Every checksum is updated incrementally.
void translate_icmp_error(const PacketView& packet, const QuotedFlow& quoted, const FlowKey& other);

}  // namespace portcullis::dataplane
