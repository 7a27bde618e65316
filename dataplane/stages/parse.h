// The parsers behind the parse stage, one for each layer. Pure: bytes in, view, key and a verdict
// out.
//
//     parse_ethernet: Ethernet (IEEE 802.3), 802.1Q, ARP (RFC 826)
//     parse_ip:       IPv4 (RFC 791), IPv6 (RFC 8200) with a bounded extension chain
//     parse_l4:       TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443), ND (RFC 4861)
//
// Bounds first: no field is read before its bytes are known to be there. What is not understood is
// dropped, never passed on.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/burst.h"
#include "dataplane/neighbours.h"

namespace portcullis::dataplane {

// What a parser says: go on, or the packet's fate.
struct Parsed {
    Fate fate = Fate::live;
    DropReason reason = DropReason::bad_ethernet;  // dropped
    NoteKind note = NoteKind::none;                // punted
    static constexpr Parsed pass() { return {}; }
    static constexpr Parsed drop(DropReason why) { return {Fate::dropped, why, NoteKind::none}; }
    static constexpr Parsed punt(NoteKind kind) {
        return {Fate::punted, DropReason::bad_ethernet, kind};
    }
};

// What is known of one packet so far. `view` is filled from the outside in.
struct Headers {
    Attachment& ingress;  // device given; the VLAN is found here
    PacketView& view;
    FlowKey& key;
    PacketKind& kind;
    bool to_group = false;          // the destination MAC is broadcast or multicast
    bool ip_checksum_good = false;  // the device has verified the IPv4 header's
    std::uint16_t ethertype = 0;
    std::uint16_t l3_space = 0;  // bytes of the frame from view.l3
};

// Ethernet and 802.1Q alone: sets ingress.vlan, view.l3, ethertype and l3_space. `own_mac` as mac_word().
Parsed parse_ethernet(const rte_mbuf& mbuf, std::uint64_t own_mac, Headers& packet);
// What follows: ARP, IPv4 or IPv6, and the layer above.
Parsed parse_payload(Headers& packet);

Parsed parse_ip(Headers& packet);  // sets the view and the key's addresses
Parsed parse_l4(Headers& packet);  // sets the key's ports and protocol, and the kind

}  // namespace portcullis::dataplane
