#include "rules/compile/flow.h"

namespace portcullis::compile {
namespace {

using policy::PortRange;
using policy::Transport;
using topology::ServiceSettings;

constexpr PortRange kTls{443, 443};
constexpr PortRange kStun{3478, 3478};
constexpr PortRange kSip{5061, 5061};
constexpr PortRange kAuthentication{5062, 5062};
constexpr PortRange kDns{53, 53};
constexpr PortRange kMedia{50000, 59999};

bool is_tcp_443(const Flow& flow) {
    return flow.transport == Transport::tcp && flow.destination_ports == kTls;
}
bool is_udp_3478(const Flow& flow) {
    return flow.transport == Transport::udp && flow.destination_ports == kStun;
}

}  // namespace

bool is_av_path(const Flow& flow) {
    if (flow.destination != Side::av && flow.destination != Side::internal) return false;
    // A/V nodes among themselves use no VIP (decision 17).
    if (flow.source == Side::av || flow.source == Side::internal) return false;
    return is_tcp_443(flow) || is_udp_3478(flow);
}

std::uint32_t idle_seconds(const ServiceSettings& settings, const Flow& flow) {
    const bool av = flow.source == Side::av || flow.destination == Side::av;
    if (av && is_tcp_443(flow)) return settings.av_tcp_idle;
    if (av && is_udp_3478(flow)) return settings.av_udp_idle;
    if (av && (flow.source_ports == kMedia || flow.destination_ports == kMedia))
        return settings.av_direct_idle;

    if (flow.destination == Side::internal) {
        if (is_tcp_443(flow)) return settings.internal_av_tcp_idle;
        if (is_udp_3478(flow)) return settings.internal_av_udp_idle;
        if (flow.destination_ports == kSip || flow.destination_ports == kAuthentication)
            return settings.internal_sip_idle;
    }

    const bool tcp = flow.transport == Transport::tcp;
    if (flow.destination_ports == kDns) return settings.dns_idle;
    if (flow.destination == Side::web_conferencing && is_tcp_443(flow))
        return settings.web_conferencing_idle;
    // SIP and XMPP in both directions; what else an Access node sends is no service of the VIP.
    constexpr PortRange kXmpp{5269, 5269};
    const bool sip = flow.destination_ports == kSip || flow.destination_ports == kXmpp;
    if (tcp && (flow.destination == Side::access || (flow.source == Side::access && sip)))
        return settings.access_idle;
    if (tcp && (flow.source == Side::reverse_proxy || flow.destination == Side::reverse_proxy))
        return settings.reverse_proxy_idle;
    return tcp ? settings.tcp_idle : settings.udp_idle;
}

}  // namespace portcullis::compile
