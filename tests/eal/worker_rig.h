// Workers on rings instead of devices, driven by hand: a test puts frames into any queue, lets
// every worker poll until nothing moves, and looks at what left, what main was given, and the
// counts.
//
// The world is small_policy()'s: device 0 "wan" (untagged, gateway 192.0.2.254), device 1 "dmz"
// (VLAN 10).
#pragma once

#include <rte_mempool.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/worker.h"
#include "tests/support/frames.h"
#include "tests/support/hand_made_policy.h"

namespace portcullis::dataplane::test {

inline constexpr std::uint16_t kWan = 0, kDmz = 1;
inline constexpr std::uint16_t kDmzVlan = 10;
inline constexpr MacAddress kWanMac{0x02, 0, 0, 0, 0, 0x01}, kDmzMac{0x02, 0, 0, 0, 0, 0x02};
inline constexpr MacAddress kGatewayMac{0x02, 0, 0, 0, 0, 0xfe};

// A frame that left, taken apart.
struct Sent {
    Bytes frame;
    MacAddress destination{}, source{};
    std::uint16_t vlan = 0;
    TestPacket packet;  // from the IP header on
    IpAddress from() const { return packet_address(12, 8); }
    IpAddress to() const { return packet_address(16, 24); }
    unsigned source_port() const { return get16(packet.bytes, packet.l4); }
    unsigned destination_port() const { return get16(packet.bytes, packet.l4 + 2); }
    std::uint32_t sequence() const { return get32(packet.bytes, packet.l4 + 4); }  // TCP
    std::uint8_t tcp_flags() const { return packet.bytes[packet.l4 + 13]; }
    Bytes payload() const;  // of TCP and UDP

  private:
    IpAddress packet_address(unsigned v4, unsigned v6) const;
};

struct Punted {
    PacketNote note;
    Bytes frame;
};

struct RigOptions {
    unsigned workers = 1;
    unsigned ring_size = 1024;
    unsigned tx_ring_size = 1024;
    Millis already_running = 0;
    std::uint32_t sessions = 4096;
    inspect::Limits inspection;
};

class Rig {
  public:
    explicit Rig(const RigOptions& options = {});
    ~Rig();
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    // Loads `policy` as the next generation.
    void publish(const policy::Policy& policy);
    RuntimePolicy& runtime() { return *policies_.back()->policy; }
    ActivePolicy& active() { return *policies_.back(); }

    // A frame into the queue of `worker` on a device; false where the queue is full.
    bool send(std::uint16_t device, const Bytes& frame, unsigned worker = 0);
    // An IP packet from outside (the gateway) or from a node of the perimeter.
    bool from_wan(const TestPacket& packet, unsigned worker = 0);
    bool from_dmz(const TestPacket& packet, unsigned worker = 0);
    void pump();  // until no worker moves anything
    // So that every worker counts its sessions and records anew.
    void sweep();

    std::vector<Sent> sent(std::uint16_t device);
    Sent one_sent(std::uint16_t device);  // fails the test where it is not exactly one
    std::vector<Punted> punted();         // main takes and consumes them
    // What main would learn by ARP: `last` is the last byte of the MAC address.
    NeighbourId learn(Attachment at, const IpAddress& next_hop, std::uint8_t last);

    std::uint64_t total(Counter Counters::*counter) const;
    std::uint64_t dropped(DropReason reason) const;
    // Every drop so far, as "no-rule 2, fragment 1", in the order of the list.
    std::string drops() const;
    // counters.h: for each thread and in total. Between pumps.
    void expect_identity() const;

    Worker& worker(unsigned i) { return *workers_[i]; }
    unsigned workers() const { return static_cast<unsigned>(workers_.size()); }
    Switchboard& switchboard() { return *switchboard_; }
    NeighbourTable& neighbours() { return neighbours_; }
    Counters& main() { return main_; }
    rte_mbuf* make(const Bytes& frame);
    PolicySlot& slot() { return slot_; }
    rte_rcu_qsbr* qsbr() { return qsbr_; }

  private:
    rte_ring* ring(const std::string& name, unsigned size);
    std::uint16_t make_device(const std::string& name, std::vector<rte_ring*>& rx,
                              std::vector<rte_ring*>& tx);

    RigOptions options_;
    rte_mempool* pool_ = nullptr;
    std::vector<rte_ring*> rings_;
    std::vector<rte_ring*> rx_[2], tx_[2];  // by device, then worker
    std::vector<std::uint16_t> ports_;
    NeighbourTable neighbours_{64};
    std::unique_ptr<Switchboard> switchboard_;
    PolicySlot slot_{nullptr};
    rte_rcu_qsbr* qsbr_ = nullptr;
    std::vector<std::unique_ptr<ActivePolicy>> policies_;
    std::vector<std::unique_ptr<Worker>> workers_;
    Counters main_;
    Sessions::Config sessions_;
};

}  // namespace portcullis::dataplane::test
