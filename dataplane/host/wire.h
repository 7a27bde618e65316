// Reading and writing the few packets that main itself speaks: byte order, checksums, headers.
// Plain and safe rather than fast: nothing here runs on the poll path.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/neighbours.h"
#include "dataplane/packet_note.h"
#include "rules/policy/address.h"

namespace portcullis::dataplane {

using policy::Family;
using policy::IpAddress;

inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

// Network order at `p`, which may be unaligned.
inline std::uint16_t read16(const std::uint8_t* p) {
    return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}
inline std::uint32_t read32(const std::uint8_t* p) {
    return static_cast<std::uint32_t>(read16(p)) << 16 | read16(p + 2);
}
inline void write16(std::uint8_t* p, std::uint16_t value) {
    p[0] = static_cast<std::uint8_t>(value >> 8);
    p[1] = static_cast<std::uint8_t>(value);
}
inline void write32(std::uint8_t* p, std::uint32_t value) {
    write16(p, static_cast<std::uint16_t>(value >> 16));
    write16(p + 2, static_cast<std::uint16_t>(value));
}
IpAddress read_ipv4(const std::uint8_t* p);
IpAddress read_ipv6(const std::uint8_t* p);
MacAddress read_mac(const std::uint8_t* p);
bool is_unicast(const MacAddress& mac);  // not a group address, not all zeros

// The Internet checksum (RFC 1071) over `bytes`, on top of `sum`. Complemented; 0 over data that
// includes a right checksum.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0);
// The pseudo-header's share of it, either family (RFC 793, RFC 8200 section 8.1).
std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::size_t l4_bytes);

// A frame in the making: Ethernet, the VLAN tag where there is one, then what is appended.
class Frame {
  public:
    // Enough for an echo reply on a jumbo interface.
    static constexpr std::size_t kCapacity = 9 * 1024 + 256;

    Frame(Attachment at, const MacAddress& source, const MacAddress& destination,
          std::uint16_t ether_type);
    // `count` zeroed bytes; the caller has made sure that they fit.
    std::uint8_t* append(std::size_t count);
    // An IPv4 or IPv6 header, complete, for `payload_bytes` to follow.
    void append_ip(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                   std::size_t payload_bytes, std::uint8_t ttl);
    std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }
    Attachment at() const { return at_; }

  private:
    Attachment at_;
    std::size_t size_ = 0;
    std::array<std::uint8_t, kCapacity> bytes_;
};

// The fields of an IP header, either family, whose bounds have been checked against the frame.
struct IpView {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;
    std::uint8_t ttl = 0;
    std::span<const std::uint8_t> payload;
};
// nullopt: cut short, or with IPv6 extension headers, which nothing that main answers has.
std::optional<IpView> read_ip(std::span<const std::uint8_t> packet);

}  // namespace portcullis::dataplane
