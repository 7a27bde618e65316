// What a policy asks of the devices: which address each hashes, so that packets arrive at their owner;
// rules by port for replies to full NAT, where a driver has them; which multicast groups and VLANs it
// lets in.
//
//     policy ─► plan_devices() ─► nic/ ─► what the drivers hold now ─► forecast() ─► log, `interfaces`
//
// Groups and VLANs decide what is heard at all: where a device takes no list of them, it lets in more
// than is ours. The rest only spares hand-overs. So the forecast is a forecast: the counters handed-out
// and handed-in tell the truth.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "dataplane/policy/runtime_policy.h"
#include "nic/device.h"
#include "nic/port_rules.h"

namespace portcullis::dataplane {

struct DevicePlan {  // of one device
    // Outside the perimeter the sender decides who owns a packet, inside it the receiver. A device
    // with interfaces of both kinds does what most of them need.
    nic::Side side = nic::Side::source;
    std::vector<nic::Mac> groups;  // solicited-node addresses of ours (RFC 4291 2.7.1), all nodes
    std::vector<std::uint16_t> vlans;  // of its interfaces, rising
    std::vector<nic::PortRule> rules;  // worker i polls queue i
};
// One for each device, in their order.
std::vector<DevicePlan> plan_devices(const RuntimePolicy& policy,
                                     const std::vector<nic::Device>& devices, unsigned workers);

// Of the packets of one kind that a device will receive: how many will have to be handed over.
struct Share {
    unsigned flows = 0;
    unsigned handed_over = 0;
    unsigned unknown = 0;  // of `flows`: the driver spreads in a way of its own
    unsigned percent() const { return flows == 0 ? 0 : (handed_over * 100 + flows / 2) / flows; }
};
struct Forecast {                          // of one device
    Share dnat, full, full_replies, ipv6;  // IPv4 by the service's NAT, either direction; all IPv6
    std::string text() const;  // "dnat 0 %, full-NAT replies 50 %", of kinds that there are
};
// By sample: flows from random clients to every service, and what its nodes answer. `rules[i]` are
// believed to do what they say.
std::vector<Forecast> forecast(const RuntimePolicy& policy, const std::vector<nic::Device>& devices,
                               const std::vector<nic::PortRules>& rules, unsigned workers);

// Carries the plans out, and says what of them a device does not take.
class DeviceProgrammer {
  public:
    DeviceProgrammer(std::vector<nic::Device>& devices, unsigned workers)
        : devices_(devices),
          workers_(workers),
          groups_(devices.size()),
          vlans_(devices.size()),
          rules_(devices.size()),
          texts_(devices.size()) {}

    // Main, when a policy has been published. Changes only what differs, and logs each problem once:
    // it is among the device's warnings then.
    void follow(const RuntimePolicy& policy);
    // "RSS by source, table of 128; will hand over: dnat 0 %, IPv6 0 %". Before the first policy: the
    // first half.
    std::string text(std::size_t device) const;

  private:
    void let_in_vlans(std::size_t device, const std::vector<std::uint16_t>& vlans);
    bool is_new(std::size_t device, const std::string& problem);
    void note(std::size_t device, const std::string& problem);
    void warn(std::size_t device, const std::string& problem);

    std::vector<nic::Device>& devices_;
    const unsigned workers_;
    std::vector<std::vector<nic::Mac>> groups_;      // that each listens to
    std::vector<std::vector<std::uint16_t>> vlans_;  // that each lets in
    std::vector<nic::PortRules> rules_;
    std::vector<std::string> texts_;
};

}  // namespace portcullis::dataplane
