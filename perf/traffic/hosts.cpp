#include "perf/traffic/hosts.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "perf/traffic/failure.h"
#include "perf/traffic/stop.h"

namespace portcullis::traffic {
namespace {

constexpr unsigned kArpBytes = 28;
constexpr std::uint8_t kIcmpv6 = 58, kSolicitation = 135, kAdvertisement = 136;
constexpr unsigned kNdBytes = 32;  // type to target, and one link-layer address option
constexpr unsigned kStunHeader = 20;
constexpr std::uint32_t kStunCookie = 0x2112a442;
constexpr Mac kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

using Bytes = std::vector<std::uint8_t>;

Bytes ethernet(const Mac& destination, const Mac& source, std::uint16_t type, unsigned payload) {
    Bytes frame(kEthernet + payload);
    std::ranges::copy(destination, frame.begin());
    std::ranges::copy(source, frame.begin() + 6);
    store16(&frame[12], type);
    return frame;
}

Mac mac_at(const std::uint8_t* at) {
    Mac mac;
    std::copy_n(at, mac.size(), mac.begin());
    return mac;
}

// An IP packet in a frame, its L4 part zero.
Bytes ip_packet(const Mac& destination_mac, const Mac& source_mac, const IpAddress& source,
                const IpAddress& destination, std::uint8_t protocol, unsigned l4_bytes) {
    const bool v4 = source.is_v4();
    const unsigned header = v4 ? kIpv4 : kIpv6;
    Bytes frame =
        ethernet(destination_mac, source_mac, v4 ? kTypeIpv4 : kTypeIpv6, header + l4_bytes);
    std::uint8_t* ip = &frame[kEthernet];
    if (v4) {
        ip[0] = 0x45;
        store16(ip + 2, header + l4_bytes);
        ip[8] = 64;
        ip[9] = protocol;
        store_address(ip + 12, source);
        store_address(ip + 16, destination);
        const auto checksum = static_cast<std::uint16_t>(~fold(sum_of(ip, kIpv4)));
        std::memcpy(ip + 10, &checksum, 2);
    } else {
        ip[0] = 0x60;
        store16(ip + 4, l4_bytes);
        ip[6] = protocol;
        ip[7] = 255;  // what ND requires; nobody else minds
        store_address(ip + 8, source);
        store_address(ip + 24, destination);
    }
    return frame;
}

// Fills in the L4 checksum at `at` behind the IP header.
void close_l4(Bytes& frame, Family family, std::uint8_t protocol, unsigned at) {
    const unsigned header = family == Family::ipv4 ? kIpv4 : kIpv6;
    std::uint8_t* l4 = &frame[kEthernet + header];
    const auto bytes = static_cast<unsigned>(frame.size()) - kEthernet - header;
    auto checksum = static_cast<std::uint16_t>(
        ~fold(pseudo_sum(family, &frame[kEthernet], protocol, bytes) + sum_of(l4, bytes)));
    if (protocol == static_cast<std::uint8_t>(Protocol::udp) && checksum == 0) checksum = 0xffff;
    std::memcpy(l4 + at, &checksum, 2);
}

Bytes neighbour_message(std::uint8_t type, std::uint8_t flags, const IpAddress& target,
                        const Mac& own, const Mac& to, const IpAddress& source,
                        const IpAddress& destination) {
    Bytes frame = ip_packet(to, own, source, destination, kIcmpv6, kNdBytes);
    std::uint8_t* icmp = &frame[kEthernet + kIpv6];
    icmp[0] = type;
    icmp[4] = flags;
    store_address(icmp + 8, target);
    icmp[24] = type == kSolicitation ? 1 : 2;  // source or target link-layer address
    icmp[25] = 1;
    std::ranges::copy(own, icmp + 26);
    close_l4(frame, Family::ipv6, kIcmpv6, 2);
    return frame;
}

// RFC 4291 section 2.7.1, RFC 2464 section 7.
IpAddress solicited_node(const IpAddress& target) {
    std::array<std::uint8_t, 16> group{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    std::copy_n(target.bytes().begin() + 13, 3, group.begin() + 13);
    return IpAddress::from_bytes(group);
}
Mac multicast_mac(const IpAddress& group) {
    Mac mac{0x33, 0x33};
    std::copy_n(group.bytes().begin() + 12, 4, mac.begin() + 2);
    return mac;
}

}  // namespace

Hosts::Hosts(const Scenario& scenario, std::array<Port*, 2> ports, rte_mempool* pool)
    : scenario_(scenario), ports_(ports), pool_(pool), macs_{scenario.peer, scenario.peer} {}

void Hosts::find_firewall(unsigned seconds) {
    using namespace std::chrono;
    const auto until = steady_clock::now() + std::chrono::seconds(seconds);
    auto next = steady_clock::now();
    while (!macs_[0] || !macs_[1]) {
        if (stop_wanted()) throw Stopped();
        if (steady_clock::now() > until) {
            const Side& silent = macs_[0] ? scenario_.node_side : scenario_.client_side;
            throw Failure("nobody answers ARP or ND for " + silent.firewall.to_string() +
                          ": does the firewall run, with a policy that has this address?");
        }
        if (steady_clock::now() >= next) {
            for (const SideOf side : {SideOf::client, SideOf::node})
                if (!macs_[index_of(side)]) ask(side);
            next += milliseconds(50);
        }
        listen();
    }
}

void Hosts::listen() {
    for (const SideOf side : {SideOf::client, SideOf::node}) {
        rte_mbuf* packets[kBurst];
        const unsigned n = ports_[index_of(side)]->receive(packets);
        for (unsigned i = 0; i < n; ++i)
            on_frame(side, rte_pktmbuf_mtod(packets[i], const std::uint8_t*),
                     rte_pktmbuf_data_len(packets[i]));
        rte_pktmbuf_free_bulk(packets, n);
    }
}

void Hosts::ask(SideOf side) {
    const Side& of = side_of(side);
    const Mac& own = ports_[index_of(side)]->mac();
    if (!of.firewall.is_v4()) {
        const IpAddress group = solicited_node(of.firewall);
        const Bytes frame = neighbour_message(kSolicitation, 0, of.firewall, own,
                                              multicast_mac(group), of.speaker, group);
        return send(side, frame.data(), static_cast<unsigned>(frame.size()));
    }
    Bytes frame = ethernet(kBroadcast, own, kTypeArp, kArpBytes);
    std::uint8_t* arp = &frame[kEthernet];
    store16(arp, 1);
    store16(arp + 2, kTypeIpv4);
    arp[4] = 6;
    arp[5] = 4;
    store16(arp + 6, 1);
    std::ranges::copy(own, arp + 8);
    store_address(arp + 14, of.speaker);
    store_address(arp + 24, of.firewall);
    send(side, frame.data(), static_cast<unsigned>(frame.size()));
}

bool Hosts::plays(SideOf side, const IpAddress& address) const {
    return std::ranges::any_of(side_of(side).hosts,
                               [&](const Prefix& host) { return host.contains(address); });
}

void Hosts::learn(SideOf side, const IpAddress& address, const std::uint8_t* mac) {
    std::optional<Mac>& known = macs_[index_of(side)];
    if (!known && address == side_of(side).firewall) known = mac_at(mac);
}

void Hosts::on_frame(SideOf side, const std::uint8_t* frame, unsigned bytes) {
    if (bytes < kEthernet) return;
    const std::uint16_t type = load16(frame + 12);
    const std::uint8_t* ip = frame + kEthernet;
    if (type == kTypeArp) return on_arp(side, frame, bytes);
    if (type == kTypeIpv4 && bytes >= kEthernet + kIpv4 && ip[0] == 0x45)
        return on_probe(side, Family::ipv4, ip[9], frame, bytes);
    if (type != kTypeIpv6 || bytes < kEthernet + kIpv6) return;
    if (ip[6] == kIcmpv6) return on_neighbour_discovery(side, frame, bytes);
    on_probe(side, Family::ipv6, ip[6], frame, bytes);
}

void Hosts::on_arp(SideOf side, const std::uint8_t* frame, unsigned bytes) {
    if (bytes < kEthernet + kArpBytes) return;
    const std::uint8_t* asked = frame + kEthernet;
    const IpAddress sender = load_address(Family::ipv4, asked + 14);
    const IpAddress target = load_address(Family::ipv4, asked + 24);
    learn(side, sender, asked + 8);
    if (load16(asked + 6) != 1 || !plays(side, target)) return;
    const Mac& own = ports_[index_of(side)]->mac();
    Bytes reply = ethernet(mac_at(asked + 8), own, kTypeArp, kArpBytes);
    std::uint8_t* arp = &reply[kEthernet];
    std::copy_n(asked, kArpBytes, arp);
    store16(arp + 6, 2);
    std::ranges::copy(own, arp + 8);
    store_address(arp + 14, target);
    std::copy_n(asked + 8, 10, arp + 18);  // MAC and IP address of who asked
    send(side, reply.data(), static_cast<unsigned>(reply.size()));
}

void Hosts::on_neighbour_discovery(SideOf side, const std::uint8_t* frame, unsigned bytes) {
    const std::uint8_t* ip = frame + kEthernet;
    const std::uint8_t* icmp = ip + kIpv6;
    if (bytes < kEthernet + kIpv6 + kNdBytes) return;
    const IpAddress target = load_address(Family::ipv6, icmp + 8);
    if (icmp[0] == kAdvertisement && icmp[24] == 2) return learn(side, target, icmp + 26);
    if (icmp[0] != kSolicitation || icmp[24] != 1 || !plays(side, target)) return;
    constexpr std::uint8_t kSolicited = 0x40, kOverride = 0x20;
    const Bytes reply = neighbour_message(kAdvertisement, kSolicited | kOverride, target,
                                          ports_[index_of(side)]->mac(), mac_at(icmp + 26), target,
                                          load_address(Family::ipv6, ip + 8));
    send(side, reply.data(), static_cast<unsigned>(reply.size()));
}

void Hosts::on_probe(SideOf side, Family family, std::uint8_t protocol, const std::uint8_t* frame,
                     unsigned bytes) {
    const bool tcp = protocol == static_cast<std::uint8_t>(Protocol::tcp);
    if (!tcp && protocol != static_cast<std::uint8_t>(Protocol::udp)) return;
    const Layout layout(family, static_cast<Protocol>(protocol));
    const auto asked = read_tuple(layout, frame, bytes);
    if (!asked || !plays(side, asked->destination.address)) return;
    const std::uint8_t* l4 = frame + layout.l4;
    const unsigned answer_bytes = tcp ? kTcp : kUdp + kStunHeader;
    if (tcp ? (l4[13] & (kSyn | kAck | kRst)) != kSyn
            : bytes < layout.payload + kStunHeader || load16(l4 + kUdp) != 1 ||
                  load32(l4 + kUdp + 4) != kStunCookie)
        return;
    Bytes reply =
        ip_packet(mac_at(frame + 6), ports_[index_of(side)]->mac(), asked->destination.address,
                  asked->source.address, protocol, answer_bytes);
    std::uint8_t* answer = &reply[layout.l4];
    store16(answer, asked->destination.port);
    store16(answer + 2, asked->source.port);
    if (tcp) {
        store32(answer + 8, load32(l4 + 4) + 1);
        answer[12] = kTcp / 4 << 4;
        answer[13] = kSyn | kAck;
        store16(answer + 14, 0xffff);
        close_l4(reply, family, protocol, 16);
    } else {
        store16(answer + 4, answer_bytes);
        store16(answer + kUdp, 0x0101);  // success; no attribute is needed by who only probes
        std::copy_n(l4 + kUdp + 4, 16, answer + kUdp + 4);
        close_l4(reply, family, protocol, 6);
    }
    send(side, reply.data(), static_cast<unsigned>(reply.size()));
}

// Rare, and lost where the device is full: whoever asked will ask again.
void Hosts::send(SideOf side, const std::uint8_t* frame, unsigned bytes) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) return;
    std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes)), frame, bytes);
    if (ports_[index_of(side)]->send(&packet, 1) == 0) rte_pktmbuf_free(packet);
}

}  // namespace portcullis::traffic
