// The services of our VIPs (SEMANTICS decisions 7-10 and "Service settings"). Internal to
// rules/compile/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/compile/passes.h"

namespace portcullis::compile {

enum class Vip : std::uint8_t { access, web_conferencing, av, internal };

std::string_view to_string(Vip vip);  // "web-conferencing", as in service names
const topology::DualAddress& address_of(const topology::Edge& edge, Vip vip);

// Which of our VIPs this is, if any.
std::optional<Vip> vip_of(const topology::Edge& edge, const policy::IpAddress& address);

// Whether the VIP has such a service at all, whatever the topology.
bool has_service(Vip vip, policy::Transport transport, policy::PortRange ports);
// "443/tcp, 3478/udp": what has_service() is true for.
std::string services_of(Vip vip);

// Index in policy.services, or kNoService: the VIP has no address or no node in the family.
std::uint32_t find_service(const policy::Policy& policy, const topology::Edge& edge, Vip vip,
                           policy::Family family, policy::Transport transport, std::uint16_t port);
// The Access VIP as a source of outbound SIP and XMPP (decision 7).
std::uint32_t find_snat_service(const policy::Policy& policy, policy::Family family,
                                policy::Transport transport);

}  // namespace portcullis::compile
