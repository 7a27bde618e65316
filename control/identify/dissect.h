// A captured packet's headers, from its link layer to TCP or UDP, and its payload.
//
// What the data plane would drop for its headers alone is `malformed` here. Two things it would drop
// are read all the same, since captures of sound traffic have them: IPv4 options and IPv6 extension
// headers.
#pragma once

#include <cstdint>
#include <span>

#include "control/identify/capture.h"
#include "rules/policy/policy.h"

namespace portcullis::control::identify {

struct Endpoint {
    policy::IpAddress address;
    std::uint16_t port = 0;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

struct Dissected {
    enum class Kind : std::uint8_t {
        payload,    // TCP or UDP
        fragment,   // of an IP packet; with ends where it is the first one
        other,      // another protocol
        malformed,  // headers that contradict themselves, or are cut
    };
    Kind kind = Kind::other;
    policy::Transport transport = policy::Transport::tcp;
    Endpoint source;
    Endpoint destination;
    bool has_ends = false;
    // Of TCP, host order.
    std::uint32_t sequence = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0;
    // As many bytes as the capture holds of the `length` that the IP header promises.
    std::span<const std::uint8_t> payload;
    std::uint32_t length = 0;
    std::span<const std::uint8_t> segment;  // header and payload, as far as captured
    // The checksum of TCP or UDP; unknown where the packet is cut, or UDP has none.
    enum class Checksum : std::uint8_t { unknown, right, wrong };
    Checksum checksum = Checksum::unknown;
    bool truncated() const { return payload.size() < length; }
};

inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10, kUrg = 0x20;

Dissected dissect(LinkLayer link, const CapturedPacket& packet);

}  // namespace portcullis::control::identify
