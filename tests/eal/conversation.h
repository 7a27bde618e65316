// A TCP connection through the rig, told what to say: a client at the Access VIP, behind it the node
// that full NAT chose.
//
//     rig.publish(held_to(ConformanceMode::enforce));
//     Conversation talk(rig);                       // SYN, SYN-ACK, ACK have passed
//     talk.client_says(hello).payload()             // what the node got
//     talk.send_from_client(0, ssh);                // whatever becomes of it: look at the rig
#pragma once

#include "tests/eal/worker_rig.h"
#include "tests/support/first_bytes.h"

namespace portcullis::dataplane::test {

using policy::ConformanceMode;

inline const IpAddress kClient = ip("198.51.100.25");
inline const IpAddress kAccessVip = ip("203.0.113.10");
inline const IpAddress kAvVip = ip("203.0.113.30");
inline constexpr std::uint8_t kRst = 0x04, kSyn = 0x02, kSynAck = 0x12, kAckOnly = 0x10;
inline constexpr std::uint32_t kClientIsn = 1000, kNodeIsn = 5000;

// Nothing is picked up any more.
RigOptions settled();

// The small policy, with the Access VIP's 443 held to TLS and the A/V VIP's 3478 to TURN.
inline constexpr std::uint32_t kAccess = 0, kAv = 1;  // in Policy::conformance
policy::Policy held_to(ConformanceMode mode);

Bytes slice(const Bytes& bytes, std::size_t from, std::size_t to);
TestPacket with_payload(const IpAddress& source, const IpAddress& destination,
                        std::uint16_t source_port, std::uint16_t destination_port,
                        const TcpFields& tcp, const Bytes& payload);

class Conversation {
  public:
    // Each on a port of its own. `in_syn`: payload of the SYN, which the node acknowledges.
    explicit Conversation(Rig& rig, std::uint16_t port = 0, const Bytes& in_syn = {});

    // To be sent by the next pump. Offsets count from the first byte of the client.
    void queue_from_client(std::uint32_t offset, const Bytes& payload, std::uint8_t flags = 0);
    void queue_from_node(const Bytes& payload);
    // Queued and pumped.
    void send_from_client(std::uint32_t offset, const Bytes& payload, std::uint8_t flags = 0);
    void send_from_node(const Bytes& payload);
    // What comes next, or at `offset` once more; it is to arrive.
    Sent client_says(const Bytes& payload, std::uint8_t flags = 0);
    Sent client_says_at(std::uint32_t offset, const Bytes& payload);
    Sent node_says(const Bytes& payload);
    void node_acknowledges();  // all that client_says() has said

    Session& session();
    IpAddress client() const { return kClient; }
    std::uint16_t port() const { return port_; }
    IpAddress node() const { return node_; }
    std::uint16_t drawn() const { return drawn_; }

  private:
    Rig* rig_;
    std::uint16_t port_;
    std::uint16_t drawn_ = 0;  // what the node knows the client by
    IpAddress node_;
    std::uint32_t client_said_ = 0, node_said_ = 0;
};

}  // namespace portcullis::dataplane::test
