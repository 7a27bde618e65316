#include "dataplane/device_programmer.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "dataplane/host/interfaces.h"
#include "dataplane/session/ports.h"

namespace portcullis::dataplane {
namespace {

using policy::NatKind;
using policy::Zone;

constexpr nic::Mac kAllNodes{0x33, 0x33, 0, 0, 0, 1};
constexpr unsigned kNobodysQueue = 0xffff;

bool is_outside(policy::ZoneSet zones) {
    return zones.contains(Zone::internet) || zones.contains(Zone::corporate);
}

// RFC 4291 section 2.7.1 and RFC 2464 section 7.
nic::Mac solicited_node(const IpAddress& address) {
    const auto& bytes = address.bytes();
    return {0x33, 0x33, 0xff, bytes[13], bytes[14], bytes[15]};
}

void add_groups(const policy::Interface& interface, const nic::Mac& mac,
                std::vector<nic::Mac>& groups) {
    groups.push_back(kAllNodes);
    groups.push_back(solicited_node(link_local_of(mac)));
    for (const IpAddress& address : interface.answered)
        if (!address.is_v4()) groups.push_back(solicited_node(address));
}

// The slice of each worker, without the ports of services: those belong to their clients' owners.
void add_rules(const policy::Policy& policy, const policy::Service& service, std::uint16_t vlan,
               const nic::Device& device, unsigned workers, std::vector<nic::PortRule>& rules) {
    nic::PortRule rule;
    rule.destination = service.vip.bytes();
    rule.protocol = static_cast<std::uint8_t>(service.transport);
    rule.vlan = vlan;
    std::set<unsigned> service_ports;
    for (const policy::Service& other : policy.services)
        if (other.vip == service.vip && other.transport == service.transport)
            service_ports.insert(other.port);
    const auto queue_at = [&](unsigned port) {
        if (service_ports.contains(port)) return kNobodysQueue;
        return PortSlices::owner(static_cast<std::uint16_t>(port), workers) % device.rx_queues;
    };
    for (unsigned first = PortSlices::kFirstPort; first < 65536;) {
        const unsigned queue = queue_at(first);
        unsigned next = first + 1;
        while (next < 65536 && queue_at(next) == queue) ++next;
        if (queue != kNobodysQueue) {
            rule.first_port = static_cast<std::uint16_t>(first);
            rule.last_port = static_cast<std::uint16_t>(next - 1);
            rule.queue = static_cast<std::uint16_t>(queue);
            if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
        }
        first = next;
    }
}

}  // namespace

std::vector<DevicePlan> plan_devices(const RuntimePolicy& runtime,
                                     const std::vector<nic::Device>& devices, unsigned workers) {
    std::vector<DevicePlan> plans(devices.size());
    std::vector<int> outside(devices.size(), 0);  // interfaces that are, less those that are not
    const policy::Policy& policy = runtime.policy();
    for (std::uint16_t i = 0; i < policy.interfaces.size(); ++i) {
        const std::uint16_t device = runtime.device_of(i);
        outside[device] += is_outside(policy.interfaces[i].zones) ? 1 : -1;
        add_groups(policy.interfaces[i], devices[device].mac, plans[device].groups);
        if (policy.interfaces[i].vlan != 0)
            plans[device].vlans.push_back(policy.interfaces[i].vlan);
    }
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (outside[i] < 0) plans[i].side = nic::Side::destination;
        std::vector<nic::Mac>& groups = plans[i].groups;
        std::ranges::sort(groups);
        groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
        std::ranges::sort(plans[i].vlans);
    }
    for (const policy::Service& service : policy.services) {
        if (service.nat != NatKind::full) continue;
        std::set<std::uint16_t> interfaces;  // by which its nodes answer
        for (const policy::Node& node : service.nodes)
            interfaces.insert(runtime.route(node.address).interface);
        interfaces.erase(kNoInterface);
        for (const std::uint16_t interface : interfaces) {
            const std::uint16_t device = runtime.device_of(interface);
            if (devices[device].rx_queues > 1)
                add_rules(policy, service, policy.interfaces[interface].vlan, devices[device],
                          workers, plans[device].rules);
        }
    }
    return plans;
}

bool DeviceProgrammer::is_new(std::size_t device, const std::string& problem) {
    std::vector<std::string>& said = devices_[device].warnings;
    if (std::ranges::find(said, problem) != said.end()) return false;
    said.push_back(problem);
    return true;
}

// It costs hand-overs.
void DeviceProgrammer::note(std::size_t device, const std::string& problem) {
    if (is_new(device, problem))
        spdlog::info("device {}: {}; packets are handed over instead", devices_[device].name,
                     problem);
}

// It decides what comes in.
void DeviceProgrammer::warn(std::size_t device, const std::string& problem) {
    if (is_new(device, problem)) spdlog::warn("device {}: {}", devices_[device].name, problem);
}

// Those that stay are not touched: their packets go on coming in.
void DeviceProgrammer::let_in_vlans(std::size_t i, const std::vector<std::uint16_t>& vlans) {
    std::vector<std::uint16_t> added, gone;
    std::ranges::set_difference(vlans, vlans_[i], std::back_inserter(added));
    std::ranges::set_difference(vlans_[i], vlans, std::back_inserter(gone));
    if (const auto done = nic::let_in(devices_[i], added); !done) warn(i, done.error());
    nic::keep_out(devices_[i], gone);
    vlans_[i] = vlans;
}

void DeviceProgrammer::follow(const RuntimePolicy& policy) {
    const auto plans = plan_devices(policy, devices_, workers_);
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        nic::Device& device = devices_[i];
        if (plans[i].groups != groups_[i]) {
            if (const auto done = nic::listen_to(device, plans[i].groups); !done)
                warn(i, done.error());
            groups_[i] = plans[i].groups;
        }
        let_in_vlans(i, plans[i].vlans);
        if (plans[i].side != device.spread.side)
            if (const auto done = nic::steer_by(device, plans[i].side, workers_); !done)
                note(i, done.error());
        if (const auto done = rules_[i].set(device, plans[i].rules); !done) note(i, done.error());
    }
    const auto forecasts = forecast(policy, devices_, rules_, workers_);
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        std::string text = workers_ == 1 ? std::string() : forecasts[i].text();
        if (!rules_[i].active().empty()) text += " if its rules by port hold";
        if (text == texts_[i]) continue;
        texts_[i] = std::move(text);
        spdlog::info("device {}: {}", devices_[i].name, this->text(i));
    }
}

std::string DeviceProgrammer::text(std::size_t device) const {
    std::string text = nic::describe(devices_[device]);
    if (!texts_[device].empty()) text += "; hands over " + texts_[device];
    return text;
}

}  // namespace portcullis::dataplane
