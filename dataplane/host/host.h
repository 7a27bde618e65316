// Everything that Portcullis says for itself, on the main thread: ARP and ND for its addresses,
// next hops, ping, announcements, node probes.
//
//   punted packet ─► on_packet() ─► answer ─► resolver ─► sink
//   `resolve`     ─► on_unresolved() ───────► resolver ─► sink
//   timer         ─► tick()
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/host/announce.h"
#include "dataplane/host/interfaces.h"
#include "dataplane/host/probe.h"
#include "dataplane/host/resolver.h"
#include "dataplane/host/sink.h"
#include "dataplane/host/token_bucket.h"

namespace portcullis::dataplane {

class Host {
  public:
    // `macs[i]` is the MAC address of device i. `seed` makes probes unpredictable.
    Host(NeighbourTable& neighbours, HostSink& sink, std::vector<MacAddress> macs,
         std::uint64_t seed);

    // The running policy has changed; `devices[i]` is the device of policy.interfaces[i]. nullptr:
    // no policy, nothing is answered.
    void on_policy(std::shared_ptr<const policy::Policy> policy,
                   const std::vector<std::uint16_t>& devices, Millis now);
    // A punted packet as received, from its Ethernet header on, of kind arp, nd, icmp_own or
    // probe_reply. nullopt: consumed; else why it is dropped. The caller keeps and frees the
    // packet.
    std::optional<DropReason> on_packet(const PacketNote& note, std::span<const std::uint8_t> frame,
                                        Millis now);
    // A packet of kind resolve. Takes it.
    void on_unresolved(rte_mbuf* frame, const PacketNote& note, Millis now);
    void on_link(std::uint16_t device, bool up, Millis now);
    void tick(Millis now);  // every 100 ms or so

    const Resolver& resolver() const { return resolver_; }
    const Prober& prober() const { return prober_; }

  private:
    std::optional<DropReason> on_arp(const HostInterface& interface,
                                     std::span<const std::uint8_t> bytes, Millis now);
    std::optional<DropReason> on_nd(const HostInterface& interface, const MacAddress& from,
                                    std::span<const std::uint8_t> bytes, Millis now);
    std::optional<DropReason> on_echo(const HostInterface& interface,
                                      std::span<const std::uint8_t> bytes, Millis now);
    void defend(const HostInterface& interface, const IpAddress& address, Millis now);
    void ask(Attachment at, const IpAddress& next_hop, const std::optional<MacAddress>& to);
    void emit(const Frame& frame);
    void send_ip(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                 std::span<const std::uint8_t> payload);
    struct Egress {
        const HostInterface* interface = nullptr;
        IpAddress next_hop;
    };
    std::optional<Egress> egress(const IpAddress& destination) const;

    HostSink& sink_;
    std::vector<MacAddress> macs_;
    std::shared_ptr<const policy::Policy> policy_;
    HostInterfaces interfaces_;
    std::vector<TokenBucket> echo_limits_;  // one for each interface
    TokenBucket defences_{1};
    Resolver resolver_;
    Announcer announcer_;
    Prober prober_;
    Millis now_ = 1;
};

}  // namespace portcullis::dataplane
