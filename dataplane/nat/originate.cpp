#include "dataplane/nat/originate.h"

#include <algorithm>
#include <optional>

#include "dataplane/nat/checksum.h"
#include "dataplane/nat/headers.h"
#include "dataplane/nat/transport_checksum.h"
#include "dataplane/session/tcp.h"

namespace portcullis::dataplane {

using namespace nat;

namespace {

constexpr std::size_t kMaxIpv4Error = 576;   // RFC 1812 4.3.2.3
constexpr std::size_t kMaxIpv6Error = 1280;  // RFC 4443 2.4 (c)
constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kTosInternetworkControl = 0xc0;  // RFC 1812 4.3.2.5
constexpr std::uint16_t kDontFragment = 0x4000;

std::size_t header_bytes(Family family) {
    return family == Family::ipv4 ? kIpv4Header : kIpv6Header;
}

// The IP header of a packet of `bytes`, at `out`.
void write_ip(std::uint8_t* out, std::size_t bytes, std::uint8_t protocol, std::uint8_t tos,
              const IpAddress& source, const IpAddress& destination) {
    const Family family = source.family();
    const AddressFields fields = address_fields(family);
    std::fill_n(out, header_bytes(family), std::uint8_t{0});
    std::memcpy(out + fields.source, wire(source, fields), fields.bytes);
    std::memcpy(out + fields.destination, wire(destination, fields), fields.bytes);
    if (family == Family::ipv6) {
        out[0] = 0x60;
        store_be16(out + 4, static_cast<std::uint16_t>(bytes - kIpv6Header));
        out[kIpv6NextHeader] = protocol;
        out[kIpv6HopLimit] = kTtl;
        return;
    }
    out[0] = 0x45;
    out[1] = tos;
    store_be16(out + 2, static_cast<std::uint16_t>(bytes));
    store_be16(out + kIpv4Fragment, kDontFragment);  // and identification 0 (RFC 6864 4.1)
    out[kIpv4Ttl] = kTtl;
    out[kIpv4Protocol] = protocol;
    store_word(out + kIpv4Checksum, finish_checksum(sum_bytes(out, kIpv4Header)));
}

bool is_unicast(const IpAddress& address) {
    if (address.is_v4()) {
        const std::uint8_t first = address.bytes()[12];
        return first != 0 && first != 127 && first < 224;
    }
    const auto& bytes = address.bytes();
    const bool zeros = std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
    return bytes[0] != 0xff && !(zeros && bytes[15] <= 1);  // multicast, :: and ::1
}

struct TypeCode {
    std::uint8_t type;
    std::uint8_t code;
};
TypeCode type_code(IcmpError error, Family family) {
    const bool v4 = family == Family::ipv4;
    switch (error) {
        case IcmpError::time_exceeded:
            return v4 ? TypeCode{11, 0} : TypeCode{3, 0};
        case IcmpError::too_big:
            return v4 ? TypeCode{3, 4} : TypeCode{2, 0};
        case IcmpError::no_route:
            return v4 ? TypeCode{3, 0} : TypeCode{1, 0};
        case IcmpError::host_unreachable:
            return v4 ? TypeCode{3, 1} : TypeCode{1, 3};
        case IcmpError::port_unreachable:
            return v4 ? TypeCode{3, 3} : TypeCode{1, 4};
        case IcmpError::admin_prohibited:
            break;
    }
    return v4 ? TypeCode{3, 13} : TypeCode{1, 1};
}

// May there be an ICMP error about this packet?
bool may_have_error(const PacketView& packet) {
    const AddressFields fields = address_fields(packet.family);
    if (!is_unicast(read_address(packet.l3 + fields.source, packet.family)) ||
        !is_unicast(read_address(packet.l3 + fields.destination, packet.family)))
        return false;
    if (packet.family == Family::ipv4 && (load_be16(packet.l3 + kIpv4Fragment) & 0x1fff) != 0)
        return false;
    if (packet.protocol != kProtocolIcmp && packet.protocol != kProtocolIcmpV6) return true;
    // Of ICMP, about echo alone: errors, redirects and what is unknown get none.
    return packet.l4_bytes() >= kIcmpHeader &&
           echo_kind(packet.protocol, packet.l4()[0]) != Echo::none;
}

struct Reset {
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port;
    std::uint16_t destination_port;
    std::uint32_t sequence;
    std::optional<std::uint32_t> ack;
};
std::size_t write_reset(const Reset& reset, std::span<std::uint8_t> out) {
    const Family family = reset.source.family();
    const std::size_t ip = header_bytes(family);
    if (out.size() < ip + kTcpHeader) return 0;
    write_ip(out.data(), ip + kTcpHeader, kProtocolTcp, 0, reset.source, reset.destination);
    std::uint8_t* tcp = out.data() + ip;
    std::fill_n(tcp, kTcpHeader, std::uint8_t{0});
    store_be16(tcp + kSourcePort, reset.source_port);
    store_be16(tcp + kDestinationPort, reset.destination_port);
    store_be32(tcp + 4, reset.sequence);
    store_be32(tcp + 8, reset.ack.value_or(0));
    tcp[12] = kTcpHeader / 4 << 4;
    tcp[13] = static_cast<std::uint8_t>(reset.ack ? kTcpRst | kTcpAck : kTcpRst);
    store_word(tcp + kTcpChecksum,
               transport_checksum(out.data(), family, kProtocolTcp, tcp, kTcpHeader));
    return ip + kTcpHeader;
}

}  // namespace

std::size_t build_icmp_error(const PacketView& packet, IcmpError error, std::uint32_t mtu,
                             const IpAddress& source, std::span<std::uint8_t> out) {
    const Family family = packet.family;
    if (source.family() != family || !may_have_error(packet)) return 0;
    const std::size_t headers = header_bytes(family) + kIcmpHeader;
    const std::size_t limit =
        std::min(out.size(), family == Family::ipv4 ? kMaxIpv4Error : kMaxIpv6Error);
    // The IP header and 8 bytes at least must fit: less would name no session.
    if (limit < headers + packet.l4_offset + 8U) return 0;
    const std::size_t quoted = std::min<std::size_t>(packet.l3_bytes, limit - headers);
    const std::uint8_t protocol = family == Family::ipv4 ? kProtocolIcmp : kProtocolIcmpV6;
    const IpAddress destination = read_address(packet.l3 + address_fields(family).source, family);
    write_ip(out.data(), headers + quoted, protocol, kTosInternetworkControl, source, destination);
    std::uint8_t* icmp = out.data() + header_bytes(family);
    const TypeCode kind = type_code(error, family);
    std::fill_n(icmp, kIcmpHeader, std::uint8_t{0});
    icmp[0] = kind.type;
    icmp[1] = kind.code;
    if (error == IcmpError::too_big) {
        if (family == Family::ipv4)
            store_be16(icmp + 6, static_cast<std::uint16_t>(std::min(mtu, 0xffffU)));
        else
            store_be32(icmp + 4, mtu);
    }
    std::memcpy(icmp + kIcmpHeader, packet.l3, quoted);
    store_word(icmp + kIcmpChecksum,
               transport_checksum(out.data(), family, protocol, icmp, kIcmpHeader + quoted));
    return headers + quoted;
}

std::size_t build_tcp_reset(const PacketView& packet, std::span<std::uint8_t> out) {
    TcpSegment segment;
    if (packet.protocol != kProtocolTcp || !read_tcp_segment(packet, segment) ||
        segment.has(kTcpRst))
        return 0;
    const AddressFields fields = address_fields(packet.family);
    Reset reset{};
    reset.source = read_address(packet.l3 + fields.destination, packet.family);
    reset.destination = read_address(packet.l3 + fields.source, packet.family);
    if (!is_unicast(reset.source) || !is_unicast(reset.destination)) return 0;
    reset.source_port = load_be16(packet.l4() + kDestinationPort);
    reset.destination_port = load_be16(packet.l4() + kSourcePort);
    if (segment.has(kTcpAck))
        reset.sequence = segment.ack;
    else
        reset.ack = segment.end();
    return write_reset(reset, out);
}

std::size_t build_session_reset(const Session& session, Direction to, ResetAt at,
                                std::span<std::uint8_t> out) {
    const FlowKey& key = session.key[index_of(to)];
    if (session.state == SessionState::free || key.protocol != kProtocolTcp) return 0;
    const TcpSide& sender = session.protocol.tcp[index_of(opposite(to))];
    const TcpSide& receiver = session.protocol.tcp[index_of(to)];
    const bool seen = (sender.flags & kTcpSideSeen) != 0;
    if (at == ResetAt::acknowledged && (!seen || sender.acked == sender.end)) return 0;
    // With the ACK it is good in SYN-SENT too.
    Reset reset{};
    reset.source = key.destination;
    reset.destination = key.source;
    reset.source_port = key.destination_port;
    reset.destination_port = key.source_port;
    reset.sequence = at == ResetAt::sent ? sender.end : sender.acked;
    if ((receiver.flags & kTcpSideSeen) != 0) reset.ack = receiver.end;
    return write_reset(reset, out);
}

}  // namespace portcullis::dataplane
