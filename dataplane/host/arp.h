// ARP for IPv4 over Ethernet (RFC 826, RFC 5227).
#pragma once

#include <optional>
#include <span>

#include "dataplane/host/interfaces.h"
#include "dataplane/host/wire.h"

namespace portcullis::dataplane {

struct ArpPacket {
    bool request = false;  // else a reply
    MacAddress sender_mac{};
    MacAddress target_mac{};
    IpAddress sender;  // 0.0.0.0 in a probe (RFC 5227 section 2.1.1)
    IpAddress target;
};

// `bytes` from the ARP header on. nullopt: malformed, another protocol, or a sender that cannot be
// (a group MAC address).
std::optional<ArpPacket> read_arp(std::span<const std::uint8_t> bytes);

Frame arp_reply(const HostInterface& interface, const ArpPacket& request);
// Broadcast, or to the MAC address that is being verified. The sender is `source_for(target)`.
Frame arp_request(const HostInterface& interface, const IpAddress& source, const IpAddress& target,
                  const std::optional<MacAddress>& to);
// An announcement: a broadcast request for `address` from itself (RFC 5227 section 2.3).
Frame arp_announcement(const HostInterface& interface, const IpAddress& address);

}  // namespace portcullis::dataplane
