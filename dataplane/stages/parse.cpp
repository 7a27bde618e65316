// parse: Ethernet, 802.1Q and ARP, then the parsers above (parse.h).
//
// Exits here:
//   punt  arp
//   drop  no device knows it: unknown_interface
//         bad_ethernet, multi_segment, not_for_us, unknown_ethertype, bad_arp
#include "dataplane/stages/parse.h"

#include <rte_prefetch.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "dataplane/stages/context.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

constexpr std::uint16_t kEthernetBytes = 14, kTagBytes = 4, kArpBytes = 28;
constexpr std::uint16_t kArp = 0x0806, kIpv4 = 0x0800, kIpv6 = 0x86dd;
constexpr std::uint16_t kTag = 0x8100, kServiceTag = 0x88a8;
constexpr std::uint16_t kVlanMask = 0x0fff;

bool is_broadcast(const std::uint8_t* mac) {
    static constexpr std::uint8_t kAll[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return std::memcmp(mac, kAll, 6) == 0;
}

// The groups that ND comes by (RFC 2464 section 7): all nodes, and any solicited-node address; main
// looks whether the target is ours.
bool is_nd_group(const std::uint8_t* mac) {
    static constexpr std::uint8_t kAllNodes[6] = {0x33, 0x33, 0, 0, 0, 1};
    return (mac[0] == 0x33 && mac[1] == 0x33 && mac[2] == 0xff) ||
           std::memcmp(mac, kAllNodes, 6) == 0;
}

// Ethernet and IPv4, request or reply; by unicast or broadcast.
Parsed parse_arp(const Headers& packet) {
    const std::uint8_t* arp = packet.view.l3;
    if (packet.l3_space < kArpBytes || load_be16(arp) != 1 || load_be16(arp + 2) != kIpv4 ||
        arp[4] != 6 || arp[5] != 4)
        return Parsed::drop(DropReason::bad_arp);
    const std::uint16_t operation = load_be16(arp + 6);
    if (operation != 1 && operation != 2) return Parsed::drop(DropReason::bad_arp);
    return Parsed::punt(NoteKind::arp);
}

}  // namespace

