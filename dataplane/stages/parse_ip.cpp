// parse, layer 3.
//
// Exits here:
//   drop  bad_ip_header, bad_ip_checksum, ip_options, fragment, bad_extension, not_for_us,
//         bogon_source and no_rule (IPv4-mapped addresses on the wire), land
#include <rte_ip.h>

#include "dataplane/stages/parse.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

constexpr unsigned kIpv4Bytes = 20, kIpv6Bytes = 40;
constexpr unsigned kMaxExtensions = 4;
// Next header values.
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                       kDestination = 60, kMobility = 135, kHostIdentity = 139, kShim6 = 140;

Parsed parse_ipv4(Headers& packet) {
    const std::uint8_t* ip = packet.view.l3;
    if (packet.l3_space < kIpv4Bytes || ip[0] >> 4 != 4)
        return Parsed::drop(DropReason::bad_ip_header);
    const unsigned header_bytes = (ip[0] & 0x0fU) * 4;
    const unsigned total_bytes = load_be16(ip + 2);
    if (header_bytes < kIpv4Bytes || header_bytes > total_bytes || total_bytes > packet.l3_space)
        return Parsed::drop(DropReason::bad_ip_header);
    // A device's good word is taken; what it calls bad is looked at here.
    if (!packet.ip_checksum_good && rte_raw_cksum(ip, header_bytes) != 0xffff)
        return Parsed::drop(DropReason::bad_ip_checksum);
    if (header_bytes != kIpv4Bytes) return Parsed::drop(DropReason::ip_options);
    constexpr unsigned kMoreAndOffset = 0x3fff;  // not the don't-fragment bit
    if ((load_be16(ip + 6) & kMoreAndOffset) != 0) return Parsed::drop(DropReason::fragment);
    // RFC 1812 section 5.3.4: what came by a link-layer broadcast is not forwarded.
    if (packet.to_group) return Parsed::drop(DropReason::not_for_us);

    packet.view.l3_bytes = static_cast<std::uint16_t>(total_bytes);
    packet.view.l4_offset = kIpv4Bytes;
    packet.view.protocol = ip[9];
    packet.key.source = load_v4(ip + 12);
    packet.key.destination = load_v4(ip + 16);
    return Parsed::pass();
}

// The options of a hop-by-hop or destination header (RFC 8200 section 4.2) fill it exactly. Of the
// hop-by-hop ones, which a router must act on, only padding and router alert are known here.
bool options_are_sound(const std::uint8_t* options, unsigned bytes, bool hop_by_hop) {
    constexpr std::uint8_t kPad1 = 0, kPadN = 1, kRouterAlert = 5;
    for (unsigned at = 0; at < bytes;) {
        const std::uint8_t type = options[at];
        if (type == kPad1) {
            ++at;
            continue;
        }
        if (at + 2 > bytes || at + 2U + options[at + 1] > bytes) return false;
        if (hop_by_hop && type != kPadN && type != kRouterAlert) return false;
        at += 2U + options[at + 1];
    }
    return true;
}

Parsed walk_extensions(Headers& packet) {
    PacketView& view = packet.view;
    std::uint8_t next = view.l3[6];
    unsigned at = kIpv6Bytes;
    for (unsigned headers = 0;; ++headers) {
        if (next == kFragment) return Parsed::drop(DropReason::fragment);
        if (next == kRouting || next == kAuthentication || next == kMobility ||
            next == kHostIdentity || next == kShim6)
            return Parsed::drop(DropReason::bad_extension);
        const bool hop_by_hop = next == kHopByHop;
        if (!hop_by_hop && next != kDestination) break;
        // Hop-by-hop comes first or not at all.
        if ((hop_by_hop && headers != 0) || headers == kMaxExtensions || at + 2 > view.l3_bytes)
            return Parsed::drop(DropReason::bad_extension);
        const std::uint8_t* header = view.l3 + at;
        const unsigned bytes = (header[1] + 1U) * 8;
        if (at + bytes > view.l3_bytes || !options_are_sound(header + 2, bytes - 2, hop_by_hop))
            return Parsed::drop(DropReason::bad_extension);
        next = header[0];
        at += bytes;
    }
    view.l4_offset = static_cast<std::uint16_t>(at);
    view.protocol = next;
    return Parsed::pass();
}

Parsed parse_ipv6(Headers& packet) {
    const std::uint8_t* ip = packet.view.l3;
    if (packet.l3_space < kIpv6Bytes || ip[0] >> 4 != 6)
        return Parsed::drop(DropReason::bad_ip_header);
    const unsigned total_bytes = kIpv6Bytes + load_be16(ip + 4);
    if (total_bytes > packet.l3_space) return Parsed::drop(DropReason::bad_ip_header);
    packet.view.l3_bytes = static_cast<std::uint16_t>(total_bytes);
    packet.key.source = load_v6(ip + 8);
    packet.key.destination = load_v6(ip + 24);
    // ::ffff:a.b.c.d is how keys hold IPv4; taken from an IPv6 packet it would be a forged IPv4
    // address.
    if (packet.key.source.is_v4()) return Parsed::drop(DropReason::bogon_source);
    if (packet.key.destination.is_v4()) return Parsed::drop(DropReason::no_rule);
    return walk_extensions(packet);
}

}  // namespace

Parsed parse_ip(Headers& packet) {
    const Parsed parsed =
        packet.view.family == Family::ipv4 ? parse_ipv4(packet) : parse_ipv6(packet);
    if (parsed.fate == Fate::live && packet.key.source == packet.key.destination)
        return Parsed::drop(DropReason::land);
    return parsed;
}

}  // namespace portcullis::dataplane
