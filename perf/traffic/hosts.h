// The hosts on both sides of the firewall as far as they are no part of a measured flow: they
// answer ARP (RFC 826) and neighbour solicitations (RFC 4861) for every address we play, and, so
// that the nodes count as alive, the firewall's node probes: a SYN with a SYN-ACK, a STUN binding
// request with a response (RFC 5389). They also find out the firewall's own MAC addresses.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <optional>

#include "perf/traffic/ports.h"
#include "perf/traffic/scenario.h"

namespace portcullis::traffic {

enum class SideOf : std::uint8_t { client = 0, node = 1 };
inline constexpr unsigned index_of(SideOf side) {
    return static_cast<unsigned>(side);
}

class Hosts {
  public:
    // `ports` by SideOf.
    Hosts(const Scenario& scenario, std::array<Port*, 2> ports, rte_mempool* pool);

    // Asks until the firewall has answered on both sides. Throws Failure.
    void find_firewall(unsigned seconds);
    const Mac& firewall(SideOf side) const { return *macs_[index_of(side)]; }

    // Takes a burst on each side, none of it packets of flows.
    void listen();
    // A frame that is no packet of a flow.
    void on_frame(SideOf side, const std::uint8_t* frame, unsigned bytes);

  private:
    const Side& side_of(SideOf side) const {
        return side == SideOf::client ? scenario_.client_side : scenario_.node_side;
    }
    bool plays(SideOf side, const IpAddress& address) const;
    void learn(SideOf side, const IpAddress& address, const std::uint8_t* mac);
    void ask(SideOf side);
    void on_arp(SideOf side, const std::uint8_t* frame, unsigned bytes);
    void on_neighbour_discovery(SideOf side, const std::uint8_t* frame, unsigned bytes);
    void on_probe(SideOf side, Family family, std::uint8_t protocol, const std::uint8_t* frame,
                  unsigned bytes);
    void send(SideOf side, const std::uint8_t* frame, unsigned bytes);

    const Scenario& scenario_;
    std::array<Port*, 2> ports_;
    rte_mempool* pool_;
    std::array<std::optional<Mac>, 2> macs_;
};

}  // namespace portcullis::traffic