Parsed parse_ethernet(const rte_mbuf& mbuf, const MacAddress& own, Headers& packet) {
    packet.view.l3 = nullptr;
    // Forward may have to add a tag in front; every mempool of nic/ leaves far more room than that.
    if (mbuf.nb_segs != 1 || rte_pktmbuf_headroom(&mbuf) < kTagBytes)
        return Parsed::drop(DropReason::multi_segment);
    const std::uint16_t frame_bytes = rte_pktmbuf_data_len(&mbuf);
    auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
    if (frame_bytes < kEthernetBytes) return Parsed::drop(DropReason::bad_ethernet);

    const bool source_is_group = (frame[6] & 1) != 0;
    if (source_is_group) return Parsed::drop(DropReason::bad_ethernet);
    packet.to_group = (frame[0] & 1) != 0;
    packet.ip_checksum_good =
        (mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    const bool for_us = packet.to_group ? is_broadcast(frame) || is_nd_group(frame)
                                        : std::memcmp(frame, own.data(), own.size()) == 0;
    if (!for_us) return Parsed::drop(DropReason::not_for_us);

    // The tag is in the frame, or the device has taken it off; both at once would be two tags.
    std::uint16_t header_bytes = kEthernetBytes;
    packet.ethertype = load_be16(frame + 12);
    const bool stripped = (mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
    packet.ingress.vlan =
        stripped ? static_cast<std::uint16_t>(mbuf.vlan_tci & kVlanMask) : std::uint16_t{0};
    if (packet.ethertype == kTag) {
        if (stripped || frame_bytes < kEthernetBytes + kTagBytes)
            return Parsed::drop(DropReason::bad_ethernet);
        packet.ingress.vlan = load_be16(frame + 14) & kVlanMask;
        packet.ethertype = load_be16(frame + 16);
        header_bytes += kTagBytes;
    }
    if (packet.ethertype == kTag || packet.ethertype == kServiceTag)
        return Parsed::drop(DropReason::bad_ethernet);
    packet.view.l3 = frame + header_bytes;
    packet.l3_space = static_cast<std::uint16_t>(frame_bytes - header_bytes);
    return Parsed::pass();
}

Parsed parse_payload(Headers& packet) {
    if (packet.ethertype == kArp) return parse_arp(packet);
    if (packet.ethertype == kIpv4)
        packet.view.family = Family::ipv4;
    else if (packet.ethertype == kIpv6)
        packet.view.family = Family::ipv6;
    else
        return Parsed::drop(DropReason::unknown_ethertype);
    packet.key.interface = wire_id(packet.ingress);
    packet.key.zero = 0;
    const Parsed ip = parse_ip(packet);
    return ip.fate == Fate::live ? parse_l4(packet) : ip;
}

namespace {

// Whole words of a header, as they lie in memory.
template <class Word>
Word load(const std::uint8_t* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}
constexpr std::uint16_t in_memory(std::uint16_t host) {
    return static_cast<std::uint16_t>(host << 8 | host >> 8);
}
static_assert(std::endian::native == std::endian::little);

// The first 6 bytes of a frame, and bit 40 of a MAC address so read.
constexpr std::uint64_t kMacMask = 0xffff'ffff'ffff, kGroupBit = 1;
constexpr unsigned kLeastFrame = 60;  // without FCS

// Is the sum of an IPv4 header of 20 bytes what it must be?
bool checksum_is_right(const std::uint8_t* ip) {
    std::uint64_t sum = std::uint64_t{load<std::uint32_t>(ip)} + load<std::uint32_t>(ip + 4) +
                        load<std::uint32_t>(ip + 8) + load<std::uint32_t>(ip + 12) +
                        load<std::uint32_t>(ip + 16);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

// Ports of TCP or UDP behind an IP header without options or extensions, as the lower half of the
// key's last word; 0 where they are refused. The same tests as in parse_l4.cpp.
std::uint32_t parse_ports_quickly(const std::uint8_t* l4, unsigned bytes, std::uint8_t protocol,
                                  bool v6) {
    if (protocol == 17) {
        if (bytes < 8 || load_be16(l4 + 4) != bytes) return 0;
        if (v6 && load<std::uint16_t>(l4 + 6) == 0) return 0;
    } else if (protocol == 6) {
        if (bytes < 20) return 0;
        const unsigned header = (l4[12] >> 4) * 4U;
        if (header < 20 || header > bytes || (l4[13] & (kFin | kSyn | kRst | kAck)) != kAck)
            return 0;
    } else {
        return 0;
    }
    const std::uint32_t source = load_be16(l4), destination = load_be16(l4 + 2);
    return source == 0 || destination == 0 ? 0 : source | destination << 16;
}

// RFC 4291 2.5.5.2, second half.
std::uint64_t mapped(std::uint32_t ipv4) {
    return std::uint64_t{ipv4} << 32 | 0xffff0000;
}

// The bulk of all packets in one go: unicast to us, TCP or UDP, directly behind IPv4 without
// options or IPv6 without extensions. True: exactly what the parsers above would have found. False:
// they must look, whatever has been written so far.
struct Quick {
    rte_mbuf& mbuf;
    std::uint64_t own_mac;
    Attachment& ingress;
    PacketView& view;
    FlowKey& key;
    std::uint64_t& hash;
    const Sessions& sessions;
};

// The last step for both families. Fields are written once and not read here again, and the key is
// hashed from the registers it was made in: reading wide what was just written narrow would stall on
// every packet.
template <unsigned l3_header>
bool finish_quickly(Quick& packet, std::uint8_t* ip, unsigned total, std::uint8_t protocol,
                    std::uint16_t vlan, const KeyWords& addresses) {
    if (total < l3_header) return false;
    const std::uint32_t ports =
        parse_ports_quickly(ip + l3_header, total - l3_header, protocol, l3_header == 40);
    if (ports == 0) return false;
    packet.view.l3 = ip;
    packet.view.l3_bytes = static_cast<std::uint16_t>(total);
    packet.view.l4_offset = l3_header;
    packet.view.family = l3_header == 20 ? Family::ipv4 : Family::ipv6;
    packet.view.protocol = protocol;
    packet.ingress.vlan = vlan;
    KeyWords key = addresses;
    key.last = ports | std::uint64_t{wire_id({packet.ingress.device, vlan})} << 32 |
               std::uint64_t{protocol} << 48;
    store(key, packet.key);
    packet.hash = packet.sessions.prefetch(key);
    return true;
}

bool parse_quickly(Quick packet) {
    const unsigned frame_bytes = rte_pktmbuf_data_len(&packet.mbuf);
    if (packet.mbuf.nb_segs != 1 || rte_pktmbuf_headroom(&packet.mbuf) < kTagBytes ||
        (packet.mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 || frame_bytes < kLeastFrame)
        return false;
    auto* frame = rte_pktmbuf_mtod(&packet.mbuf, std::uint8_t*);
    if ((load<std::uint64_t>(frame) & kMacMask) != packet.own_mac || (frame[6] & kGroupBit) != 0)
        return false;
    std::uint16_t type = load<std::uint16_t>(frame + 12);
    unsigned l2 = kEthernetBytes;
    std::uint16_t vlan = 0;
    if (type == in_memory(kTag)) {
        vlan = load_be16(frame + 14) & kVlanMask;
        type = load<std::uint16_t>(frame + 16);
        l2 += kTagBytes;
    }
    std::uint8_t* ip = frame + l2;
    const unsigned space = frame_bytes - l2;
    if (type == in_memory(kIpv4)) {
        const unsigned total = load_be16(ip + 2);
        const auto source = load<std::uint32_t>(ip + 12),
                   destination = load<std::uint32_t>(ip + 16);
        if (ip[0] != 0x45 || total > space || source == destination ||
            (load<std::uint16_t>(ip + 6) & in_memory(0x3fff)) != 0 || !checksum_is_right(ip))
            return false;
        return finish_quickly<20>(packet, ip, total, ip[9], vlan,
                                  {0, mapped(source), 0, mapped(destination), 0});
    }
    if (type != in_memory(kIpv6) || space < 40 || ip[0] >> 4 != 6) return false;
    const unsigned total = 40U + load_be16(ip + 4);
    const KeyWords key{load<std::uint64_t>(ip + 8), load<std::uint64_t>(ip + 16),
                       load<std::uint64_t>(ip + 24), load<std::uint64_t>(ip + 32), 0};
    // An address whose first half is 0 may be an IPv4-mapped one.
    if (total > space || key.source_high == 0 || key.destination_high == 0 ||
        (key.source_high == key.destination_high && key.source_low == key.destination_low))
        return false;
    return finish_quickly<40>(packet, ip, total, ip[6], vlan, key);
}

void parse_slowly(Burst& burst, unsigned i, Context& context) {
    Headers packet{burst.ingress[i], burst.view[i], burst.key[i], burst.kind[i]};
    const std::uint16_t device = packet.ingress.device;
    Parsed parsed = parse_ethernet(*burst.mbuf[i], context.macs[device], packet);
    if (parsed.fate == Fate::live) {
        if (context.policy->interface_of(device, packet.ingress.vlan) == kNoInterface)
            parsed = Parsed::drop(DropReason::unknown_interface);
        else
            parsed = parse_payload(packet);
    }
    if (parsed.fate == Fate::dropped) burst.drop(i, parsed.reason);
    if (parsed.fate == Fate::punted) burst.punt(i, parsed.note, packet.ingress);
}

}  // namespace

void parse(Burst& burst, Context& context) {
    for_each(burst.live, [&](unsigned i) {
        Attachment& ingress = burst.ingress[i];
        if (parse_quickly({*burst.mbuf[i], mac_word(context.macs[ingress.device]), ingress,
                           burst.view[i], burst.key[i], burst.hash[i], *context.sessions}) &&
            context.policy->interface_of(ingress.device, ingress.vlan) != kNoInterface) [[likely]] {
            burst.kind[i] = PacketKind::flow;
            return;
        }
        parse_slowly(burst, i, context);
        burst.hash[i] = context.sessions->prefetch(words_of(burst.key[i]));
    });
}

}  // namespace portcullis::dataplane
