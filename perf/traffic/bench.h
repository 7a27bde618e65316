// What every part of a measurement works with: the two ports, the hosts and flows on them, and the
// verdict about packets that came back wrong.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <string>

#include "perf/traffic/flows.h"
#include "perf/traffic/hosts.h"
#include "perf/traffic/ports.h"

namespace portcullis::traffic {

class Bench {
  public:
    // Finds the firewall; ports are up. Throws Failure.
    Bench(const Scenario& scenario, Port& client, Port& node, unsigned descriptors);

    Port& port(SideOf side) { return *ports_[index_of(side)]; }
    Flows& flows() { return flows_; }
    Hosts& hosts() { return hosts_; }
    rte_mempool* pool() { return pool_; }  // zeroed: for what Flows writes

    // Takes one burst. on_tagged(frame, bytes, tag) gets our packets, on_other(frame, bytes) the
    // rest. Returns how many came.
    template <class OnTagged, class OnOther>
    unsigned receive(SideOf side, OnTagged&& on_tagged, OnOther&& on_other) {
        rte_mbuf* packets[kBurst];
        const unsigned n = ports_[index_of(side)]->receive(packets);
        for (unsigned i = 0; i < n; ++i) {
            const auto* frame = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
            const unsigned bytes = rte_pktmbuf_data_len(packets[i]);
            if (is_tagged(frame, bytes)) [[likely]]
                on_tagged(frame, bytes, read_tag(frame + flows_.layout().payload));
            else
                on_other(frame, bytes);
        }
        if (n != 0) rte_pktmbuf_free_bulk(packets, n);
        return n;
    }

    // One packet at once, outside the measuring loops. write(frame) returns its size.
    template <class Write>
    bool send_one(SideOf from, Write&& write) {
        rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
        if (packet == nullptr) return false;
        const unsigned bytes = write(rte_pktmbuf_mtod(packet, std::uint8_t*));
        packet->data_len = static_cast<std::uint16_t>(bytes);
        packet->pkt_len = bytes;
        if (port(from).send(&packet, 1) == 1) return true;
        rte_pktmbuf_free(packet);
        return false;
    }

    // Numbers of clients that send one packet only: each is used once in a process, whatever trial asks.
    std::uint32_t next_fresh() { return fresh_++; }

    // A packet that is not what it should be. Nothing but counting: throw_if_wrong() says it.
    void wrong(std::string what) {
        if (wrong_++ == 0) first_wrong_ = std::move(what);
    }
    void throw_if_wrong() const;

  private:
    std::uint32_t fresh_ = 0;
    bool is_tagged(const std::uint8_t* frame, unsigned bytes) const {
        const Layout& layout = flows_.layout();
        const bool v4 = layout.family == Family::ipv4;
        return bytes >= layout.smallest() && load16(frame + 12) == (v4 ? kTypeIpv4 : kTypeIpv6) &&
               frame[kEthernet + (v4 ? 9 : 6)] == static_cast<std::uint8_t>(layout.protocol) &&
               has_tag(frame + layout.payload);
    }

    std::array<Port*, 2> ports_;
    rte_mempool* pool_;
    Hosts hosts_;
    Flows flows_;
    std::uint64_t wrong_ = 0;
    std::string first_wrong_;
};

}  // namespace portcullis::traffic
