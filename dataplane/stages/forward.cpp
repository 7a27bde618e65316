// forward: the next hop's MAC address, and the frame that leaves.
//
// Exits here:
//   punt  resolve (a frame that is complete but for its destination MAC address)
//   drop  neighbour_failed, neighbour_queue_full, no_route (packets of our own only: the others
//   have their egress by now)
#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/stages/context.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

constexpr std::uint16_t kEthernetBytes = 14, kTagBytes = 4, kMacBytes = 6;
// For each worker, a tenth of it at once: of packets to next hops that main does not know yet, and
// of more packets to those that it is asking for. It lets few of the latter wait anyway, and what
// floods a host that does not answer must not crowd the answers to node probes out of main's ring.
constexpr std::uint32_t kNewHopsPerSecond = 5000, kWaitingPerSecond = 2000;

// Writes the Ethernet header in front of the IP packet, with a tag where the egress is a VLAN; cuts
// Ethernet padding off behind it. There is room: parse has seen to it. MAC addresses as mac_word().
std::uint8_t* write_frame(rte_mbuf& mbuf, const PacketView& view, std::uint16_t vlan,
                          std::uint64_t source, std::uint64_t destination) {
    const unsigned header_bytes = kEthernetBytes + (vlan != 0 ? kTagBytes : 0U);
    std::uint8_t* at = view.l3 - header_bytes;
    const std::uint64_t first = destination | source << 48;
    const auto rest = static_cast<std::uint32_t>(source >> 16);
    std::memcpy(at, &first, sizeof first);
    std::memcpy(at + 8, &rest, sizeof rest);
    std::uint8_t* type = at + 12;
    if (vlan != 0) {
        const std::uint16_t tag[2] = {rte_cpu_to_be_16(0x8100), rte_cpu_to_be_16(vlan)};
        std::memcpy(type, tag, sizeof tag);
        type += kTagBytes;
    }
    const std::uint16_t ethertype =
        view.family == Family::ipv4 ? rte_cpu_to_be_16(0x0800) : rte_cpu_to_be_16(0x86dd);
    std::memcpy(type, &ethertype, sizeof ethertype);

    mbuf.data_off = static_cast<std::uint16_t>(at - static_cast<std::uint8_t*>(mbuf.buf_addr));
    mbuf.data_len = static_cast<std::uint16_t>(view.l3_bytes + header_bytes);
    mbuf.pkt_len = mbuf.data_len;
    // What reception noted (stripped VLAN, hashes) says nothing about the frame that leaves.
    mbuf.ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
    return at;
}

IpAddress destination_of(const PacketView& view) {
    return view.family == Family::ipv4 ? load_v4(view.l3 + 16) : load_v6(view.l3 + 24);
}

// Asks the route again: the neighbour of a session has changed, or was not known until now.
// Its MAC address as a word; 0 where there is none, and then the packet has met its fate.
std::uint64_t find_neighbour(Burst& burst, unsigned i, Attachment at, NeighbourId& id,
                             Context& context) {
    const RouteResult route = context.policy->route(destination_of(burst.view[i]));
    id = context.neighbours->find(at, route.next_hop);
    if (const std::uint64_t mac = context.neighbours->resolve_word(id)) return mac;
    if (id != kNoNeighbour && context.neighbours->state(id) == NeighbourState::failed) {
        burst.drop(i, DropReason::neighbour_failed);
        return 0;
    }
    const bool known = id != kNoNeighbour;
    if (!(known ? context.waiting_limit.take(kWaitingPerSecond, context.now)
                : context.new_hop_limit.take(kNewHopsPerSecond, context.now))) {
        burst.drop(i, DropReason::neighbour_queue_full);
        return 0;
    }
    burst.punt(i, NoteKind::resolve, at);
    note_of(*burst.mbuf[i]).next_hop = route.next_hop;
    return 0;
}

void forward_one(Burst& burst, unsigned i, Context& context) {
    Session* session = burst.hit[i].session;  // nullptr: a packet of our own
    const unsigned direction = index_of(burst.hit[i].direction);
    const std::uint16_t interface = burst.egress[i];
    const Egress& egress = context.policy->egress(interface);
    const Attachment at{egress.device, egress.vlan};
    std::uint64_t mac =
        session == nullptr ? 0 : context.neighbours->resolve_word(session->neighbour[direction]);
    std::uint8_t* frame =
        write_frame(*burst.mbuf[i], burst.view[i], at.vlan, context.macs[at.device], mac);
    if (mac == 0) [[unlikely]] {
        NeighbourId id = kNoNeighbour;
        mac = find_neighbour(burst, i, at, id, context);
        if (session != nullptr) session->neighbour[direction] = id;
        std::memcpy(frame, &mac, kMacBytes);
    }
    burst.device[i] = at.device;
}

}  // namespace

void route_answer(Burst& burst, unsigned i, const Context& context) {
    burst.hit[i] = {};
    burst.egress[i] = context.policy->route(destination_of(burst.view[i])).interface;
    if (burst.egress[i] == kNoInterface) burst.drop(i, DropReason::no_route);
}

void forward(Burst& burst, Context& context) {
    for_each(burst.live, [&](unsigned i) { forward_one(burst, i, context); });
}

}  // namespace portcullis::dataplane
