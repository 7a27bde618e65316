// The interfaces of the running policy as the host functions see them: on which device and VLAN,
// with which MAC address, answering for which addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/host/wire.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

struct HostInterface {
    Attachment at;
    MacAddress mac{};
    std::uint16_t mtu = 1500;
    std::vector<policy::InterfaceAddress> addresses;
    std::vector<IpAddress> answered;  // sorted; ARP and ND are answered for these
    IpAddress link_local;             // fe80::/64 with the EUI-64 of `mac` (RFC 4291 appendix A)

    bool answers(const IpAddress& address) const;
    bool on_link(const IpAddress& address) const;
    // Our address to speak to `peer` from: the one on its network, else the first of its family.
    std::optional<IpAddress> source_for(const IpAddress& peer) const;
};

IpAddress link_local_of(const MacAddress& mac);

class HostInterfaces {
  public:
    HostInterfaces() = default;
    // `devices[i]` is the device index of policy.interfaces[i], `macs` the MAC of each device.
    HostInterfaces(const policy::Policy& policy, const std::vector<std::uint16_t>& devices,
                   const std::vector<MacAddress>& macs);
    const HostInterface* find(Attachment at) const;
    const std::vector<HostInterface>& all() const { return interfaces_; }

  private:
    std::vector<HostInterface> interfaces_;  // as in the policy
};

}  // namespace portcullis::dataplane
