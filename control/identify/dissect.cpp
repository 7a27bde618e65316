#include "control/identify/dissect.h"

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::control::identify {

namespace {

using Bytes = std::span<const std::uint8_t>;
using Kind = Dissected::Kind;

std::uint16_t be16(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t be32(Bytes bytes, std::size_t at) {
    return std::uint32_t{be16(bytes, at)} << 16 | be16(bytes, at + 2);
}

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;
constexpr std::size_t kTagBytes = 4;

// Where the network layer begins, and which it is.
struct Network {
    std::size_t at = 0;
    std::uint16_t type = 0;
};

// 802.1Q, 802.1ad and what came before it.
bool is_tag(std::uint16_t type) {
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

// `at`: where the link layer's header ends; its type field stands at `type_at`.
std::optional<Network> behind_tags(Bytes bytes, std::size_t at, std::size_t type_at) {
    if (bytes.size() < at) return std::nullopt;
    Network network{at, be16(bytes, type_at)};
    while (is_tag(network.type)) {
        if (bytes.size() < network.at + kTagBytes) return std::nullopt;
        network.type = be16(bytes, network.at + 2);
        network.at += kTagBytes;
    }
    return network;
}

// By the version in the IP header itself. Address families differ from system to system, and the
// byte order of DLT_NULL from machine to machine.
std::optional<Network> by_version(Bytes bytes, std::size_t at) {
    if (bytes.size() <= at) return std::nullopt;
    const unsigned version = bytes[at] >> 4;
    return Network{at, version == 4 ? kIpv4 : version == 6 ? kIpv6 : std::uint16_t{0}};
}

std::optional<Network> find_network(LinkLayer link, Bytes bytes) {
    switch (link) {
        case LinkLayer::ethernet:
            return behind_tags(bytes, 14, 12);
        case LinkLayer::linux_sll:
            return behind_tags(bytes, 16, 14);
        case LinkLayer::linux_sll2:
            return behind_tags(bytes, 20, 0);
        case LinkLayer::raw_ip:
            return by_version(bytes, 0);
        case LinkLayer::null:
        case LinkLayer::loop:
            return by_version(bytes, 4);
    }
    return std::nullopt;
}

// An IP packet: what was captured of it, and how long it is by its own header.
struct Ip {
    Bytes bytes;
    std::size_t length = 0;
    std::size_t transport_at = 0;
    std::uint8_t protocol = 0;
    bool fragment = false;
    bool first_fragment = false;
};

// `on_wire` stands for a length of 0, which segmentation by the NIC leaves in captures.
std::optional<Ip> read_ipv4(Bytes bytes, std::size_t on_wire, Dissected& into) {
    if (bytes.size() < 20 || bytes[0] >> 4 != 4) return std::nullopt;
    Ip ip;
    ip.bytes = bytes;
    ip.length = be16(bytes, 2) == 0 ? on_wire : be16(bytes, 2);
    ip.transport_at = (bytes[0] & 0xfU) * 4;
    ip.protocol = bytes[9];
    if (ip.transport_at < 20 || ip.transport_at > ip.length) return std::nullopt;
    constexpr unsigned kMoreAndOffset = 0x3fff, kOffset = 0x1fff;
    ip.fragment = (be16(bytes, 6) & kMoreAndOffset) != 0;
    ip.first_fragment = ip.fragment && (be16(bytes, 6) & kOffset) == 0;
    into.source.address = policy::IpAddress::from_v4(be32(bytes, 12));
    into.destination.address = policy::IpAddress::from_v4(be32(bytes, 16));
    return ip;
}

policy::IpAddress address_at(Bytes bytes, std::size_t at) {
    std::array<std::uint8_t, 16> address{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), address.size(), address.begin());
    return policy::IpAddress::from_bytes(address);
}

// False where the chain runs out of the packet.
bool skip_extensions(Ip& ip) {
    constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                           kDestination = 60, kMobility = 135, kHostIdentity = 139, kShim6 = 140;
    constexpr unsigned kMoreAndOffset = 0xfff9, kOffset = 0xfff8;
    constexpr unsigned kMost = 16;
    for (unsigned headers = 0; headers < kMost; ++headers) {
        const bool known = ip.protocol == kHopByHop || ip.protocol == kRouting ||
                           ip.protocol == kFragment || ip.protocol == kAuthentication ||
                           ip.protocol == kDestination || ip.protocol == kMobility ||
                           ip.protocol == kHostIdentity || ip.protocol == kShim6;
        if (!known) return true;
        if (ip.bytes.size() < ip.transport_at + 8) return false;
        const auto header = ip.bytes.subspan(ip.transport_at);
        if (ip.protocol == kFragment) {
            ip.fragment = (be16(header, 2) & kMoreAndOffset) != 0;
            ip.first_fragment = ip.fragment && (be16(header, 2) & kOffset) == 0;
            ip.transport_at += 8;
        } else if (ip.protocol == kAuthentication) {
            ip.transport_at += (header[1] + 2U) * 4;
        } else {
            ip.transport_at += (header[1] + 1U) * 8;
        }
        ip.protocol = header[0];
        if (ip.fragment && !ip.first_fragment) return true;
    }
    return false;
}

std::optional<Ip> read_ipv6(Bytes bytes, std::size_t on_wire, Dissected& into) {
    if (bytes.size() < 40 || bytes[0] >> 4 != 6) return std::nullopt;
    Ip ip;
    ip.bytes = bytes;
    ip.length = be16(bytes, 4) == 0 ? on_wire : 40U + be16(bytes, 4);
    ip.transport_at = 40;
    ip.protocol = bytes[6];
    into.source.address = address_at(bytes, 8);
    into.destination.address = address_at(bytes, 24);
    // On the wire nobody has one; here it would be taken for an IPv4 address.
    if (into.source.address.is_v4() || into.destination.address.is_v4()) return std::nullopt;
    if (!skip_extensions(ip) || ip.transport_at > ip.length) return std::nullopt;
    return ip;
}

// RFC 1071, not complemented. `bytes` begins at an even place.
std::uint64_t sum_of(Bytes bytes, std::uint64_t sum) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += be16(bytes, i);
    if (bytes.size() % 2 != 0) sum += std::uint64_t{bytes.back()} << 8;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

Dissected::Checksum checksum_of(const Ip& ip, const Dissected& packet) {
    using Checksum = Dissected::Checksum;
    const auto segment = packet.segment;
    const bool udp = ip.protocol == 17;
    if (packet.truncated() || (udp && be16(segment, 6) == 0)) return Checksum::unknown;
    std::uint64_t sum = ip.protocol + segment.size();
    const bool v4 = packet.source.address.is_v4();
    for (const auto* end : {&packet.source, &packet.destination})
        sum = sum_of(Bytes(end->address.bytes()).subspan(v4 ? 12 : 0), sum);
    return sum_of(segment, sum) == 0xffff ? Checksum::right : Checksum::wrong;
}

bool flags_are_sound(std::uint8_t flags) {
    if ((flags & kSyn) != 0) return (flags & (kFin | kRst)) == 0;
    if ((flags & kRst) != 0) return (flags & kFin) == 0;
    return (flags & kAck) != 0;
}

// Ports and what they are followed by. False: cut, or at odds with itself.
bool read_transport(const Ip& ip, Dissected& into) {
    const auto bytes = ip.bytes.subspan(std::min(ip.transport_at, ip.bytes.size()));
    const std::size_t length = ip.length - ip.transport_at;
    const bool tcp = ip.protocol == 6;
    into.transport = tcp ? policy::Transport::tcp : policy::Transport::udp;
    if (bytes.size() < 8) return false;
    into.source.port = be16(bytes, 0);
    into.destination.port = be16(bytes, 2);
    if (into.source.port == 0 || into.destination.port == 0) return false;
    into.has_ends = true;
    if (ip.fragment) return true;
    std::size_t header = 8;
    if (tcp) {
        if (bytes.size() < 20) return false;
        into.sequence = be32(bytes, 4);
        into.ack = be32(bytes, 8);
        into.flags = bytes[13];
        header = (bytes[12] >> 4) * 4U;
        if (header < 20 || !flags_are_sound(into.flags)) return false;
    } else if (be16(bytes, 4) != length || (be16(bytes, 6) == 0 && !into.source.address.is_v4())) {
        return false;  // RFC 8200 8.1: over IPv6 a checksum must be there
    }
    if (header > length) return false;
    into.length = static_cast<std::uint32_t>(length - header);
    if (bytes.size() > header)
        into.payload =
            bytes.subspan(header, std::min<std::size_t>(bytes.size() - header, into.length));
    into.segment = bytes.first(std::min(length, bytes.size()));
    into.checksum = checksum_of(ip, into);
    return true;
}

}  // namespace

Dissected dissect(LinkLayer link, const CapturedPacket& packet) {
    Dissected result;
    const auto network = find_network(link, packet.bytes);
    if (!network) {
        result.kind = Kind::malformed;
        return result;
    }
    if (network->type != kIpv4 && network->type != kIpv6) return result;
    const auto bytes = packet.bytes.subspan(network->at);
    const std::size_t on_wire = packet.length < network->at ? 0 : packet.length - network->at;
    const auto ip = network->type == kIpv4 ? read_ipv4(bytes, on_wire, result)
                                           : read_ipv6(bytes, on_wire, result);
    // More than came by the wire: the capture's own length is the smaller lie.
    if (!ip || ip->length > on_wire) {
        result.kind = Kind::malformed;
        return result;
    }
    if (ip->fragment) {
        result.kind = Kind::fragment;
        if (!ip->first_fragment) return result;
    }
    if (ip->protocol != 6 && ip->protocol != 17) return result;
    if (!read_transport(*ip, result)) {
        result.kind = Kind::malformed;
        result.has_ends = false;
    } else if (!ip->fragment) {
        result.kind = Kind::payload;
    }
    return result;
}

}  // namespace portcullis::control::identify
