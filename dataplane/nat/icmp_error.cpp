#include "dataplane/nat/icmp_error.h"

#include "dataplane/nat/checksum.h"
#include "dataplane/nat/headers.h"

namespace portcullis::dataplane {

using namespace nat;

namespace {

constexpr unsigned kQuotedL4 = 8;       // what every error must quote (RFC 792)
constexpr unsigned kMaxExtensions = 4;  // IPv6 extension headers in a quote
constexpr std::uint16_t kFragmentOffset = 0x1fff;
constexpr std::uint16_t kFragmentOffsetV6 = 0xfff8;

struct Quote {
    unsigned l4 = 0;  // offset of the transport header
    std::uint8_t protocol = 0;
};

// `at` is the offset of the quoted IP header, `bytes` what is there of the whole packet.
std::optional<Quote> read_ipv4_quote(const std::uint8_t* l3, unsigned at, unsigned bytes) {
    if (at + kIpv4Header > bytes) return std::nullopt;
    const std::uint8_t* ip = l3 + at;
    const unsigned header = (ip[0] & 0xfU) * 4;
    if (ip[0] >> 4 != 4 || header < kIpv4Header) return std::nullopt;
    if ((load_be16(ip + kIpv4Fragment) & kFragmentOffset) != 0) return std::nullopt;
    return Quote{at + header, ip[kIpv4Protocol]};
}

std::optional<Quote> read_ipv6_quote(const std::uint8_t* l3, unsigned at, unsigned bytes) {
    if (at + kIpv6Header > bytes || l3[at] >> 4 != 6) return std::nullopt;
    Quote quote{at + kIpv6Header, l3[at + kIpv6NextHeader]};
    for (unsigned i = 0; i <= kMaxExtensions; ++i) {
        switch (quote.protocol) {
            case 0:   // hop-by-hop options
            case 43:  // routing
            case 60:  // destination options
            case 44:  // fragment
                break;
            default:
                return quote;
        }
        if (quote.l4 + 8 > bytes) return std::nullopt;
        const std::uint8_t* extension = l3 + quote.l4;
        if (quote.protocol == 44) {
            if ((load_be16(extension + 2) & kFragmentOffsetV6) != 0) return std::nullopt;
            quote.l4 += 8;
        } else {
            quote.l4 += (extension[1] + 1U) * 8;
        }
        quote.protocol = extension[0];
    }
    return std::nullopt;
}

// Writes `value` and notes the change for each checksum that covers it.
void replace(std::uint8_t* at, const std::uint8_t* value, std::size_t bytes, ChecksumDelta& outer,
             ChecksumDelta* header, ChecksumDelta* transport) {
    outer.add(at, value, bytes);
    if (header != nullptr) header->add(at, value, bytes);
    if (transport != nullptr) transport->add(at, value, bytes);
    std::memcpy(at, value, bytes);
}

void replace_port(std::uint8_t* at, std::uint16_t port, ChecksumDelta& outer,
                  ChecksumDelta& transport) {
    std::uint8_t value[2];
    store_be16(value, port);
    replace(at, value, sizeof(value), outer, nullptr, &transport);
}

void replace_checksum(std::uint8_t* at, std::uint16_t checksum, ChecksumDelta& outer) {
    outer.add(load_word(at), checksum);
    store_word(at, checksum);
}

// Offset of the checksum in a transport header.
unsigned checksum_offset(std::uint8_t protocol) {
    if (protocol == kProtocolTcp) return kTcpChecksum;
    return protocol == kProtocolUdp ? kUdpChecksum : kIcmpChecksum;
}

}  // namespace

bool is_icmp_error(const PacketView& packet) {
    if (packet.l4_bytes() < kIcmpHeader) return false;
    const std::uint8_t type = packet.l4()[0];
    if (packet.protocol == kProtocolIcmp) return type == 3 || type == 11 || type == 12;
    if (packet.protocol == kProtocolIcmpV6) return type >= 1 && type <= 4;
    return false;
}

std::optional<QuotedFlow> parse_icmp_error(const PacketView& packet, std::uint16_t interface) {
    if (!is_icmp_error(packet)) return std::nullopt;
    const unsigned at = packet.l4_offset + kIcmpHeader;
    const std::optional<Quote> quote = packet.family == Family::ipv4
                                           ? read_ipv4_quote(packet.l3, at, packet.l3_bytes)
                                           : read_ipv6_quote(packet.l3, at, packet.l3_bytes);
    if (!quote || quote->l4 + kQuotedL4 > packet.l3_bytes) return std::nullopt;

    const AddressFields fields = address_fields(packet.family);
    const std::uint8_t* ip = packet.l3 + at;
    const std::uint8_t* l4 = packet.l3 + quote->l4;
    // The error comes to whoever sent what it quotes.
    if (std::memcmp(ip + fields.source, packet.l3 + fields.destination, fields.bytes) != 0)
        return std::nullopt;

    QuotedFlow flow;
    flow.l3_offset = static_cast<std::uint16_t>(at);
    flow.l4_offset = static_cast<std::uint16_t>(quote->l4);
    flow.protocol = quote->protocol;
    flow.key.source = read_address(ip + fields.destination, packet.family);
    flow.key.destination = read_address(ip + fields.source, packet.family);
    // As in any IPv6 header (parse): it would be taken for an IPv4 address.
    if (flow.key.source.family() != packet.family) return std::nullopt;
    flow.key.interface = interface;
    switch (quote->protocol) {
        case kProtocolTcp:
            flow.tcp_sequence = load_be32(l4 + 4);
            [[fallthrough]];
        case kProtocolUdp:
            flow.key.protocol = quote->protocol;
            flow.key.source_port = load_be16(l4 + kDestinationPort);
            flow.key.destination_port = load_be16(l4 + kSourcePort);
            return flow;
        case kProtocolIcmp:
        case kProtocolIcmpV6: {
            if ((quote->protocol == kProtocolIcmp) != (packet.family == Family::ipv4))
                return std::nullopt;
            flow.key.protocol = static_cast<std::uint8_t>(policy::Transport::icmp);
            const std::uint16_t identifier = load_be16(l4 + kIcmpIdentifier);
            const Echo echo = echo_kind(quote->protocol, l4[0]);
            if (echo == Echo::request) flow.key.destination_port = identifier;
            if (echo == Echo::reply) flow.key.source_port = identifier;
            return echo == Echo::none ? std::nullopt : std::optional(flow);
        }
        default:
            return std::nullopt;
    }
}

void translate_icmp_error(const PacketView& packet, const QuotedFlow& quoted,
                          const FlowKey& other) {
    const AddressFields fields = address_fields(packet.family);
    const bool ipv4 = packet.family == Family::ipv4;
    std::uint8_t* ip = packet.l3 + quoted.l3_offset;
    std::uint8_t* l4 = packet.l3 + quoted.l4_offset;
    const unsigned l4_bytes = packet.l3_bytes - quoted.l4_offset;

    // The outer addresses: the error goes to who sent the quoted packet, as that side knows itself.
    const bool from_peer =
        std::memcmp(packet.l3 + fields.source, ip + fields.destination, fields.bytes) == 0;
    ChecksumDelta outer_header;
    replace(packet.l3 + fields.destination, wire(other.source, fields), fields.bytes, outer_header,
            nullptr, nullptr);
    if (from_peer)
        replace(packet.l3 + fields.source, wire(other.destination, fields), fields.bytes,
                outer_header, nullptr, nullptr);
    if (ipv4) {
        std::uint8_t* checksum = packet.l3 + kIpv4Checksum;
        store_word(checksum, outer_header.apply(load_word(checksum)));
    }

    // The quote: as the receiver of the error sent it.
    ChecksumDelta message;              // the outer ICMP checksum
    if (!ipv4) message = outer_header;  // its pseudo-header
    ChecksumDelta header;
    ChecksumDelta transport;
    ChecksumDelta* pseudo = covers_addresses(quoted.protocol) ? &transport : nullptr;
    replace(ip + fields.source, wire(other.source, fields), fields.bytes, message, &header, pseudo);
    replace(ip + fields.destination, wire(other.destination, fields), fields.bytes, message,
            &header, pseudo);
    if (ipv4)
        replace_checksum(ip + kIpv4Checksum, header.apply(load_word(ip + kIpv4Checksum)), message);

    switch (echo_kind(quoted.protocol, l4[0])) {
        case Echo::request:
            replace_port(l4 + kIcmpIdentifier, other.source_port, message, transport);
            break;
        case Echo::reply:
            replace_port(l4 + kIcmpIdentifier, other.destination_port, message, transport);
            break;
        case Echo::none:
            replace_port(l4 + kSourcePort, other.source_port, message, transport);
            replace_port(l4 + kDestinationPort, other.destination_port, message, transport);
            break;
    }
    const unsigned at = checksum_offset(quoted.protocol);
    if (at + 2 <= l4_bytes) {
        const std::uint16_t before = load_word(l4 + at);
        replace_checksum(
            l4 + at,
            quoted.protocol == kProtocolUdp ? transport.apply_udp(before) : transport.apply(before),
            message);
    }
    std::uint8_t* checksum = packet.l4() + kIcmpChecksum;
    store_word(checksum, message.apply(load_word(checksum)));
}

}  // namespace portcullis::dataplane
