// parse: Ethernet, 802.1Q and ARP, then the parsers above (parse.h). The bulk of all packets takes
// the short way of parse_quickly.h.
//
// Exits here:
//   punt  arp
//   drop  no device knows it: unknown_interface
//         bad_ethernet, multi_segment, not_for_us, unknown_ethertype, bad_arp
#include "dataplane/stages/parse.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>

#include "dataplane/stages/context.h"
#include "dataplane/stages/parse_quickly.h"
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

Parsed parse_ethernet(const rte_mbuf& mbuf, std::uint64_t own_mac, Headers& packet) {
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
    const bool for_us = packet.to_group
                            ? is_broadcast(frame) || is_nd_group(frame)
                            : (quick::load<std::uint64_t>(frame) & quick::kMacMask) == own_mac;
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

// Not in line: the registers that it wants are those of the bulk of packets.
[[gnu::noinline]] void parse_slowly(Burst& burst, unsigned i, Context& context) {
    PacketKind kind = PacketKind::flow;
    burst.ingress[i].vlan = 0;
    Headers packet{burst.ingress[i], burst.view[i], burst.key[i], kind};
    const std::uint16_t device = packet.ingress.device;
    Parsed parsed = parse_ethernet(*burst.mbuf[i], context.macs[device], packet);
    if (parsed.fate == Fate::live) {
        if (context.policy->interface_of(device, packet.ingress.vlan) == kNoInterface)
            parsed = Parsed::drop(DropReason::unknown_interface);
        else
            parsed = parse_payload(packet);
    }
    if (parsed.fate == Fate::dropped) return burst.drop(i, parsed.reason);
    if (parsed.fate == Fate::punted) return burst.punt(i, parsed.note, packet.ingress);
    if (kind == PacketKind::icmp_error) burst.icmp_errors |= std::uint64_t{1} << i;
    burst.hash[i] = context.sessions->prefetch(words_of(packet.key));
}

// A packet's session is asked for so many packets after its bucket: the bucket must have come by then.
// Nor are they asked for all at once: requests beyond what the core can have under way are waited for.
constexpr unsigned kAhead = 12;

void prefetch_session(Burst& burst, unsigned i, Context& context) {
    burst.candidate[i] = context.sessions->prefetch_session(burst.hash[i], burst.key[i]);
}

}  // namespace

void parse(Burst& burst, Context& context) {
    // Wire id of an interface that the policy has: most packets of a burst have come by one.
    std::uint32_t known = ~0U;
    for (unsigned i = 0; i < burst.count; ++i) {
        // Also for a packet that has met its fate: its last hash does no harm.
        if (i >= kAhead) prefetch_session(burst, i - kAhead, context);
        Attachment& ingress = burst.ingress[i];
        const auto pass = [&](const KeyWords& key) __attribute__((always_inline)) {
            const auto interface = static_cast<std::uint16_t>(key.last >> 32);
            if (interface != known) [[unlikely]] {
                if (context.policy->interface_of(ingress.device, ingress.vlan) == kNoInterface)
                    return false;
                known = interface;
            }
            store(key, burst.key[i]);
            burst.hash[i] = context.sessions->prefetch(key);
            return true;
        };
        if (!parse_quickly(*burst.mbuf[i], context.macs[ingress.device], ingress, burst.view[i],
                           pass)) [[unlikely]]
            parse_slowly(burst, i, context);
    }
    for (unsigned i = burst.count - std::min(burst.count, kAhead); i < burst.count; ++i)
        prefetch_session(burst, i, context);
}

}  // namespace portcullis::dataplane
