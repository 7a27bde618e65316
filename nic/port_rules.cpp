#include "nic/port_rules.h"

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "nic/device.h"
#include "nic/drivers.h"

namespace portcullis::nic {
namespace {

constexpr std::uint8_t kTcp = 6;

// One rte_flow: Ethernet, a tag where there is one, destination address, destination port.
class Pattern {
  public:
    Pattern(const PortRule& rule, PortMask ports) {
        add(RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr);
        if (rule.vlan != 0) {
            vlan_.tci = rte_cpu_to_be_16(rule.vlan);
            vlan_mask_.tci = rte_cpu_to_be_16(0x0fff);
            add(RTE_FLOW_ITEM_TYPE_VLAN, &vlan_, &vlan_mask_);
        }
        static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                                 0, 0, 0, 0, 0xff, 0xff};
        if (std::equal(kMapped.begin(), kMapped.end(), rule.destination.begin())) {
            std::memcpy(&v4_.hdr.dst_addr, rule.destination.data() + 12, 4);
            v4_mask_.hdr.dst_addr = 0xffffffff;
            add(RTE_FLOW_ITEM_TYPE_IPV4, &v4_, &v4_mask_);
        } else {
            std::memcpy(v6_.hdr.dst_addr, rule.destination.data(), 16);
            std::memset(v6_mask_.hdr.dst_addr, 0xff, 16);
            add(RTE_FLOW_ITEM_TYPE_IPV6, &v6_, &v6_mask_);
        }
        if (rule.protocol == kTcp) {
            tcp_.hdr.dst_port = rte_cpu_to_be_16(ports.port);
            tcp_mask_.hdr.dst_port = rte_cpu_to_be_16(ports.mask);
            add(RTE_FLOW_ITEM_TYPE_TCP, &tcp_, &tcp_mask_);
        } else {
            udp_.hdr.dst_port = rte_cpu_to_be_16(ports.port);
            udp_mask_.hdr.dst_port = rte_cpu_to_be_16(ports.mask);
            add(RTE_FLOW_ITEM_TYPE_UDP, &udp_, &udp_mask_);
        }
        add(RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr);
        queue_.index = rule.queue;
        attributes_.ingress = 1;
    }
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    // Null: refused, and `error` says why.
    rte_flow* create(std::uint16_t port_id, rte_flow_error& error) const {
        const rte_flow_action actions[] = {{RTE_FLOW_ACTION_TYPE_QUEUE, &queue_},
                                           {RTE_FLOW_ACTION_TYPE_END, nullptr}};
        if (rte_flow_validate(port_id, &attributes_, items_.data(), actions, &error) != 0)
            return nullptr;
        return rte_flow_create(port_id, &attributes_, items_.data(), actions, &error);
    }

  private:
    void add(rte_flow_item_type type, const void* spec, const void* mask) {
        items_[count_++] = {type, spec, nullptr, mask};
    }

    rte_flow_attr attributes_{};
    rte_flow_item_vlan vlan_{}, vlan_mask_{};
    rte_flow_item_ipv4 v4_{}, v4_mask_{};
    rte_flow_item_ipv6 v6_{}, v6_mask_{};
    rte_flow_item_tcp tcp_{}, tcp_mask_{};
    rte_flow_item_udp udp_{}, udp_mask_{};
    rte_flow_action_queue queue_{};
    std::array<rte_flow_item, 5> items_{};
    std::size_t count_ = 0;
};

}  // namespace

std::vector<PortMask> masks_of(std::uint16_t first, std::uint16_t last) {
    std::vector<PortMask> masks;
    for (std::uint32_t at = first; at <= last;) {
        // The largest block that starts here and ends in time.
        std::uint32_t size = at == 0 ? 0x10000U : 1U << std::countr_zero(at);
        while (at + size - 1 > last) size /= 2;
        masks.push_back({static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(~(size - 1))});
        at += size;
    }
    return masks;
}

void PortRules::clear(const Device& device) {
    rte_flow_error ignored{};
    for (rte_flow* flow : flows_) rte_flow_destroy(device.port_id, flow, &ignored);
    flows_.clear();
    rules_.clear();
}

tl::expected<void, std::string> PortRules::set(const Device& device,
                                               const std::vector<PortRule>& rules) {
    if (rules == rules_) return {};
    clear(device);
    if (rules.empty()) return {};
    const DriverFacts* facts = facts_of(device.driver);
    if (facts == nullptr || !facts->masked_ports)
        return tl::unexpected(std::string("has no rules that match ports by a mask"));
    for (const PortRule& rule : rules)
        for (const PortMask ports : masks_of(rule.first_port, rule.last_port)) {
            rte_flow_error error{};
            rte_flow* flow = Pattern(rule, ports).create(device.port_id, error);
            if (flow == nullptr) {
                const int number = rte_errno;
                clear(device);
                return tl::unexpected(
                    "takes no rule for replies to full NAT: " +
                    std::string(error.message != nullptr ? error.message : rte_strerror(number)));
            }
            flows_.push_back(flow);
        }
    rules_ = rules;
    return {};
}

const PortRule* PortRules::find(const std::array<std::uint8_t, 16>& destination,
                                std::uint8_t protocol, std::uint16_t port) const {
    const auto found = std::ranges::find_if(rules_, [&](const PortRule& rule) {
        return rule.destination == destination && rule.protocol == protocol &&
               port >= rule.first_port && port <= rule.last_port;
    });
    return found == rules_.end() ? nullptr : &*found;
}

}  // namespace portcullis::nic
