// translate: where the packet leaves, whether it may, and what its addresses become.
//
// Egress, TTL and MTU are settled here, before anything is rewritten, because the ICMP error about
// a packet must quote it as its sender emitted it.
//
// Exits here:
//   drop  no_route, ttl_expired, too_big; each answered with an ICMP error
#include <optional>

#include "dataplane/nat/icmp_error.h"
#include "dataplane/nat/rewrite.h"
#include "dataplane/stages/context.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

// The address of ours that speaks for the interface a packet came by.
std::optional<IpAddress> speaker(const RuntimePolicy& policy, Attachment ingress, Family family) {
    const std::uint16_t interface = policy.interface_of(ingress.device, ingress.vlan);
    for (const auto& own : policy.policy().interfaces[interface].addresses)
        if (own.address.family() == family) return own.address;
    return std::nullopt;
}

void refuse(Burst& burst, unsigned i, DropReason reason, IcmpError error, std::uint32_t mtu,
            Context& context) {
    const PacketView& view = burst.view[i];
    if (const auto from = speaker(*context.policy, burst.ingress[i], view.family))
        context.answers->icmp_error(view, error, mtu, *from);
    burst.drop(i, reason);
}

bool has_ports(const PacketView& view) {
    return view.protocol == static_cast<std::uint8_t>(policy::Transport::udp) ||
           view.protocol == static_cast<std::uint8_t>(policy::Transport::tcp);
}

// TTL, and what NAT makes of the packet.
void rewrite(Burst& burst, unsigned i, policy::NatKind nat, const FlowKey& other) {
    const PacketView& view = burst.view[i];
    if (nat != policy::NatKind::none && has_ports(view)) [[likely]]
        return view.family == Family::ipv4 ? forward_ipv4(view, other) : forward_ipv6(view, other);
    (void)decrement_ttl(view);
    if (nat == policy::NatKind::none) return;
    if (!burst.is_icmp_error(i)) return translate(view, other);
    if (const auto quoted = parse_icmp_error(view, burst.key[i].interface))
        translate_icmp_error(view, *quoted, other);
}

void translate_one(Burst& burst, unsigned i, Context& context) {
    Session& session = *burst.hit[i].session;
    const unsigned direction = index_of(burst.hit[i].direction);
    const FlowKey& other = session.key[1 - direction];

    std::uint16_t& egress = session.egress[direction];
    if (egress == kNoInterface) [[unlikely]] {
        egress = context.policy->route(other.source).interface;
        if (egress == kNoInterface)
            return refuse(burst, i, DropReason::no_route, IcmpError::no_route, 0, context);
    }
    const std::uint16_t mtu = context.policy->egress(egress).mtu;
    if (burst.view[i].l3_bytes > mtu) [[unlikely]]
        return refuse(burst, i, DropReason::too_big, IcmpError::too_big, mtu, context);
    if (dies_here(burst.view[i])) [[unlikely]]
        return refuse(burst, i, DropReason::ttl_expired, IcmpError::time_exceeded, 0, context);

    burst.egress[i] = egress;
    rewrite(burst, i, session.nat, other);
}

}  // namespace

void translate(Burst& burst, Context& context) {
    for_each(burst.live, [&](unsigned i) { translate_one(burst, i, context); });
}

}  // namespace portcullis::dataplane
