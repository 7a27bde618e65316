// parse, layer 4: bounds, ports, and which ICMP is what.
//
// Exits here:
//   punt  nd
//   drop  bad_l4_header, bad_tcp_flags, unknown_protocol, not_for_us, icmp_not_passed,
//         icmp_no_session (an ICMP error that quotes nothing of ours)
#include "dataplane/nat/icmp_error.h"
#include "dataplane/stages/parse.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;
constexpr unsigned kTcpBytes = 20, kUdpBytes = 8, kIcmpBytes = 8, kNdBytes = 24;

// Flags that no stack sends together. A segment has one of SYN, RST, ACK; FIN and data come with
// ACK.
bool flags_are_sound(std::uint8_t flags) {
    if ((flags & kSyn) != 0) return (flags & (kFin | kRst)) == 0;
    if ((flags & kRst) != 0) return (flags & kFin) == 0;
    return (flags & kAck) != 0;
}

Parsed parse_ports(Headers& packet) {
    const std::uint8_t* l4 = packet.view.l4();
    packet.key.source_port = load_be16(l4);
    packet.key.destination_port = load_be16(l4 + 2);
    packet.kind = PacketKind::flow;
    // Port 0 names no endpoint (RFC 6335 section 6): nothing could answer.
    if (packet.key.source_port == 0 || packet.key.destination_port == 0)
        return Parsed::drop(DropReason::bad_l4_header);
    return Parsed::pass();
}

Parsed parse_tcp(Headers& packet) {
    const unsigned bytes = packet.view.l4_bytes();
    if (bytes < kTcpBytes) return Parsed::drop(DropReason::bad_l4_header);
    const std::uint8_t* tcp = packet.view.l4();
    const unsigned header_bytes = (tcp[12] >> 4) * 4U;
    if (header_bytes < kTcpBytes || header_bytes > bytes)
        return Parsed::drop(DropReason::bad_l4_header);
    if (!flags_are_sound(tcp_flags(tcp))) return Parsed::drop(DropReason::bad_tcp_flags);
    packet.key.protocol = kTcp;
    return parse_ports(packet);
}

Parsed parse_udp(Headers& packet) {
    const unsigned bytes = packet.view.l4_bytes();
    if (bytes < kUdpBytes) return Parsed::drop(DropReason::bad_l4_header);
    const std::uint8_t* udp = packet.view.l4();
    // Bytes behind the datagram would be judged by nobody.
    if (load_be16(udp + 4) != bytes) return Parsed::drop(DropReason::bad_l4_header);
    // RFC 8200 section 8.1: over IPv6 a checksum of 0 is discarded.
    if (packet.view.family == Family::ipv6 && load_be16(udp + 6) == 0)
        return Parsed::drop(DropReason::bad_l4_header);
    packet.key.protocol = kUdp;
    return parse_ports(packet);
}

// As FlowKey says: the identifier is the source port of a request and the destination port of a
// reply.
Parsed parse_echo(Headers& packet, bool request) {
    const std::uint8_t* icmp = packet.view.l4();
    if (icmp[1] != 0) return Parsed::drop(DropReason::bad_l4_header);
    const std::uint16_t identifier = load_be16(icmp + 4);
    packet.key.protocol = static_cast<std::uint8_t>(policy::Transport::icmp);
    packet.key.source_port = request ? identifier : std::uint16_t{0};
    packet.key.destination_port = request ? std::uint16_t{0} : identifier;
    packet.kind = PacketKind::flow;
    return Parsed::pass();
}

Parsed parse_error(Headers& packet) {
    const auto quoted = parse_icmp_error(packet.view, wire_id(packet.ingress));
    if (!quoted) return Parsed::drop(DropReason::icmp_no_session);
    packet.key = quoted->key;
    packet.kind = PacketKind::icmp_error;
    return Parsed::pass();
}

Parsed parse_icmp(Headers& packet) {
    constexpr std::uint8_t kEchoReply = 0, kEchoRequest = 8;
    if (packet.view.l4_bytes() < kIcmpBytes) return Parsed::drop(DropReason::bad_l4_header);
    const std::uint8_t type = packet.view.l4()[0];
    if (type == kEchoReply || type == kEchoRequest) return parse_echo(packet, type == kEchoRequest);
    if (is_icmp_error(packet.view)) return parse_error(packet);
    return Parsed::drop(DropReason::icmp_not_passed);
}

// Decision 19: ND is judged by its hop limit before any bogon test; who may ask what is main's
// matter.
Parsed parse_nd(const Headers& packet) {
    constexpr unsigned kHopLimitOffset = 7, kIpv6Bytes = 40;
    const PacketView& view = packet.view;
    if (view.l3[kHopLimitOffset] != 255) return Parsed::drop(DropReason::icmp_not_passed);
    if (view.l4_offset != kIpv6Bytes || view.l4_bytes() < kNdBytes || view.l4()[1] != 0)
        return Parsed::drop(DropReason::bad_l4_header);
    return Parsed::punt(NoteKind::nd);
}

Parsed parse_icmpv6(Headers& packet) {
    constexpr std::uint8_t kEchoRequest = 128, kEchoReply = 129, kSolicitation = 135,
                           kAdvertisement = 136;
    if (packet.view.l4_bytes() < kIcmpBytes) return Parsed::drop(DropReason::bad_l4_header);
    const std::uint8_t type = packet.view.l4()[0];
    if (type == kSolicitation || type == kAdvertisement) return parse_nd(packet);
    if (packet.to_group) return Parsed::drop(DropReason::not_for_us);
    if (type == kEchoReply || type == kEchoRequest) return parse_echo(packet, type == kEchoRequest);
    if (is_icmp_error(packet.view)) return parse_error(packet);
    return Parsed::drop(DropReason::icmp_not_passed);
}

}  // namespace

Parsed parse_l4(Headers& packet) {
    const bool v6 = packet.view.family == Family::ipv6;
    const std::uint8_t protocol = packet.view.protocol;
    if (v6 && protocol == kIcmpv6) return parse_icmpv6(packet);
    if (packet.to_group) return Parsed::drop(DropReason::not_for_us);
    if (protocol == kTcp) return parse_tcp(packet);
    if (protocol == kUdp) return parse_udp(packet);
    if (!v6 && protocol == kIcmp) return parse_icmp(packet);
    return Parsed::drop(DropReason::unknown_protocol);
}

}  // namespace portcullis::dataplane
