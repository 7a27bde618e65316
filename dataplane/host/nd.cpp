#include "dataplane/host/nd.h"

namespace portcullis::dataplane {

namespace {

constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::uint8_t kSourceLinkLayer = 1;
constexpr std::uint8_t kTargetLinkLayer = 2;
constexpr std::size_t kFixedBytes = 24;  // ICMPv6 header and target
constexpr std::size_t kOptionBytes = 8;  // one Ethernet link-layer address option
constexpr std::uint8_t kRouter = 0x80, kSolicited = 0x40, kOverride = 0x20;
constexpr IpAddress kAllNodes =
    IpAddress::from_bytes({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

bool is_multicast(const IpAddress& address) {
    return address.bytes()[0] == 0xff;
}

bool is_solicited_node(const IpAddress& address) {
    return solicited_node_group(address) == address;
}

// nullopt: an option that is cut short or of length zero makes the whole packet invalid.
struct Options {
    std::optional<MacAddress> link_layer;
};
std::optional<Options> read_options(std::span<const std::uint8_t> bytes, std::uint8_t wanted) {
    Options options;
    while (!bytes.empty()) {
        if (bytes.size() < 2) return std::nullopt;
        const std::size_t length = static_cast<std::size_t>(bytes[1]) * 8;
        if (length == 0 || length > bytes.size()) return std::nullopt;
        if (bytes[0] == wanted && length == kOptionBytes) {
            const MacAddress mac = read_mac(&bytes[2]);
            if (!is_unicast(mac)) return std::nullopt;
            options.link_layer = mac;
        }
        bytes = bytes.subspan(length);
    }
    return options;
}

Frame build(const HostInterface& interface, const MacAddress& to_mac, const IpAddress& source,
            const IpAddress& destination, std::uint8_t type, std::uint8_t flags,
            const IpAddress& target) {
    constexpr std::size_t kBytes = kFixedBytes + kOptionBytes;
    Frame frame(interface.at, interface.mac, to_mac, kEtherTypeIpv6);
    frame.append_ip(source, destination, kProtocolIcmpv6, kBytes, 255);
    std::uint8_t* icmp = frame.append(kBytes);
    icmp[0] = type;
    icmp[4] = flags;
    std::memcpy(icmp + 8, target.bytes().data(), 16);
    icmp[24] = type == kSolicitation ? kSourceLinkLayer : kTargetLinkLayer;
    icmp[25] = 1;
    std::memcpy(icmp + 26, interface.mac.data(), 6);
    write16(icmp + 2,
            internet_checksum({icmp, kBytes},
                              pseudo_header_sum(source, destination, kProtocolIcmpv6, kBytes)));
    return frame;
}

}  // namespace

IpAddress solicited_node_group(const IpAddress& address) {
    const auto& b = address.bytes();
    return IpAddress::from_bytes(
        {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b[13], b[14], b[15]});
}

MacAddress multicast_mac(const IpAddress& group) {
    const auto& b = group.bytes();
    return {0x33, 0x33, b[12], b[13], b[14], b[15]};
}

std::optional<NdPacket> read_nd(const IpView& packet) {
    const auto& icmp = packet.payload;
    if (packet.protocol != kProtocolIcmpv6 || packet.ttl != 255 || icmp.size() < kFixedBytes ||
        packet.source.is_v4() || icmp[1] != 0)
        return std::nullopt;
    if (internet_checksum(icmp, pseudo_header_sum(packet.source, packet.destination,
                                                  kProtocolIcmpv6, icmp.size())) != 0)
        return std::nullopt;
    NdPacket nd{.solicitation = icmp[0] == kSolicitation,
                .source = packet.source,
                .destination = packet.destination,
                .target = read_ipv6(&icmp[8])};
    if (!nd.solicitation && icmp[0] != kAdvertisement) return std::nullopt;
    if (is_multicast(nd.target) || is_multicast(nd.source)) return std::nullopt;
    const auto options = read_options(icmp.subspan(kFixedBytes),
                                      nd.solicitation ? kSourceLinkLayer : kTargetLinkLayer);
    if (!options) return std::nullopt;
    nd.link_layer = options->link_layer;
    if (nd.solicitation) {
        // Duplicate address detection: to a solicited-node group and without our peer's MAC.
        if (nd.source == IpAddress{} && (!is_solicited_node(nd.destination) || nd.link_layer))
            return std::nullopt;
    } else {
        nd.solicited = (icmp[4] & kSolicited) != 0;
        nd.override_flag = (icmp[4] & kOverride) != 0;
        if (nd.solicited && is_multicast(nd.destination)) return std::nullopt;
    }
    return nd;
}

Frame neighbour_advertisement(const HostInterface& interface, const NdPacket& solicitation,
                              const MacAddress& to) {
    const bool probing = solicitation.source == IpAddress{};
    const IpAddress destination = probing ? kAllNodes : solicitation.source;
    const auto flags = static_cast<std::uint8_t>(kRouter | kOverride | (probing ? 0 : kSolicited));
    return build(interface, probing ? multicast_mac(kAllNodes) : to, solicitation.target,
                 destination, kAdvertisement, flags, solicitation.target);
}

Frame neighbour_solicitation(const HostInterface& interface, const IpAddress& source,
                             const IpAddress& target, const std::optional<MacAddress>& to) {
    const IpAddress group = solicited_node_group(target);
    return build(interface, to.value_or(multicast_mac(group)), source, to ? target : group,
                 kSolicitation, 0, target);
}

Frame nd_announcement(const HostInterface& interface, const IpAddress& address) {
    return build(interface, multicast_mac(kAllNodes), address, kAllNodes, kAdvertisement,
                 kRouter | kOverride, address);
}

}  // namespace portcullis::dataplane
