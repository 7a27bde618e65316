// How many packets will have to be handed over, by sample (device_programmer.h).
#include <algorithm>
#include <random>

#include "dataplane/device_programmer.h"
#include "dataplane/owner.h"
#include "dataplane/session/ports.h"

namespace portcullis::dataplane {
namespace {

using policy::AddressKind;
using policy::NatKind;
using policy::Zone;

constexpr unsigned kClients = 64;  // for each service and interface that they come in by

bool is_internal(Zone zone) {
    return zone == Zone::edge_internal || zone == Zone::rp_internal;
}

class Sample {
  public:
    Sample(const RuntimePolicy& policy, const std::vector<nic::Device>& devices,
           const std::vector<nic::PortRules>& rules, unsigned workers)
        : policy_(policy),
          devices_(devices),
          rules_(rules),
          workers_(workers),
          forecasts_(devices.size()) {}

    std::vector<Forecast> take() {
        for (const policy::Service& service : policy_.policy().services) {
            if (service.nodes.empty()) continue;
            const Zone clients =
                is_internal(policy_.classify(service.vip).zone) ? Zone::corporate : Zone::internet;
            const auto& interfaces = policy_.policy().interfaces;
            for (std::uint16_t i = 0; i < interfaces.size(); ++i)
                if (interfaces[i].zones.contains(clients)) ask(service, i, clients);
        }
        return std::move(forecasts_);
    }

  private:
    void ask(const policy::Service& service, std::uint16_t ingress, Zone zone) {
        for (unsigned i = 0; i < kClients; ++i) {
            const auto client = draw_client(zone, service.vip.family());
            if (!client) return;
            FlowKey key;
            key.source = *client;
            key.destination = service.vip;
            key.source_port = draw_port();
            key.destination_port = service.port;
            key.protocol = static_cast<std::uint8_t>(service.transport);
            const bool full = service.nat == NatKind::full;
            count(policy_.device_of(ingress), key, full ? &Forecast::full : &Forecast::dnat);
            answer(service, key);
        }
    }

    // What a node sends back, as it sends it.
    void answer(const policy::Service& service, const FlowKey& key) {
        const IpAddress& node = service.nodes[random_() % service.nodes.size()].address;
        const std::uint16_t interface = policy_.route(node).interface;
        if (interface == kNoInterface) return;
        FlowKey back = key;
        back.source = node;
        back.source_port = key.destination_port;
        back.destination = key.source;
        back.destination_port = key.source_port;
        const bool full = service.nat == NatKind::full;
        if (full) {
            back.destination = service.vip;
            const unsigned owner = owner_of(policy_, key, workers_);
            do {
                back.destination_port = draw_port();
            } while (PortSlices::owner(back.destination_port, workers_) != owner ||
                     policy_.is_service_port(service.vip, key.protocol, back.destination_port));
        }
        count(policy_.device_of(interface), back, full ? &Forecast::full_replies : &Forecast::dnat);
    }

    void count(std::uint16_t at, const FlowKey& key, Share Forecast::*kind) {
        const nic::Device& device = devices_[at];
        Share& share = forecasts_[at].*(key.source.is_v4() ? kind : &Forecast::ipv6);
        ++share.flows;
        std::optional<unsigned> queue =
            nic::queue_of(device.spread, device.rx_queues,
                          {key.source.bytes(), key.destination.bytes(), key.source_port,
                           key.destination_port, key.protocol});
        if (const nic::PortRule* rule =
                rules_[at].find(key.destination.bytes(), key.protocol, key.destination_port))
            queue = rule->queue;
        if (!queue)
            ++share.unknown;
        else if (*queue != owner_of(policy_, key, workers_))
            ++share.handed_over;
    }

    std::uint16_t draw_port() {
        return static_cast<std::uint16_t>(PortSlices::kFirstPort + random_() % PortSlices::kPorts);
    }

    // A host of the zone: anywhere in the Internet, or in one of its networks. nullopt: none found.
    std::optional<IpAddress> draw_client(Zone zone, Family family) {
        std::vector<policy::Prefix> networks;
        if (zone == Zone::internet)
            networks.push_back(family == Family::ipv4
                                   ? policy::Prefix::make(IpAddress::from_v4(0), 0)
                                   : policy::Prefix::make(*IpAddress::parse("2000::"), 3));
        for (const policy::AddressClass& entry : policy_.policy().addresses)
            if (entry.kind == AddressKind::member && entry.zone == zone &&
                entry.prefix.family() == family)
                networks.push_back(entry.prefix);
        for (unsigned tries = 0; tries < 1000 && !networks.empty(); ++tries) {
            const IpAddress host = draw_host(networks[random_() % networks.size()]);
            const policy::AddressClass entry = policy_.classify(host);
            if (entry.kind == AddressKind::member && entry.zone == zone) return host;
        }
        return std::nullopt;
    }
    IpAddress draw_host(const policy::Prefix& network) {
        auto bytes = network.address().bytes();
        const unsigned fixed = network.length() + (network.family() == Family::ipv4 ? 96U : 0U);
        for (unsigned bit = fixed; bit < 128; ++bit)
            if ((random_() & 1) != 0) bytes[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
        return IpAddress::from_bytes(bytes);
    }

    const RuntimePolicy& policy_;
    const std::vector<nic::Device>& devices_;
    const std::vector<nic::PortRules>& rules_;
    const unsigned workers_;
    std::vector<Forecast> forecasts_;
    std::mt19937_64 random_{1};  // the same sample for the same policy: texts stay comparable
};

}  // namespace

std::string Forecast::text() const {
    std::string text;
    const auto add = [&](const char* name, const Share& share) {
        if (share.flows == 0) return;
        text += (text.empty() ? "" : ", ") + std::string(name) + " ";
        text += share.unknown != 0 ? "?" : std::to_string(share.percent()) + " %";
    };
    add("dnat", dnat);
    add("full NAT", full);
    add("full-NAT replies", full_replies);
    add("IPv6", ipv6);
    return text;
}

std::vector<Forecast> forecast(const RuntimePolicy& policy, const std::vector<nic::Device>& devices,
                               const std::vector<nic::PortRules>& rules, unsigned workers) {
    return Sample(policy, devices, rules, workers).take();
}

}  // namespace portcullis::dataplane
