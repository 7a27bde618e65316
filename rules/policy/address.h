// Addresses, prefixes and port ranges: the value types that every other header of rules/ uses.
//
// An IpAddress holds 16 bytes in network order. IPv4 is stored as ::ffff:a.b.c.d, so one
// comparison, one hash and one prefix test serve both families; the text form "::ffff:1.2.3.4" is
// refused by parse(), so the mapping can never be forged from outside.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::policy {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

class IpAddress {
  public:
    constexpr IpAddress() = default;  // the IPv6 unspecified address
    static constexpr IpAddress from_bytes(const std::array<std::uint8_t, 16>& network_order) {
        IpAddress address;
        address.bytes_ = network_order;
        return address;
    }
    // `host_order` as in 0xc0000201 for 192.0.2.1.
    static constexpr IpAddress from_v4(std::uint32_t host_order) {
        IpAddress address;
        address.bytes_[10] = 0xff;
        address.bytes_[11] = 0xff;
        for (unsigned i = 0; i < 4; ++i)
            address.bytes_[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
        return address;
    }
    // Dotted quad or RFC 4291 section 2.2 text; no zone index, no prefix length, no IPv4-mapped
    // form.
    static std::optional<IpAddress> parse(std::string_view text);

    constexpr Family family() const { return is_v4() ? Family::ipv4 : Family::ipv6; }
    // By words: asked about every first packet several times, and byte by byte it is a dozen branches.
    constexpr bool is_v4() const {
        struct Words {
            std::uint64_t first;
            std::uint32_t mark, last;
        };
        constexpr auto kMapped =
            std::bit_cast<std::uint32_t>(std::array<std::uint8_t, 4>{0, 0, 0xff, 0xff});
        const auto words = std::bit_cast<Words>(bytes_);
        return words.first == 0 && words.mark == kMapped;
    }
    // Host order; only for IPv4.
    constexpr std::uint32_t v4() const {
        std::uint32_t value = 0;
        for (unsigned i = 12; i < 16; ++i) value = value << 8 | bytes_[i];
        return value;
    }
    constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    std::string to_string() const;  // dotted quad, or RFC 5952

    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
    friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;

  private:
    std::array<std::uint8_t, 16> bytes_{};
};

// A prefix in the 128-bit space: 192.0.2.0/24 has length 120. Host bits are always zero.
class Prefix {
  public:
    constexpr Prefix() = default;
    // `length` in the address's own family (0-32 or 0-128). Host bits are cleared.
    static Prefix make(const IpAddress& address, unsigned length);
    static Prefix host(const IpAddress& address);
    // "192.0.2.0/24", "192.0.2.7" (a host), "2001:db8::/32". Host bits set = nullopt.
    static std::optional<Prefix> parse(std::string_view text);
    static Prefix all(Family family);  // 0.0.0.0/0 or ::/0

    bool contains(const IpAddress& address) const;
    bool contains(const Prefix& other) const;
    constexpr Family family() const { return family_; }
    constexpr const IpAddress& address() const { return address_; }
    // In the prefix's own family: 0-32 or 0-128.
    constexpr unsigned length() const { return length_; }
    std::string to_string() const;  // a host prefix prints without "/32" or "/128"

    friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
    friend constexpr bool operator==(const Prefix&, const Prefix&) = default;

  private:
    IpAddress address_{};
    Family family_ = Family::ipv6;
    std::uint8_t length_ = 0;
};

// Layer-4 ports, host order, both ends included.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;
    constexpr bool contains(std::uint16_t port) const { return port >= first && port <= last; }
    constexpr bool is_any() const { return first == 0 && last == 65535; }
    friend constexpr auto operator<=>(const PortRange&, const PortRange&) = default;
};

}  // namespace portcullis::policy
