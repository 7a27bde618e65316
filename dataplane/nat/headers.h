// Offsets, in bytes, of the header fields that NAT reads and writes. Private to dataplane/nat.
#pragma once

#include <cstdint>

#include "dataplane/nat/checksum.h"
#include "dataplane/packet.h"

namespace portcullis::dataplane::nat {

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpV6 = 58;

inline constexpr unsigned kIpv4Header = 20;  // without options
inline constexpr unsigned kIpv4Fragment = 6;
inline constexpr unsigned kIpv4Ttl = 8;
inline constexpr unsigned kIpv4Protocol = 9;
inline constexpr unsigned kIpv4Checksum = 10;
inline constexpr unsigned kIpv6Header = 40;
inline constexpr unsigned kIpv6NextHeader = 6;
inline constexpr unsigned kIpv6HopLimit = 7;

inline constexpr unsigned kSourcePort = 0;  // TCP and UDP
inline constexpr unsigned kDestinationPort = 2;
inline constexpr unsigned kTcpHeader = 20;
inline constexpr unsigned kTcpChecksum = 16;
inline constexpr unsigned kUdpHeader = 8;
inline constexpr unsigned kUdpChecksum = 6;
inline constexpr unsigned kIcmpHeader = 8;
inline constexpr unsigned kIcmpChecksum = 2;
inline constexpr unsigned kIcmpIdentifier = 4;

inline constexpr std::uint8_t kEchoReplyV4 = 0;
inline constexpr std::uint8_t kEchoRequestV4 = 8;
inline constexpr std::uint8_t kEchoRequestV6 = 128;
inline constexpr std::uint8_t kEchoReplyV6 = 129;

inline std::uint16_t load_be16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
inline std::uint32_t load_be32(const std::uint8_t* at) {
    return std::uint32_t{load_be16(at)} << 16 | load_be16(at + 2);
}
inline void store_be16(std::uint8_t* at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) {
    store_be16(at, static_cast<std::uint16_t>(value >> 16));
    store_be16(at + 2, static_cast<std::uint16_t>(value));
}

// Where a family has its addresses.
struct AddressFields {
    unsigned source;
    unsigned destination;
    unsigned bytes;
    unsigned skip;  // bytes of an IpAddress before those on the wire
};
inline constexpr AddressFields address_fields(Family family) {
    return family == Family::ipv4 ? AddressFields{12, 16, 4, 12} : AddressFields{8, 24, 16, 0};
}
inline const std::uint8_t* wire(const IpAddress& address, const AddressFields& fields) {
    return address.bytes().data() + fields.skip;
}
inline IpAddress read_address(const std::uint8_t* at, Family family) {
    if (family == Family::ipv4) return IpAddress::from_v4(load_be32(at));
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), at, bytes.size());
    return IpAddress::from_bytes(bytes);
}

// Where an ICMP echo message's identifier belongs in a key.
enum class Echo : std::uint8_t { none, request, reply };
inline Echo echo_kind(std::uint8_t protocol, std::uint8_t type) {
    if (protocol == kProtocolIcmp) {
        if (type == kEchoRequestV4) return Echo::request;
        if (type == kEchoReplyV4) return Echo::reply;
    } else if (protocol == kProtocolIcmpV6) {
        if (type == kEchoRequestV6) return Echo::request;
        if (type == kEchoReplyV6) return Echo::reply;
    }
    return Echo::none;
}

// Does the L4 checksum of this protocol cover the addresses (pseudo-header)?
inline constexpr bool covers_addresses(std::uint8_t protocol) {
    return protocol != kProtocolIcmp;
}

}  // namespace portcullis::dataplane::nat
