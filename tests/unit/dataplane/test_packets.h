// Packets for unit tests, from the IP header on, with checksums computed the slow way: byte by
// byte, big-endian, over the whole packet. Nothing here shares code with what is tested.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "dataplane/packet.h"

namespace portcullis::dataplane::test {

using Bytes = std::vector<std::uint8_t>;

inline IpAddress ip(const std::string& text) {
    const auto address = IpAddress::parse(text);
    if (!address) std::abort();
    return *address;
}

inline void put16(Bytes& b, std::size_t at, unsigned value) {
    b.at(at) = static_cast<std::uint8_t>(value >> 8);
    b.at(at + 1) = static_cast<std::uint8_t>(value);
}
inline void put32(Bytes& b, std::size_t at, std::uint32_t value) {
    put16(b, at, value >> 16);
    put16(b, at + 2, value & 0xffff);
}
inline unsigned get16(const Bytes& b, std::size_t at) {
    return static_cast<unsigned>(b[at] << 8 | b[at + 1]);
}
inline std::uint32_t get32(const Bytes& b, std::size_t at) {
    return get16(b, at) << 16 | get16(b, at + 2);
}

// Not inlined: g++ 12 sees overflows in vectors of known size that there are none of.
[[gnu::noinline]] inline void append(Bytes& b, const Bytes& more) {
    b.insert(b.end(), more.begin(), more.end());
}

// RFC 1071, of [from, to) plus `start`, not complemented.
inline std::uint32_t slow_sum(const Bytes& b, std::size_t from, std::size_t to,
                              std::uint32_t start = 0) {
    std::uint32_t sum = start;
    for (std::size_t i = from; i < to; ++i) {
        sum += static_cast<std::uint32_t>((i - from) % 2 == 0 ? b[i] << 8 : b[i]);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

struct TestPacket {
    Bytes bytes;
    unsigned l4 = 0;
    Family family = Family::ipv4;
    std::uint8_t protocol = 0;

    PacketView view() {
        PacketView v;
        v.l3 = bytes.data();
        v.l3_bytes = static_cast<std::uint16_t>(bytes.size());
        v.l4_offset = static_cast<std::uint16_t>(l4);
        v.family = family;
        v.protocol = protocol;
        return v;
    }
    unsigned checksum_at() const { return l4 + (protocol == 6 ? 16U : protocol == 17 ? 6U : 2U); }
    // The transport checksum as it should be, with the field taken as 0.
    unsigned transport_checksum() const {
        Bytes copy = bytes;
        put16(copy, checksum_at(), 0);
        std::uint32_t start = 0;
        if (protocol != 1) {
            const unsigned from = family == Family::ipv4 ? 12 : 8;
            const unsigned size = family == Family::ipv4 ? 8 : 32;
            start = slow_sum(copy, from, from + size);
            start += static_cast<std::uint32_t>(copy.size() - l4) + protocol;
        }
        const unsigned sum = slow_sum(copy, l4, copy.size(), start);
        const unsigned result = ~sum & 0xffff;
        return protocol == 17 && result == 0 ? 0xffff : result;
    }
    unsigned header_checksum() const {
        Bytes copy = bytes;
        put16(copy, 10, 0);
        return ~slow_sum(copy, 0, (copy[0] & 0xfU) * 4) & 0xffff;
    }
    void finish() {
        if (family == Family::ipv4) put16(bytes, 10, header_checksum());
        put16(bytes, checksum_at(), transport_checksum());
    }
    bool checksums_right() const {
        return (family == Family::ipv6 || get16(bytes, 10) == header_checksum()) &&
               get16(bytes, checksum_at()) == transport_checksum();
    }
};

inline TestPacket make_ip(const IpAddress& source, const IpAddress& destination,
                          std::uint8_t protocol, const Bytes& l4) {
    TestPacket p;
    p.family = source.family();
    p.protocol = protocol;
    p.l4 = p.family == Family::ipv4 ? 20 : 40;
    p.bytes.assign(p.l4, 0);
    append(p.bytes, l4);
    const auto& s = source.bytes();
    const auto& d = destination.bytes();
    if (p.family == Family::ipv4) {
        p.bytes[0] = 0x45;
        put16(p.bytes, 2, static_cast<unsigned>(p.bytes.size()));
        put16(p.bytes, 6, 0x4000);
        p.bytes[8] = 64;
        p.bytes[9] = protocol;
        std::memcpy(&p.bytes[12], &s[12], 4);
        std::memcpy(&p.bytes[16], &d[12], 4);
    } else {
        p.bytes[0] = 0x60;
        put16(p.bytes, 4, static_cast<unsigned>(l4.size()));
        p.bytes[6] = protocol;
        p.bytes[7] = 64;
        std::memcpy(&p.bytes[8], s.data(), 16);
        std::memcpy(&p.bytes[24], d.data(), 16);
    }
    return p;
}

inline TestPacket make_udp(const IpAddress& source, const IpAddress& destination,
                           std::uint16_t source_port, std::uint16_t destination_port,
                           const Bytes& payload = {}) {
    Bytes l4(8, 0);
    put16(l4, 0, source_port);
    put16(l4, 2, destination_port);
    put16(l4, 4, static_cast<unsigned>(8 + payload.size()));
    append(l4, payload);
    TestPacket p = make_ip(source, destination, 17, l4);
    p.finish();
    return p;
}

struct TcpFields {
    std::uint32_t sequence = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0;
    std::uint16_t window = 65535;
    std::uint16_t payload = 0;  // bytes
    int scale = -1;             // of a SYN: -1 offers none
};

inline TestPacket make_tcp(const IpAddress& source, const IpAddress& destination,
                           std::uint16_t source_port, std::uint16_t destination_port,
                           const TcpFields& tcp) {
    Bytes l4(20, 0);
    put16(l4, 0, source_port);
    put16(l4, 2, destination_port);
    put32(l4, 4, tcp.sequence);
    put32(l4, 8, tcp.ack);
    l4[13] = tcp.flags;
    put16(l4, 14, tcp.window);
    if (tcp.scale >= 0) {
        const Bytes options = {2, 4, 5, 0xb4, 1, 3, 3, static_cast<std::uint8_t>(tcp.scale)};
        append(l4, options);
    }
    l4[12] = static_cast<std::uint8_t>(l4.size() / 4 << 4);
    for (unsigned i = 0; i < tcp.payload; ++i) l4.push_back(static_cast<std::uint8_t>(i * 7));
    TestPacket p = make_ip(source, destination, 6, l4);
    p.finish();
    return p;
}

inline TestPacket make_echo(const IpAddress& source, const IpAddress& destination, bool request,
                            std::uint16_t identifier, const Bytes& payload = {}) {
    const bool v4 = source.is_v4();
    Bytes l4(8, 0);
    l4[0] = v4 ? (request ? 8 : 0) : (request ? 128 : 129);
    put16(l4, 4, identifier);
    put16(l4, 6, 1);
    append(l4, payload);
    TestPacket p = make_ip(source, destination, v4 ? 1 : 58, l4);
    p.finish();
    return p;
}

inline TestPacket make_icmp_error(const IpAddress& source, const IpAddress& destination,
                                  std::uint8_t type, std::uint8_t code, const Bytes& quote) {
    Bytes l4(8, 0);
    l4[0] = type;
    l4[1] = code;
    append(l4, quote);
    TestPacket p = make_ip(source, destination, source.is_v4() ? 1 : 58, l4);
    p.finish();
    return p;
}

// The key of a packet as parse would make it.
inline FlowKey key_of(const TestPacket& p, std::uint16_t interface) {
    FlowKey key;
    const bool v4 = p.family == Family::ipv4;
    std::array<std::uint8_t, 16> s{};
    std::array<std::uint8_t, 16> d{};
    if (v4) {
        key.source = IpAddress::from_v4(get32(p.bytes, 12));
        key.destination = IpAddress::from_v4(get32(p.bytes, 16));
    } else {
        std::memcpy(s.data(), &p.bytes[8], 16);
        std::memcpy(d.data(), &p.bytes[24], 16);
        key.source = IpAddress::from_bytes(s);
        key.destination = IpAddress::from_bytes(d);
    }
    key.interface = interface;
    key.protocol = p.protocol == 58 ? 1 : p.protocol;
    if (key.protocol == 1) {
        const std::uint8_t type = p.bytes[p.l4];
        const auto identifier = static_cast<std::uint16_t>(get16(p.bytes, p.l4 + 4));
        if (type == 8 || type == 128) key.source_port = identifier;
        if (type == 0 || type == 129) key.destination_port = identifier;
    } else {
        key.source_port = static_cast<std::uint16_t>(get16(p.bytes, p.l4));
        key.destination_port = static_cast<std::uint16_t>(get16(p.bytes, p.l4 + 2));
    }
    return key;
}

}  // namespace portcullis::dataplane::test
