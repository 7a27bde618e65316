// The label on a packet that changes threads, kept in the mbuf's private area.
//
//   worker -> worker   the owner takes it from the top: `kind` handover, device and VLAN as received
//   worker -> main     arp, nd, icmp_own, probe_reply: the frame as received, from its Ethernet header
//                      resolve: a finished frame that lacks only its destination MAC address
//   main -> worker     transmit: a finished frame to be sent as it is on `device`
//
// Devices and VLANs are named, not policy interfaces, because indexes of interfaces change with the
// policy and a packet may wait while that happens. Whoever holds the mbuf owns its note.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/packet.h"
#include "rules/policy/address.h"

namespace portcullis::dataplane {

enum class NoteKind : std::uint8_t {
    none,
    handover,
    arp,          // well-formed ARP (RFC 826) for Ethernet and IPv4
    nd,           // neighbour solicitation or advertisement, hop limit 255, code 0, no extension
                  // headers, at least 24 bytes; checksum and options not verified
    icmp_own,     // ICMP or ICMPv6 echo request to an address of ours, checksum not verified
    probe_reply,  // TCP or UDP to an interface address and a probe port (kProbePorts)
    resolve,
    transmit,
};

struct PacketNote {
    NoteKind kind = NoteKind::none;
    std::uint8_t l3_offset = 0;  // punts: of the ARP or IP header from the start of the frame
    Attachment at;               // ingress; for resolve and transmit the egress
    policy::IpAddress next_hop;  // resolve only
};

// Ports that node probes are sent from, and that their answers come to. Main sends probes from
// interface addresses only.
inline constexpr policy::PortRange kProbePorts{61000, 61999};

// Every mempool of packets is created with at least this private area.
inline constexpr std::uint16_t kMbufPrivateBytes = 32;
static_assert(sizeof(PacketNote) <= kMbufPrivateBytes);
static_assert(kMbufPrivateBytes % RTE_MBUF_PRIV_ALIGN == 0);

inline PacketNote& note_of(rte_mbuf& mbuf) {
    return *static_cast<PacketNote*>(rte_mbuf_to_priv(&mbuf));
}

}  // namespace portcullis::dataplane
