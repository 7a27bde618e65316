#include "dataplane/host/arp.h"

namespace portcullis::dataplane {

namespace {

constexpr std::size_t kArpBytes = 28;
constexpr std::uint16_t kRequest = 1;
constexpr std::uint16_t kReply = 2;

Frame build(const HostInterface& interface, const MacAddress& to, std::uint16_t operation,
            const IpAddress& sender, const MacAddress& target_mac, const IpAddress& target) {
    Frame frame(interface.at, interface.mac, to, kEtherTypeArp);
    std::uint8_t* arp = frame.append(kArpBytes);
    write16(arp, 1);  // Ethernet
    write16(arp + 2, kEtherTypeIpv4);
    arp[4] = 6;
    arp[5] = 4;
    write16(arp + 6, operation);
    std::memcpy(arp + 8, interface.mac.data(), 6);
    write32(arp + 14, sender.v4());
    std::memcpy(arp + 18, target_mac.data(), 6);
    write32(arp + 24, target.v4());
    return frame;
}

}  // namespace

std::optional<ArpPacket> read_arp(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < kArpBytes || read16(&bytes[0]) != 1 || read16(&bytes[2]) != kEtherTypeIpv4 ||
        bytes[4] != 6 || bytes[5] != 4)
        return std::nullopt;
    const std::uint16_t operation = read16(&bytes[6]);
    if (operation != kRequest && operation != kReply) return std::nullopt;
    ArpPacket packet{.request = operation == kRequest,
                     .sender_mac = read_mac(&bytes[8]),
                     .target_mac = read_mac(&bytes[18]),
                     .sender = read_ipv4(&bytes[14]),
                     .target = read_ipv4(&bytes[24])};
    if (!is_unicast(packet.sender_mac)) return std::nullopt;
    return packet;
}

Frame arp_reply(const HostInterface& interface, const ArpPacket& request) {
    return build(interface, request.sender_mac, kReply, request.target, request.sender_mac,
                 request.sender);
}

Frame arp_request(const HostInterface& interface, const IpAddress& source, const IpAddress& target,
                  const std::optional<MacAddress>& to) {
    return build(interface, to.value_or(kBroadcastMac), kRequest, source, MacAddress{}, target);
}

Frame arp_announcement(const HostInterface& interface, const IpAddress& address) {
    return build(interface, kBroadcastMac, kRequest, address, MacAddress{}, address);
}

}  // namespace portcullis::dataplane
