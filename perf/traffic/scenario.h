// Who plays in a measurement: clients on one side of the firewall, the nodes behind a service on
// the other, and what the policy between them is meant to do with a packet.
//
//   clients ── client port ──► firewall ── node port ──► nodes
//
// The generator plays everything but the firewall: it sends as client and as node, and answers ARP,
// ND and node probes for both (hosts.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "perf/traffic/packet.h"
#include "rules/policy/address.h"

namespace portcullis::traffic {

using policy::PortRange;
using policy::Prefix;

// What the firewall makes of a client's packet. none: nothing, the service is the node; also what a
// floor such as testpmd does. dnat: the destination becomes a node. full: the source becomes the
// service's address and a port of the firewall's as well.
enum class Nat : std::uint8_t { none, dnat, full };

// A range of client sockets, numbered: consecutive numbers have different addresses.
class Clients {
  public:
    Clients() = default;
    Clients(const Prefix& prefix, PortRange ports);

    std::uint64_t size() const { return std::uint64_t{addresses_} * ports_; }
    std::uint32_t address(std::uint32_t number) const {  // the last 32 bits, raw
        return raw32(base_ + (number & (addresses_ - 1)));
    }
    std::uint16_t port(std::uint32_t number) const {  // raw
        return raw16(static_cast<std::uint16_t>(first_port_ + (number >> shift_) % ports_));
    }
    Endpoint endpoint(std::uint32_t number) const;
    const IpAddress& network() const { return network_; }

  private:
    IpAddress network_;
    std::uint32_t base_ = 0;       // its last 32 bits, host order
    std::uint32_t addresses_ = 1;  // a power of two
    unsigned shift_ = 0;
    std::uint32_t ports_ = 1;
    std::uint16_t first_port_ = 1;
};

// One side of the firewall.
struct Side {
    std::vector<Prefix> hosts;  // we answer ARP and ND for these
    IpAddress speaker;          // one of them, that asks for the firewall's MAC address
    IpAddress firewall;         // the firewall's address here: next hop of what we send
};

struct Scenario {
    Protocol protocol = Protocol::udp;
    Nat nat = Nat::dnat;
    Endpoint service;
    std::vector<IpAddress> nodes;
    std::uint32_t flows = 4096;
    Clients clients;        // of flows that are opened
    Clients fresh_clients;  // of sessions that have one packet only
    Clients denied_clients;
    Endpoint denied;  // where no rule lets them
    Side client_side, node_side;
    std::optional<Mac> peer;  // the next hop on both sides, where it does not answer ARP

    Family family() const { return service.address.family(); }
};

}  // namespace portcullis::traffic
