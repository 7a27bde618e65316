// Passes: one service for each port of each VIP and family, and the removal of those nobody uses.
#include "rules/compile/services.h"

#include <algorithm>

#include "rules/compile/text.h"

namespace portcullis::compile {
namespace {

using policy::Family;
using policy::NatKind;
using policy::ProbeKind;
using policy::Service;
using policy::Transport;
using topology::DualAddress;
using topology::EdgeNode;

struct Kind {
    Vip vip;
    std::uint16_t port;
    Transport transport;
    NatKind nat;
    ProbeKind probe;
    std::uint16_t also_probed = 0;  // a port that must answer besides
};

// An Access node that does not speak SIP is of no use on any port, so 5061 is always asked too.
constexpr Kind kKinds[] = {
    {Vip::access, 443, Transport::tcp, NatKind::full, ProbeKind::tcp, 5061},
    {Vip::access, 5061, Transport::tcp, NatKind::full, ProbeKind::tcp},
    {Vip::access, 5269, Transport::tcp, NatKind::full, ProbeKind::tcp, 5061},
    {Vip::web_conferencing, 443, Transport::tcp, NatKind::full, ProbeKind::tcp},
    {Vip::av, 443, Transport::tcp, NatKind::dnat, ProbeKind::tcp},
    {Vip::av, 3478, Transport::udp, NatKind::dnat, ProbeKind::stun},
    {Vip::internal, 443, Transport::tcp, NatKind::dnat, ProbeKind::tcp},
    {Vip::internal, 5061, Transport::tcp, NatKind::dnat, ProbeKind::tcp},
    {Vip::internal, 5062, Transport::tcp, NatKind::dnat, ProbeKind::tcp},
    {Vip::internal, 3478, Transport::udp, NatKind::dnat, ProbeKind::stun},
};
constexpr Vip kVips[] = {Vip::access, Vip::web_conferencing, Vip::av, Vip::internal};

const DualAddress& address_of(const EdgeNode& node, Vip vip) {
    switch (vip) {
        case Vip::access:
            return node.access;
        case Vip::web_conferencing:
            return node.web_conferencing;
        case Vip::av:
            return node.av;
        case Vip::internal:
            return node.internal;
    }
    return node.internal;
}

std::string_view family_suffix(Family family) {
    return family == Family::ipv4 ? "" : "/ipv6";
}

std::string port_text(const Kind& kind) {
    return compile::port_text(policy::PortRange{kind.port, kind.port}, kind.transport);
}

void add_service(Draft& draft, const Kind& kind, Family family) {
    const auto& edge = draft.topology.edge;
    const auto& vip = address_of(edge, kind.vip).of(family);
    if (!vip) return;
    Service made;
    made.name = concat(to_string(kind.vip), "-", port_text(kind), family_suffix(family));
    made.vip = *vip;
    made.transport = kind.transport;
    made.port = kind.port;
    made.nat = kind.nat;
    made.probe = kind.probe;
    made.probe_ports = {kind.port};
    if (kind.also_probed != 0) made.probe_ports.push_back(kind.also_probed);
    std::sort(made.probe_ports.begin(), made.probe_ports.end());
    for (const auto& node : edge.nodes)
        if (const auto& address = address_of(node, kind.vip).of(family))
            made.nodes.push_back({node.name, *address, node.weight});
    // NAT never crosses families: a VIP whose nodes are all of the other one serves nobody.
    if (!made.nodes.empty()) draft.policy.services.push_back(std::move(made));
}

void add_snat_service(Draft& draft, Family family) {
    const auto& vip = draft.topology.edge.access_vip.of(family);
    if (!vip) return;
    Service made;
    made.name = concat("access-outbound/tcp", family_suffix(family));
    made.vip = *vip;
    made.nat = NatKind::snat;
    draft.policy.services.push_back(std::move(made));
}

}  // namespace

std::string_view to_string(Vip vip) {
    switch (vip) {
        case Vip::access:
            return "access";
        case Vip::web_conferencing:
            return "web-conferencing";
        case Vip::av:
            return "av";
        case Vip::internal:
            return "internal";
    }
    return "unknown";
}

const DualAddress& address_of(const topology::Edge& edge, Vip vip) {
    switch (vip) {
        case Vip::access:
            return edge.access_vip;
        case Vip::web_conferencing:
            return edge.web_conferencing_vip;
        case Vip::av:
            return edge.av_vip;
        case Vip::internal:
            return edge.internal_vip;
    }
    return edge.internal_vip;
}

std::optional<Vip> vip_of(const topology::Edge& edge, const policy::IpAddress& address) {
    for (const auto vip : kVips)
        if (address_of(edge, vip).of(address.family()) == address) return vip;
    return std::nullopt;
}

bool has_service(Vip vip, Transport transport, policy::PortRange ports) {
    return std::any_of(std::begin(kKinds), std::end(kKinds), [&](const Kind& kind) {
        return kind.vip == vip && kind.transport == transport &&
               ports == policy::PortRange{kind.port, kind.port};
    });
}

std::string services_of(Vip vip) {
    std::string out;
    for (const auto& kind : kKinds)
        if (kind.vip == vip) out.append(out.empty() ? "" : ", ").append(port_text(kind));
    return out;
}

std::uint32_t find_service(const policy::Policy& policy, const topology::Edge& edge, Vip vip,
                           Family family, Transport transport, std::uint16_t port) {
    const auto& address = address_of(edge, vip).of(family);
    for (std::uint32_t i = 0; i < policy.services.size(); ++i) {
        const auto& service = policy.services[i];
        if (service.nat != NatKind::snat && service.vip == address &&
            service.transport == transport && service.port == port)
            return i;
    }
    return policy::kNoService;
}

std::uint32_t find_snat_service(const policy::Policy& policy, Family family, Transport transport) {
    for (std::uint32_t i = 0; i < policy.services.size(); ++i) {
        const auto& service = policy.services[i];
        if (service.nat == NatKind::snat && service.vip.family() == family &&
            service.transport == transport)
            return i;
    }
    return policy::kNoService;
}

void add_services(Draft& draft) {
    for (const auto& kind : kKinds)
        for (const auto family : kFamilies) add_service(draft, kind, family);
    for (const auto family : kFamilies) add_snat_service(draft, family);
}

void drop_unused_services(Draft& draft) {
    auto& policy = draft.policy;
    std::vector<std::uint32_t> moved(policy.services.size(), policy::kNoService);
    std::vector<Service> used;
    for (std::uint32_t i = 0; i < policy.services.size(); ++i) {
        if (std::none_of(policy.rules.begin(), policy.rules.end(),
                         [&](const auto& rule) { return rule.service == i; }))
            continue;
        moved[i] = static_cast<std::uint32_t>(used.size());
        used.push_back(std::move(policy.services[i]));
    }
    policy.services = std::move(used);
    for (auto& rule : policy.rules)
        if (rule.service != policy::kNoService) rule.service = moved[rule.service];
}

}  // namespace portcullis::compile
