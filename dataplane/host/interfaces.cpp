#include "dataplane/host/interfaces.h"

#include <algorithm>

namespace portcullis::dataplane {

IpAddress link_local_of(const MacAddress& mac) {
    return IpAddress::from_bytes({0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                  static_cast<std::uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe,
                                  mac[3], mac[4], mac[5]});
}

bool HostInterface::answers(const IpAddress& address) const {
    return address == link_local || std::ranges::binary_search(answered, address);
}

bool HostInterface::on_link(const IpAddress& address) const {
    return std::ranges::any_of(addresses,
                               [&](const auto& own) { return own.network().contains(address); });
}

std::optional<IpAddress> HostInterface::source_for(const IpAddress& peer) const {
    std::optional<IpAddress> of_family;
    for (const auto& own : addresses) {
        if (own.address.family() != peer.family()) continue;
        if (own.network().contains(peer)) return own.address;
        if (!of_family) of_family = own.address;
    }
    return of_family;
}

HostInterfaces::HostInterfaces(const policy::Policy& policy,
                               const std::vector<std::uint16_t>& devices,
                               const std::vector<MacAddress>& macs) {
    for (std::size_t i = 0; i < policy.interfaces.size(); ++i) {
        const policy::Interface& interface = policy.interfaces[i];
        const MacAddress& mac = macs.at(devices.at(i));
        interfaces_.push_back({.at = {.device = devices[i], .vlan = interface.vlan},
                               .mac = mac,
                               .mtu = interface.mtu,
                               .addresses = interface.addresses,
                               .answered = interface.answered,
                               .link_local = link_local_of(mac)});
    }
}

const HostInterface* HostInterfaces::find(Attachment at) const {
    const auto it = std::ranges::find(interfaces_, at, &HostInterface::at);
    return it == interfaces_.end() ? nullptr : &*it;
}

}  // namespace portcullis::dataplane
