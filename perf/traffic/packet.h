// Packets as bytes: headers laid out once (Blueprint), their varying fields and checksums filled in
// for each packet (write_packet), and the other way round, read and checked byte by byte
// (read_tuple, checksums_good).
//
// Frames are Ethernet without VLAN tag, IPv4 without options or IPv6 without extension headers, TCP
// without options or UDP. Raw values ("raw16", "raw32") are in network order as they stand in
// memory; sums are one's complement sums of 16-bit words as they stand in memory (RFC 1071 2B).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "perf/traffic/tag.h"
#include "rules/policy/address.h"

namespace portcullis::traffic {

using policy::Family;
using policy::IpAddress;
using Mac = std::array<std::uint8_t, 6>;

enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };

inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16;
inline constexpr unsigned kEthernet = 14, kIpv4 = 20, kIpv6 = 40, kTcp = 20, kUdp = 8;
inline constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806, kTypeIpv6 = 0x86dd;

inline std::uint16_t load16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
inline std::uint32_t load32(const std::uint8_t* at) {
    return std::uint32_t{load16(at)} << 16 | load16(at + 2);
}
inline void store16(std::uint8_t* at, std::uint32_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
inline void store32(std::uint8_t* at, std::uint32_t value) {
    store16(at, value >> 16);
    store16(at + 2, value);
}
inline std::uint16_t raw16(std::uint16_t host) {
    return __builtin_bswap16(host);
}
inline std::uint32_t raw32(std::uint32_t host) {
    return __builtin_bswap32(host);
}

// Where things are in every frame of one family and protocol.
struct Layout {
    Layout(Family of_family, Protocol of_protocol)
        : family(of_family),
          protocol(of_protocol),
          l4(kEthernet + (of_family == Family::ipv4 ? kIpv4 : kIpv6)),
          payload(l4 + (of_protocol == Protocol::tcp ? kTcp : kUdp)) {}

    // The smallest frame that carries a tag.
    unsigned smallest() const { return payload + kTagBytes; }

    Family family;
    Protocol protocol;
    unsigned l4;
    unsigned payload;
};

struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;
    std::string to_string() const;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Tuple {
    Endpoint source, destination;
    std::string to_string() const;  // "198.18.0.1:1024 > 203.0.113.30:3478"
    friend bool operator==(const Tuple&, const Tuple&) = default;
};

// Headers of packets that differ in one end's address (its last 32 bits) and port, and for TCP in
// the number that tells the session: the sequence of what clients send, the acknowledgement of what
// nodes send.
struct Blueprint {
    static constexpr unsigned kBytes = 96;  // headers and room for the tag; the rest is zero
    alignas(64) std::array<std::uint8_t, kBytes> bytes{};
    std::uint64_t ip_sum = 0;  // header, without what varies
    std::uint64_t l4_sum = 0;  // pseudo header and header, without what varies
    std::uint16_t address_at = 0;
    std::uint16_t port_at = 0;
    std::uint16_t number_at = 0;  // TCP
};

enum class Varies : std::uint8_t { source, destination };

struct Ethernet {
    Mac destination{}, source{};
};

// `tuple`: the fixed end whole; of the varying end the address's first 96 bits count. `flags` and
// `fixed_number` (the sequence or acknowledgement that does not tell the session): TCP.
Blueprint make_blueprint(const Layout& layout, const Ethernet& ethernet, const Tuple& tuple,
                         Varies varies, std::uint8_t flags, std::uint32_t fixed_number);

struct Varying {
    std::uint32_t address = 0;  // raw
    std::uint32_t number = 0;   // host order; TCP
    std::uint16_t port = 0;     // raw
};

inline std::uint16_t fold(std::uint64_t sum) {
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<std::uint16_t>(sum);
}

// A frame of `size` bytes: what lies behind the tag must be zero already, and stays so. Without a
// tag `size` is the end of the headers.
inline void write_packet(std::uint8_t* frame, const Layout& layout, const Blueprint& blueprint,
                         const Varying& varying, unsigned size, const Tag* tag) {
    std::memcpy(frame, blueprint.bytes.data(), Blueprint::kBytes);
    std::memcpy(frame + blueprint.address_at, &varying.address, 4);
    std::memcpy(frame + blueprint.port_at, &varying.port, 2);
    std::uint64_t sum = blueprint.l4_sum + varying.address + varying.port;
    const std::uint16_t l4_bytes = raw16(static_cast<std::uint16_t>(size - layout.l4));
    sum += l4_bytes;  // of the pseudo header
    if (layout.family == Family::ipv4) {
        const std::uint16_t total = raw16(static_cast<std::uint16_t>(size - kEthernet));
        std::memcpy(frame + kEthernet + 2, &total, 2);
        const auto header =
            static_cast<std::uint16_t>(~fold(blueprint.ip_sum + varying.address + total));
        std::memcpy(frame + kEthernet + 10, &header, 2);
    } else {
        std::memcpy(frame + kEthernet + 4, &l4_bytes, 2);
    }
    if (tag != nullptr) {
        std::uint8_t* at = frame + layout.payload;
        write_tag(at, *tag);
        std::uint32_t words[3] = {};
        std::memcpy(words, at, kTagBytes);
        sum += std::uint64_t{words[0]} + words[1] + words[2];
    }
    if (layout.protocol == Protocol::tcp) {
        const std::uint32_t number = raw32(varying.number);
        std::memcpy(frame + blueprint.number_at, &number, 4);
        const auto checksum = static_cast<std::uint16_t>(~fold(sum + number));
        std::memcpy(frame + layout.l4 + 16, &checksum, 2);
    } else {
        std::memcpy(frame + layout.l4 + 4, &l4_bytes, 2);
        auto checksum = static_cast<std::uint16_t>(~fold(sum + l4_bytes));
        if (checksum == 0) checksum = 0xffff;  // RFC 768
        std::memcpy(frame + layout.l4 + 6, &checksum, 2);
    }
}

// One's complement sum over memory, not inverted.
std::uint64_t sum_of(const std::uint8_t* at, std::size_t bytes);
// Of the pseudo header: addresses from the IP header at `ip`, RFC 793 and RFC 8200 section 8.1.
std::uint64_t pseudo_sum(Family family, const std::uint8_t* ip, std::uint8_t protocol,
                         std::uint32_t l4_bytes);

IpAddress load_address(Family family, const std::uint8_t* at);
void store_address(std::uint8_t* at, const IpAddress& address);  // 4 or 16 bytes
// The last 32 bits, raw.
std::uint32_t low_bits(const IpAddress& address);

// What is read of a frame that is neither cut short nor of another family or protocol.
std::optional<Tuple> read_tuple(const Layout& layout, const std::uint8_t* frame, unsigned bytes);
// IPv4 header, TCP and UDP. A UDP checksum of 0 (none) counts as wrong: we never send that.
bool checksums_good(const Layout& layout, const std::uint8_t* frame, unsigned bytes);

}  // namespace portcullis::traffic
