// Neighbour discovery for IPv6 (RFC 4861, RFC 4862): solicitations and advertisements. Router and
// redirect messages are not ours to speak: we are configured, not discovered.
#pragma once

#include <optional>
#include <span>

#include "dataplane/host/interfaces.h"
#include "dataplane/host/wire.h"

namespace portcullis::dataplane {

struct NdPacket {
    bool solicitation = false;  // else an advertisement
    bool solicited = false;     // advertisement flags (RFC 4861 section 4.4)
    bool override_flag = false;
    IpAddress source;       // :: in duplicate address detection
    IpAddress destination;  // of the IPv6 header
    IpAddress target;
    std::optional<MacAddress> link_layer =
        std::nullopt;  // source option of an NS, target option of an NA
};

// Every check of RFC 4861 sections 7.1.1 and 7.1.2, the checksum among them. nullopt: invalid, or
// another ICMPv6 type.
std::optional<NdPacket> read_nd(const IpView& packet);

// To the solicitor at `to`; to all nodes where the source is :: (section 7.2.4).
Frame neighbour_advertisement(const HostInterface& interface, const NdPacket& solicitation,
                              const MacAddress& to);
// To the solicited-node group, or to the MAC address that is being verified.
Frame neighbour_solicitation(const HostInterface& interface, const IpAddress& source,
                             const IpAddress& target, const std::optional<MacAddress>& to);
// An unsolicited advertisement to all nodes (section 7.2.6).
Frame nd_announcement(const HostInterface& interface, const IpAddress& address);

IpAddress solicited_node_group(const IpAddress& address);  // RFC 4291 section 2.7.1
MacAddress multicast_mac(const IpAddress& group);          // RFC 2464 section 7

}  // namespace portcullis::dataplane
