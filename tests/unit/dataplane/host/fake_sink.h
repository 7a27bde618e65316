// A HostSink that keeps what it is given, and a policy small enough to read.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "dataplane/host/host.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

inline IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

struct FakeSink : HostSink {
    struct Buffer {
        std::unique_ptr<rte_mbuf> mbuf = std::make_unique<rte_mbuf>();
        std::vector<std::uint8_t> bytes;
    };
    struct Sent {
        Attachment at;
        std::vector<std::uint8_t> bytes;
    };
    std::vector<std::unique_ptr<Buffer>> alive;
    std::vector<Sent> sent;
    std::vector<DropReason> discarded;
    std::vector<std::tuple<std::uint32_t, std::uint32_t, bool>> changes;
    bool pool_empty = false;

    rte_mbuf* make(std::span<const std::uint8_t> frame) override {
        if (pool_empty) return nullptr;
        auto buffer = std::make_unique<Buffer>();
        buffer->bytes.assign(frame.begin(), frame.end());
        buffer->mbuf->buf_addr = buffer->bytes.data();
        buffer->mbuf->data_len = static_cast<std::uint16_t>(frame.size());
        buffer->mbuf->pkt_len = buffer->mbuf->data_len;
        alive.push_back(std::move(buffer));
        return alive.back()->mbuf.get();
    }
    void transmit(rte_mbuf* frame, Attachment at) override { sent.push_back({at, take(frame)}); }
    void discard(rte_mbuf* frame, DropReason reason) override {
        take(frame);
        discarded.push_back(reason);
    }
    void node_changed(std::uint32_t service, std::uint32_t node, bool up) override {
        changes.emplace_back(service, node, up);
    }

    std::vector<Sent> take_sent() { return std::exchange(sent, {}); }
    // What was sent of one EtherType, the rest of the frame from its L3 header on.
    std::vector<std::vector<std::uint8_t>> take_sent(std::uint16_t ether_type) {
        std::vector<std::vector<std::uint8_t>> out;
        for (const Sent& frame : take_sent()) {
            const std::size_t l3 = frame.at.vlan != 0 ? 18 : 14;
            if (read16(&frame.bytes[l3 - 2]) == ether_type)
                out.emplace_back(frame.bytes.begin() + static_cast<std::ptrdiff_t>(l3),
                                 frame.bytes.end());
        }
        return out;
    }

  private:
    std::vector<std::uint8_t> take(rte_mbuf* frame) {
        const auto it = std::find_if(alive.begin(), alive.end(),
                                     [&](const auto& b) { return b->mbuf.get() == frame; });
        if (it == alive.end()) {
            ADD_FAILURE() << "a packet was given away twice, or was never made";
            return {};
        }
        std::vector<std::uint8_t> bytes = std::move((*it)->bytes);
        alive.erase(it);
        return bytes;
    }
};

// wan 192.0.2.1/24 and 2001:db8:2::1/64 on device 0, answering for the VIP .10 as well; dmz
// 203.0.113.1/25 on device 1, VLAN 10, with one service and two nodes behind it.
inline std::shared_ptr<policy::Policy> small_policy() {
    auto policy = std::make_shared<policy::Policy>();
    policy::Interface wan;
    wan.name = wan.device = "wan";
    wan.zones.add(policy::Zone::internet);
    wan.addresses = {{ip("192.0.2.1"), 24}, {ip("2001:db8:2::1"), 64}};
    wan.answered = {ip("192.0.2.1"), ip("192.0.2.10"), ip("2001:db8:2::1"), ip("2001:db8:2::10")};
    std::ranges::sort(wan.answered);
    policy::Interface dmz;
    dmz.name = dmz.device = "dmz";
    dmz.vlan = 10;
    dmz.zones.add(policy::Zone::edge_external);
    dmz.addresses = {{ip("203.0.113.1"), 25}};
    dmz.answered = {ip("203.0.113.1"), ip("203.0.113.10")};
    policy->interfaces = {wan, dmz};
    policy->routes = {{policy::Prefix::all(Family::ipv4), ip("192.0.2.254"), 0}};
    policy::Service access;
    access.name = "access-443/tcp";
    access.vip = ip("203.0.113.10");
    access.port = 443;
    access.nat = policy::NatKind::full;
    access.nodes = {{"edge1", ip("203.0.113.11"), 1}, {"edge2", ip("203.0.113.12"), 1}};
    access.probe = policy::ProbeKind::tcp;
    access.probe_ports = {443, 5061};
    policy::Service av;
    av.name = "av-3478/udp";
    av.vip = ip("203.0.113.30");
    av.transport = policy::Transport::udp;
    av.port = 3478;
    av.nat = policy::NatKind::dnat;
    av.nodes = {{"edge1", ip("203.0.113.31"), 1}};
    av.probe = policy::ProbeKind::stun;
    av.probe_ports = {3478};
    policy->services = {access, av};
    return policy;
}

inline constexpr MacAddress kWanMac{0x02, 0, 0, 0, 0, 0x01};
inline constexpr MacAddress kDmzMac{0x02, 0, 0, 0, 0, 0x02};
inline constexpr MacAddress kPeerMac{0x02, 0, 0, 0, 0, 0x77};
inline constexpr MacAddress kOtherMac{0x02, 0, 0, 0, 0, 0x88};
inline constexpr Attachment kWan{0, 0};
inline constexpr Attachment kDmz{1, 10};

}  // namespace portcullis::dataplane
