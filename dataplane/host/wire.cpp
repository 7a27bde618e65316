#include "dataplane/host/wire.h"

#include <cassert>

namespace portcullis::dataplane {

namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;

}  // namespace

IpAddress read_ipv4(const std::uint8_t* p) {
    return IpAddress::from_v4(read32(p));
}

IpAddress read_ipv6(const std::uint8_t* p) {
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), p, bytes.size());
    return IpAddress::from_bytes(bytes);
}

MacAddress read_mac(const std::uint8_t* p) {
    MacAddress mac;
    std::memcpy(mac.data(), p, mac.size());
    return mac;
}

bool is_unicast(const MacAddress& mac) {
    return (mac[0] & 1) == 0 && mac != MacAddress{};
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
    std::uint64_t total = sum;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) total += read16(&bytes[i]);
    if (bytes.size() % 2 != 0) total += static_cast<std::uint32_t>(bytes.back()) << 8;
    while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~total);
}

std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::size_t l4_bytes) {
    std::uint32_t sum = protocol + static_cast<std::uint32_t>(l4_bytes >> 16) +
                        static_cast<std::uint32_t>(l4_bytes & 0xffff);
    const std::size_t first = source.is_v4() ? 12 : 0;
    for (std::size_t i = first; i < 16; i += 2)
        sum += read16(&source.bytes()[i]) +
               static_cast<std::uint32_t>(read16(&destination.bytes()[i]));
    return sum;
}

Frame::Frame(Attachment at, const MacAddress& source, const MacAddress& destination,
             std::uint16_t ether_type)
    : at_(at) {
    std::uint8_t* header = append(at.vlan != 0 ? 18 : 14);
    std::memcpy(header, destination.data(), 6);
    std::memcpy(header + 6, source.data(), 6);
    if (at.vlan != 0) {
        write16(header + 12, kEtherTypeVlan);
        write16(header + 14, at.vlan);
        write16(header + 16, ether_type);
    } else {
        write16(header + 12, ether_type);
    }
}

std::uint8_t* Frame::append(std::size_t count) {
    assert(size_ + count <= bytes_.size());
    std::uint8_t* start = bytes_.data() + size_;
    std::memset(start, 0, count);
    size_ += count;
    return start;
}

void Frame::append_ip(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                      std::size_t payload_bytes, std::uint8_t ttl) {
    if (source.is_v4()) {
        std::uint8_t* ip = append(kIpv4Header);
        ip[0] = 0x45;
        write16(ip + 2, static_cast<std::uint16_t>(kIpv4Header + payload_bytes));
        write16(ip + 6, 0x4000);  // DF: an atomic datagram needs no identification (RFC 6864)
        ip[8] = ttl;
        ip[9] = protocol;
        write32(ip + 12, source.v4());
        write32(ip + 16, destination.v4());
        write16(ip + 10, internet_checksum({ip, kIpv4Header}));
        return;
    }
    std::uint8_t* ip = append(kIpv6Header);
    ip[0] = 0x60;
    write16(ip + 4, static_cast<std::uint16_t>(payload_bytes));
    ip[6] = protocol;
    ip[7] = ttl;
    std::memcpy(ip + 8, source.bytes().data(), 16);
    std::memcpy(ip + 24, destination.bytes().data(), 16);
}

std::optional<IpView> read_ip(std::span<const std::uint8_t> packet) {
    if (packet.empty()) return std::nullopt;
    IpView view;
    std::size_t header = 0;
    std::size_t total = 0;
    if (packet[0] >> 4 == 4) {
        if (packet.size() < kIpv4Header) return std::nullopt;
        header = static_cast<std::size_t>(packet[0] & 0xf) * 4;
        total = read16(&packet[2]);
        if (header < kIpv4Header) return std::nullopt;
        view.source = read_ipv4(&packet[12]);
        view.destination = read_ipv4(&packet[16]);
        view.protocol = packet[9];
        view.ttl = packet[8];
    } else if (packet[0] >> 4 == 6) {
        if (packet.size() < kIpv6Header) return std::nullopt;
        header = kIpv6Header;
        total = kIpv6Header + read16(&packet[4]);
        view.source = read_ipv6(&packet[8]);
        view.destination = read_ipv6(&packet[24]);
        view.protocol = packet[6];
        view.ttl = packet[7];
    } else {
        return std::nullopt;
    }
    if (total < header || total > packet.size()) return std::nullopt;
    view.payload = packet.subspan(header, total - header);
    return view;
}

}  // namespace portcullis::dataplane
