// Address, port and TTL rewriting with incremental checksums (RFC 1624), in place.
//
// Checksums are never recomputed: what arrived broken leaves broken. A UDP checksum of 0 over IPv4
// stays 0; one that comes out as 0 is sent as 0xffff (RFC 768).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/nat/checksum.h"
#include "dataplane/packet.h"

namespace portcullis::dataplane {

// Rewrites source and destination address and port of a TCP, UDP or ICMP echo packet. `other` is
// the key of the opposite direction: session.key[index_of(opposite(direction))]. The packet leaves
// with source = other.destination, destination = other.source. The families must agree. Fields that
// do not change are not written.
void translate(const PacketView& packet, const FlowKey& other);

// TTL or hop limit. False, and nothing is written, where it would reach 0: time exceeded.
bool decrement_ttl(const PacketView& packet);

namespace rewrite_detail {

inline std::uint32_t load32(const void* at) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof(word));
    return word;
}
inline std::uint64_t load64(const void* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    return word;
}

// Both ports, as they lie in a TCP or UDP header.
inline std::uint32_t ports_on_wire(const FlowKey& other) {
    const auto swap = [](std::uint16_t port) {
        return static_cast<std::uint32_t>(static_cast<std::uint16_t>(port << 8 | port >> 8));
    };
    return swap(other.destination_port) | swap(other.source_port) << 16;
}
static_assert(std::endian::native == std::endian::little);

// What a sum of 16-bit words changes by (RFC 1624 equation 3: ~m + m'), for two words at once.
inline std::uint64_t changed(std::uint32_t from, std::uint32_t to) {
    return std::uint64_t{~from} + to;
}

inline void update_l4(std::uint8_t* l4, std::uint8_t protocol, std::uint64_t change) {
    ChecksumDelta delta;
    delta.add_sum(change);
    if (protocol == 6)
        store_word(l4 + 16, delta.apply(load_word(l4 + 16)));
    else
        store_word(l4 + 6, delta.apply_udp(load_word(l4 + 6)));
}

}  // namespace rewrite_detail

// The two at once for the bulk of all packets: TCP and UDP. The TTL is known to be above 1. The
// IPv4 header has no options (parse drops those).
inline void forward_ipv4(const PacketView& packet, const FlowKey& other) {
    using namespace rewrite_detail;
    std::uint8_t* ip = packet.l3;
    std::uint8_t* l4 = ip + 20;
    const std::uint32_t source = load32(other.destination.bytes().data() + 12);
    const std::uint32_t destination = load32(other.source.bytes().data() + 12);
    const std::uint32_t ports = ports_on_wire(other);
    const std::uint64_t addresses =
        changed(load32(ip + 12), source) + changed(load32(ip + 16), destination);
    const std::uint64_t all = addresses + changed(load32(l4), ports);
    std::memcpy(ip + 12, &source, 4);
    std::memcpy(ip + 16, &destination, 4);
    std::memcpy(l4, &ports, 4);
    --ip[8];
    ChecksumDelta header;
    header.add_sum(addresses + 0xfffe);  // the word of TTL and protocol, less one in its first byte
    store_word(ip + 10, header.apply(load_word(ip + 10)));
    update_l4(l4, packet.protocol, all);
}

inline void forward_ipv6(const PacketView& packet, const FlowKey& other) {
    using namespace rewrite_detail;
    std::uint8_t* ip = packet.l3;
    std::uint8_t* l4 = packet.l4();
    std::uint64_t change = 0;
    const auto replace = [&change](std::uint8_t* at, const IpAddress& address) {
        for (unsigned half = 0; half < 2; ++half) {
            const std::uint64_t from = load64(at + 8 * half);
            const std::uint64_t to = load64(address.bytes().data() + 8 * half);
            change += changed(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)) +
                      changed(static_cast<std::uint32_t>(from >> 32),
                              static_cast<std::uint32_t>(to >> 32));
            std::memcpy(at + 8 * half, &to, 8);
        }
    };
    replace(ip + 8, other.destination);
    replace(ip + 24, other.source);
    const std::uint32_t ports = ports_on_wire(other);
    change += changed(load32(l4), ports);
    std::memcpy(l4, &ports, 4);
    --ip[7];
    update_l4(l4, packet.protocol, change);
}

}  // namespace portcullis::dataplane
