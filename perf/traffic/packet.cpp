#include "perf/traffic/packet.h"

namespace portcullis::traffic {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr unsigned kIpv4Source = 12, kIpv6Source = 8;

// Bytes of the L3 packet that its header claims.
unsigned claimed(const Layout& layout, const std::uint8_t* ip) {
    return layout.family == Family::ipv4 ? load16(ip + 2) : kIpv6 + load16(ip + 4);
}

}  // namespace

std::string Endpoint::to_string() const {
    const std::string text = address.to_string();
    return (address.is_v4() ? text : "[" + text + "]") + ":" + std::to_string(port);
}

std::string Tuple::to_string() const {
    return source.to_string() + " > " + destination.to_string();
}

std::uint64_t sum_of(const std::uint8_t* at, std::size_t bytes) {
    std::uint64_t sum = 0;
    for (; bytes >= 2; at += 2, bytes -= 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, at, 2);
        sum += word;
    }
    if (bytes != 0) {
        const std::uint8_t last[2] = {*at, 0};
        std::uint16_t word = 0;
        std::memcpy(&word, last, 2);
        sum += word;
    }
    return sum;
}

std::uint64_t pseudo_sum(Family family, const std::uint8_t* ip, std::uint8_t protocol,
                         std::uint32_t l4_bytes) {
    std::uint8_t rest[8] = {};
    store32(rest, l4_bytes);
    rest[7] = protocol;
    return sum_of(rest, sizeof rest) +
           (family == Family::ipv4 ? sum_of(ip + kIpv4Source, 8) : sum_of(ip + kIpv6Source, 32));
}

IpAddress load_address(Family family, const std::uint8_t* at) {
    if (family == Family::ipv4) return IpAddress::from_v4(load32(at));
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), at, bytes.size());
    return IpAddress::from_bytes(bytes);
}

void store_address(std::uint8_t* at, const IpAddress& address) {
    if (address.is_v4())
        store32(at, address.v4());
    else
        std::memcpy(at, address.bytes().data(), address.bytes().size());
}

std::uint32_t low_bits(const IpAddress& address) {
    std::uint32_t raw = 0;
    std::memcpy(&raw, address.bytes().data() + 12, 4);
    return raw;
}

Blueprint make_blueprint(const Layout& layout, const Ethernet& ethernet, const Tuple& tuple,
                         Varies varies, std::uint8_t flags, std::uint32_t fixed_number) {
    Blueprint blueprint;
    std::uint8_t* frame = blueprint.bytes.data();
    std::memcpy(frame, ethernet.destination.data(), 6);
    std::memcpy(frame + 6, ethernet.source.data(), 6);
    std::uint8_t* ip = frame + kEthernet;
    const bool v4 = layout.family == Family::ipv4;
    const unsigned width = v4 ? 4 : 16;
    const unsigned source = v4 ? kIpv4Source : kIpv6Source;
    store16(frame + 12, v4 ? kTypeIpv4 : kTypeIpv6);
    if (v4) {
        ip[0] = 0x45;
        store16(ip + 6, 0x4000);  // don't fragment
        ip[8] = kTtl;
        ip[9] = static_cast<std::uint8_t>(layout.protocol);
    } else {
        ip[0] = 0x60;
        ip[6] = static_cast<std::uint8_t>(layout.protocol);
        ip[7] = kTtl;
    }
    store_address(ip + source, tuple.source.address);
    store_address(ip + source + width, tuple.destination.address);

    std::uint8_t* l4 = frame + layout.l4;
    store16(l4, tuple.source.port);
    store16(l4 + 2, tuple.destination.port);
    const bool from_source = varies == Varies::source;
    if (layout.protocol == Protocol::tcp) {
        blueprint.number_at = static_cast<std::uint16_t>(layout.l4 + (from_source ? 4 : 8));
        store32(l4 + (from_source ? 8 : 4), fixed_number);
        l4[12] = kTcp / 4 << 4;
        l4[13] = flags;
        store16(l4 + 14, 0xffff);
    }
    blueprint.address_at =
        static_cast<std::uint16_t>(kEthernet + source + (from_source ? width : 2 * width) - 4);
    blueprint.port_at = static_cast<std::uint16_t>(layout.l4 + (from_source ? 0 : 2));
    std::memset(frame + blueprint.address_at, 0, 4);
    std::memset(frame + blueprint.port_at, 0, 2);

    if (v4) blueprint.ip_sum = sum_of(ip, kIpv4);
    blueprint.l4_sum =
        pseudo_sum(layout.family, ip, static_cast<std::uint8_t>(layout.protocol), 0) +
        sum_of(l4, layout.payload - layout.l4);
    return blueprint;
}

std::optional<Tuple> read_tuple(const Layout& layout, const std::uint8_t* frame, unsigned bytes) {
    if (bytes < layout.payload) return std::nullopt;
    const std::uint8_t* ip = frame + kEthernet;
    const bool v4 = layout.family == Family::ipv4;
    if (load16(frame + 12) != (v4 ? kTypeIpv4 : kTypeIpv6)) return std::nullopt;
    if (v4 ? ip[0] != 0x45 : ip[0] >> 4 != 6) return std::nullopt;
    if (ip[v4 ? 9 : 6] != static_cast<std::uint8_t>(layout.protocol)) return std::nullopt;
    const unsigned l3_bytes = claimed(layout, ip);
    if (l3_bytes > bytes - kEthernet || l3_bytes < layout.payload - kEthernet) return std::nullopt;
    const unsigned source = v4 ? kIpv4Source : kIpv6Source;
    const std::uint8_t* l4 = frame + layout.l4;
    Tuple tuple;
    tuple.source = {load_address(layout.family, ip + source), load16(l4)};
    tuple.destination = {load_address(layout.family, ip + source + (v4 ? 4 : 16)), load16(l4 + 2)};
    return tuple;
}

bool checksums_good(const Layout& layout, const std::uint8_t* frame, unsigned bytes) {
    if (!read_tuple(layout, frame, bytes)) return false;
    const std::uint8_t* ip = frame + kEthernet;
    if (layout.family == Family::ipv4 && fold(sum_of(ip, kIpv4)) != 0xffff) return false;
    const std::uint8_t* l4 = frame + layout.l4;
    const unsigned l4_bytes = claimed(layout, ip) - (layout.l4 - kEthernet);
    if (layout.protocol == Protocol::udp && (load16(l4 + 4) != l4_bytes || load16(l4 + 6) == 0))
        return false;
    const auto protocol = static_cast<std::uint8_t>(layout.protocol);
    return fold(pseudo_sum(layout.family, ip, protocol, l4_bytes) + sum_of(l4, l4_bytes)) == 0xffff;
}

}  // namespace portcullis::traffic
