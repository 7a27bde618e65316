#include "dataplane/nat/rewrite.h"

#include "dataplane/nat/checksum.h"
#include "dataplane/nat/headers.h"

namespace portcullis::dataplane {

using namespace nat;

namespace {

void replace(std::uint8_t* at, const std::uint8_t* value, std::size_t bytes, ChecksumDelta& delta) {
    if (std::memcmp(at, value, bytes) == 0) return;
    delta.add(at, value, bytes);
    std::memcpy(at, value, bytes);
}

void replace_port(std::uint8_t* at, std::uint16_t port, ChecksumDelta& delta) {
    std::uint8_t value[2];
    store_be16(value, port);
    replace(at, value, sizeof(value), delta);
}

void update(std::uint8_t* checksum, const ChecksumDelta& delta) {
    store_word(checksum, delta.apply(load_word(checksum)));
}

}  // namespace

void translate(const PacketView& packet, const FlowKey& other) {
    const AddressFields fields = address_fields(packet.family);
    ChecksumDelta addresses;
    replace(packet.l3 + fields.source, wire(other.destination, fields), fields.bytes, addresses);
    replace(packet.l3 + fields.destination, wire(other.source, fields), fields.bytes, addresses);
    if (packet.family == Family::ipv4) update(packet.l3 + kIpv4Checksum, addresses);

    std::uint8_t* l4 = packet.l4();
    ChecksumDelta delta;
    if (covers_addresses(packet.protocol)) delta = addresses;
    switch (packet.protocol) {
        case kProtocolTcp:
        case kProtocolUdp:
            replace_port(l4 + kSourcePort, other.destination_port, delta);
            replace_port(l4 + kDestinationPort, other.source_port, delta);
            if (packet.protocol == kProtocolTcp)
                update(l4 + kTcpChecksum, delta);
            else
                store_word(l4 + kUdpChecksum, delta.apply_udp(load_word(l4 + kUdpChecksum)));
            break;
        case kProtocolIcmp:
        case kProtocolIcmpV6: {
            const Echo echo = echo_kind(packet.protocol, l4[0]);
            if (echo == Echo::request)
                replace_port(l4 + kIcmpIdentifier, other.destination_port, delta);
            if (echo == Echo::reply) replace_port(l4 + kIcmpIdentifier, other.source_port, delta);
            update(l4 + kIcmpChecksum, delta);
            break;
        }
        default:
            break;
    }
}

bool decrement_ttl(const PacketView& packet) {
    std::uint8_t* ttl = packet.l3 + (packet.family == Family::ipv4 ? kIpv4Ttl : kIpv6HopLimit);
    if (*ttl <= 1) return false;
    if (packet.family == Family::ipv6) {
        --*ttl;
        return true;
    }
    const std::uint8_t before[2] = {ttl[0], ttl[1]};  // one checksum word: TTL and protocol
    --*ttl;
    ChecksumDelta delta;
    delta.add(before, ttl, sizeof(before));
    update(packet.l3 + kIpv4Checksum, delta);
    return true;
}

}  // namespace portcullis::dataplane
