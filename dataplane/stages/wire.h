// Reading big-endian fields from packets at any alignment, and addresses into the key's form.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/packet.h"
#include "rules/policy/address.h"

namespace portcullis::dataplane {

static_assert(std::endian::native == std::endian::little);

inline std::uint16_t load_be16(const std::uint8_t* at) {
    std::uint16_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

// Made of whole words: made of bytes it would be read back, as words, before the bytes have arrived.
inline policy::IpAddress load_v4(const std::uint8_t* at) {
    std::uint32_t address;
    std::memcpy(&address, at, sizeof address);
    const std::array<std::uint64_t, 2> halves{0, std::uint64_t{address} << 32 | 0xffff0000};
    return policy::IpAddress::from_bytes(std::bit_cast<std::array<std::uint8_t, 16>>(halves));
}
inline policy::IpAddress load_v6(const std::uint8_t* at) {
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), at, 16);
    return policy::IpAddress::from_bytes(bytes);
}

// Nobody forwards a packet whose TTL or hop limit would reach 0.
inline bool dies_here(const PacketView& view) {
    constexpr unsigned kIpv4Ttl = 8, kIpv6HopLimit = 7;
    return view.l3[view.family == Family::ipv4 ? kIpv4Ttl : kIpv6HopLimit] <= 1;
}

// TCP flags, byte 13 of the header.
inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10;
inline std::uint8_t tcp_flags(const std::uint8_t* tcp) {
    return tcp[13];
}

}  // namespace portcullis::dataplane
