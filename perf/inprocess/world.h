// The deployment that is played: Internet clients behind device 0 ("wan"), nodes behind device 1
// ("dmz") and their VIPs, in both families; and which flow is which.
//
// Flows are numbered. The client of a flow follows from its number alone, so a million flows need no
// table; what a reply looks like (node, source port of ours) is learned from the session.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/neighbours.h"
#include "dataplane/packet.h"
#include "perf/inprocess/options.h"

namespace portcullis::perf {

inline constexpr std::uint16_t kWan = 0, kDmz = 1;
inline constexpr dataplane::MacAddress kWanMac{0x02, 0, 0, 0, 1, 1}, kDmzMac{0x02, 0, 0, 0, 1, 2};
inline constexpr dataplane::MacAddress kGatewayMac{0x02, 0, 0, 0, 2, 1},
    kNodeMac{0x02, 0, 0, 0, 2, 2};
inline constexpr unsigned kNodes = 4;  // behind each VIP

// One full-NAT and one destination-NAT service and direct access to the nodes, UDP and TCP, for
// each family, behind `rules` rules (at least those) that a packet of theirs never matches.
policy::Policy bench_policy(unsigned rules);

// What packets of the options' flows are addressed to.
struct Target {
    policy::IpAddress address;
    std::uint16_t port = 0;
    bool is_vip = false;
};
Target target_of(const Options& options);

policy::IpAddress gateway(policy::Family family);
policy::IpAddress node(const Options& options, unsigned index);

struct Client {
    policy::IpAddress address;
    std::uint16_t port = 0;
};
Client client_of(std::uint32_t flow, policy::Family family);
// The inverse.
std::uint32_t flow_of(const policy::IpAddress& client, std::uint16_t port);

}  // namespace portcullis::perf
