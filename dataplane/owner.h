// Which worker a packet belongs to: a pure function over addresses, the same for both directions of
// a session, before and after translation, and for ICMP errors about it.
//
// It follows one end of the flow, the *anchor*: the end that lies outside the perimeter, an
// Internet address before a corporate one, and the smaller address where both ends are of one kind.
// NAT never touches the anchor: `dnat` and `full` translate a perimeter address of ours on the far
// side, `snat` the near one. The exception is a reply to a full-NAT address (`full`, `snat`): its
// source is the anchor or a node, and its destination port was drawn by the owner from its own
// slice, so the slice names the owner.
//
// Address classes are the policy's, so a push may move a flow to another worker; its session is then
// ended (stages/readmit.h) and started anew there if the policy still allows it.
#pragma once

#include <cstdint>

#include "dataplane/packet.h"
#include "dataplane/session/sessions.h"
#include "nic/toeplitz.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

// Outermost first.
constexpr unsigned distance_from_outside(const policy::AddressClass& address) {
    if (address.kind == policy::AddressKind::own) return 2;
    if (address.kind == policy::AddressKind::bogon || address.zone == policy::Zone::internet)
        return 0;
    return address.zone == policy::Zone::corporate ? 1 : 2;
}

// Spreads one address over the workers by the hash that network cards use, so that a card can bring
// a packet to its owner's queue by itself (nic/toeplitz.h).
inline unsigned worker_of(const IpAddress& anchor, unsigned workers) {
    return nic::worker_of_bucket(nic::bucket_of(anchor.bytes()), workers);
}

// `key` is the packet's, or for an ICMP error the reversed quote. Policy: RuntimePolicy, or a
// double in tests.
template <class Policy>
unsigned owner_of(const Policy& policy, const FlowKey& key, unsigned workers) {
    const bool has_ports = key.protocol != static_cast<std::uint8_t>(policy::Transport::icmp);
    if (has_ports && policy.is_full_nat(key.destination) &&
        !policy.is_service_port(key.destination, key.protocol, key.destination_port))
        return PortSlices::owner(key.destination_port, workers);
    const unsigned source = distance_from_outside(policy.classify(key.source));
    const unsigned destination = distance_from_outside(policy.classify(key.destination));
    if (source != destination)
        return worker_of(source < destination ? key.source : key.destination, workers);
    return worker_of(key.source < key.destination ? key.source : key.destination, workers);
}

}  // namespace portcullis::dataplane
