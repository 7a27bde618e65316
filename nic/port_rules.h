// Queues by destination port, for what no hash can bring to its owner: replies to an address of ours
// whose port names the worker (full NAT). Only for drivers that match ports by a mask, as drivers.h
// says: others ignore the mask in silence (i40e).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

struct rte_flow;

namespace portcullis::nic {

struct Device;

struct PortRule {
    std::array<std::uint8_t, 16> destination{};  // network order, IPv4 as ::ffff:a.b.c.d
    std::uint8_t protocol = 0;                   // 6 or 17
    std::uint16_t vlan = 0;                      // 0: untagged
    std::uint16_t first_port = 0, last_port = 0;
    std::uint16_t queue = 0;
    friend bool operator==(const PortRule&, const PortRule&) = default;
};

struct PortMask {
    std::uint16_t port = 0, mask = 0;
    friend bool operator==(const PortMask&, const PortMask&) = default;
};
// The fewest masks that cover first to last and nothing else.
std::vector<PortMask> masks_of(std::uint16_t first, std::uint16_t last);

// The rules of one device. Main only.
class PortRules {
  public:
    // Replaces what was there: all of `rules` or none. The error is the first that the driver
    // refuses. No rules: always done. A driver that has no masks refuses at once.
    tl::expected<void, std::string> set(const Device& device, const std::vector<PortRule>& rules);
    const std::vector<PortRule>& active() const { return rules_; }
    // Of a packet to this address and port; nullptr: none.
    const PortRule* find(const std::array<std::uint8_t, 16>& destination, std::uint8_t protocol,
                         std::uint16_t port) const;

  private:
    void clear(const Device& device);

    std::vector<PortRule> rules_;
    std::vector<rte_flow*> flows_;
};

}  // namespace portcullis::nic
