// Packets that the data plane itself originates about packets it has seen: ICMP errors and TCP
// resets. They are written into the caller's buffer from the IP header on, checksums complete;
// Ethernet, route and rate limit are the caller's.
#pragma once

#include <span>

#include "dataplane/packet.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

enum class IcmpError : std::uint8_t {
    time_exceeded,     // ICMPv4 11/0, ICMPv6 3/0
    too_big,           // ICMPv4 3/4 with the next-hop MTU (RFC 1191), ICMPv6 2/0
    no_route,          // ICMPv4 3/0, ICMPv6 1/0
    host_unreachable,  // ICMPv4 3/1, ICMPv6 1/3
    port_unreachable,  // ICMPv4 3/3, ICMPv6 1/4
    admin_prohibited,  // ICMPv4 3/13, ICMPv6 1/1
};

// Enough for every packet built here: an ICMPv6 error of 1280 bytes.
inline constexpr std::size_t kMaxOriginatedBytes = 1280;

// An ICMP error about `packet`, back to its source. Returns the length, 0 where none may be sent:
// about ICMP errors, to or from multicast or broadcast-like addresses, about fragments other than
// the first, or into a buffer that is too small (RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4).
// `mtu` is for too_big only. IPv4 errors are at most 576 bytes long, IPv6 ones at most 1280.
std::size_t build_icmp_error(const PacketView& packet, IcmpError error, std::uint32_t mtu,
                             const IpAddress& source, std::span<std::uint8_t> out);

// A reset in answer to a TCP segment, to its sender (RFC 793 3.4): 0 for a segment that is itself
// one.
std::size_t build_tcp_reset(const PacketView& packet, std::span<std::uint8_t> out);

// A reset that ends a tracked TCP session toward `to`, as if its peer had sent it: the addresses,
// ports and sequence numbers that this side expects. What it expects depends on whether it has got all
// that has been sent, so there are two: a receiver answers a reset with another number by an ACK only
// (RFC 5961 3.2). 0 for what is no live TCP session, and where both are the same for the second.
enum class ResetAt : std::uint8_t { sent, acknowledged };
std::size_t build_session_reset(const Session& session, Direction to, ResetAt at,
                                std::span<std::uint8_t> out);

}  // namespace portcullis::dataplane
