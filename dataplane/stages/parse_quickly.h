// parse, in one go, for the bulk of all packets: unicast to us, TCP with ACK or UDP, directly behind
// IPv4 without options or IPv6 without extensions.
//
// What passes here the parsers of parse.h would have passed with the same view and key; what does not
// pass is theirs to judge, and to name the reason. parse_test holds the one against the others.
#pragma once

#include <rte_mbuf.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/nat/checksum.h"
#include "dataplane/packet.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace quick {

static_assert(std::endian::native == std::endian::little);

// Whole words of a header, as they lie in memory.
template <class Word>
Word load(const std::uint8_t* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}
constexpr std::uint16_t in_memory(std::uint16_t host) {
    return __builtin_bswap16(host);
}

constexpr std::uint64_t kMacMask = 0xffff'ffff'ffff;  // the first 6 bytes of a frame
constexpr std::uint64_t kSourceIsGroup = 1ULL << 48;  // of the word that they begin
constexpr unsigned kEthernetBytes = 14, kTagBytes = 4, kLeastL4 = 8;
constexpr unsigned kLeastFrame = kEthernetBytes + 40;  // an IP header of either family is there

// The first two words of an IPv4 header.
constexpr std::uint64_t kVersionAndFragment = 0xff | std::uint64_t{in_memory(0x3fff)} << 48;
constexpr std::uint64_t kPlainIpv4 = 0x45;  // version 4, no options, no fragment
constexpr unsigned kTotalLengthShift = 16;

// `first`: the first two words. The ones' complement sum of a right header is 0xffff, and sums are the
// same modulo 0xffff folded or not. That of no header is 0: the version is in it.
inline bool ipv4_checksum_is_right(std::uint64_t first, const std::uint8_t* ip) {
    std::uint64_t sum = (first & 0xffffffff) + (first >> 32);
    for (unsigned at = 8; at < 20; at += 4) sum += load<std::uint32_t>(ip + at);
    return sum % 0xffff == 0;
}

// Ports of TCP or UDP as the lower half of the key's last word; 0: not for here. `bytes` is kLeastL4 at least.
[[gnu::always_inline]] inline std::uint32_t ports(const std::uint8_t* l4, unsigned bytes,
                                                  std::uint8_t protocol, bool v6) {
    if (protocol == 17) {
        if (load_be16(l4 + 4) != bytes) return 0;
        if (v6 && load<std::uint16_t>(l4 + 6) == 0) return 0;
    } else if (protocol == 6) {
        if (bytes < 20) return 0;
        const unsigned header = (l4[12] >> 4) * 4U;
        if (header < 20 || header > bytes || (l4[13] & (kFin | kSyn | kRst | kAck)) != kAck)
            return 0;
    } else {
        return 0;
    }
    const auto both = std::rotl(__builtin_bswap32(load<std::uint32_t>(l4)), 16);
    const bool is_zero = (both & 0xffff) == 0 || both >> 16 == 0;
    return is_zero ? 0 : both;
}

// Of an IPv4 address in the key: RFC 4291 2.5.5.2, second half.
inline std::uint64_t mapped(std::uint32_t ipv4) {
    return std::uint64_t{ipv4} << 32 | 0xffff0000;
}

// Fields are written once and not read here again: reading wide what was just written narrow would
// stall on every packet. The key stays in registers for the same reason.
template <unsigned l3_header, class Pass>
[[gnu::always_inline]] inline bool finish(std::uint8_t* ip, unsigned total, std::uint8_t protocol,
                                          Attachment at, KeyWords key, PacketView& view,
                                          Pass&& pass) {
    if (total < l3_header + kLeastL4) return false;
    const std::uint32_t both = ports(ip + l3_header, total - l3_header, protocol, l3_header == 40);
    if (both == 0) return false;
    view.l3 = ip;
    view.l3_bytes = static_cast<std::uint16_t>(total);
    view.l4_offset = l3_header;
    view.family = l3_header == 20 ? Family::ipv4 : Family::ipv6;
    view.protocol = protocol;
    key.last = both | std::uint64_t{wire_id(at)} << 32 | std::uint64_t{protocol} << 48;
    return pass(key);
}

}  // namespace quick

// Fills `view` and `ingress.vlan`, and returns pass(key). False, whatever has been written, where the
// parsers of parse.h must look. `own_mac` as mac_word().
template <class Pass>
[[gnu::always_inline]] inline bool parse_quickly(const rte_mbuf& mbuf, std::uint64_t own_mac,
                                                 Attachment& ingress, PacketView& view,
                                                 Pass&& pass) {
    using namespace quick;
    const unsigned frame_bytes = rte_pktmbuf_data_len(&mbuf);
    if (mbuf.nb_segs != 1 || rte_pktmbuf_headroom(&mbuf) < kTagBytes || frame_bytes < kLeastFrame)
        return false;
    auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
    if ((load<std::uint64_t>(frame) & (kMacMask | kSourceIsGroup)) != own_mac) return false;

    std::uint16_t type = load<std::uint16_t>(frame + 12);
    unsigned l2 = kEthernetBytes;
    Attachment at{ingress.device, 0};
    const bool stripped = (mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
    if (stripped) at.vlan = mbuf.vlan_tci & 0x0fff;
    if (type == in_memory(0x8100)) {
        if (stripped || frame_bytes < kLeastFrame + kTagBytes) return false;
        at.vlan = load_be16(frame + 14) & 0x0fff;
        type = load<std::uint16_t>(frame + 16);
        l2 += kTagBytes;
    }
    ingress.vlan = at.vlan;
    std::uint8_t* ip = frame + l2;
    const unsigned space = frame_bytes - l2;
    if (type == in_memory(0x0800)) {
        const auto first = load<std::uint64_t>(ip);
        if ((first & kVersionAndFragment) != kPlainIpv4) return false;
        const unsigned total =
            __builtin_bswap16(static_cast<std::uint16_t>(first >> kTotalLengthShift));
        if (total > space) return false;
        const auto source = load<std::uint32_t>(ip + 12);
        const auto destination = load<std::uint32_t>(ip + 16);
        if (source == destination) return false;
        if ((mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) != RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
            !ipv4_checksum_is_right(first, ip))
            return false;
        return finish<20>(ip, total, ip[9], at, {0, mapped(source), 0, mapped(destination), 0},
                          view, pass);
    }
    if (type != in_memory(0x86dd) || ip[0] >> 4 != 6) return false;
    const unsigned total = 40U + load_be16(ip + 4);
    const KeyWords key{load<std::uint64_t>(ip + 8), load<std::uint64_t>(ip + 16),
                       load<std::uint64_t>(ip + 24), load<std::uint64_t>(ip + 32), 0};
    // An address whose first half is 0 may be an IPv4-mapped one.
    if (total > space || key.source_high == 0 || key.destination_high == 0 ||
        (key.source_high == key.destination_high && key.source_low == key.destination_low))
        return false;
    return finish<40>(ip, total, ip[6], at, key, view, pass);
}

}  // namespace portcullis::dataplane
