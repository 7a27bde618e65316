// What the pipeline knows of one packet's shape once parse has checked every bound.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "rules/policy/address.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

using policy::Family;
using policy::IpAddress;

// The identity of a flow as it arrives: 40 bytes without padding, hashed and compared as bytes.
// Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. Ports are in host order. ICMP
// echo has source_port = identifier, destination_port = 0 in a request and the reverse in a reply,
// so the reply's key is the request's, swapped.
struct alignas(8) FlowKey {
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    // Ingress. Bursts and sessions hold its wire id (below), which no push changes;
    // RuntimePolicy::judge() is asked with the index in its policy's interfaces.
    std::uint16_t interface = 0;
    std::uint8_t protocol = 0;  // policy::Transport; ICMPv6 echo is stored as Transport::icmp
    std::uint8_t zero = 0;

    friend bool operator==(const FlowKey& a, const FlowKey& b) {
        return std::memcmp(&a, &b, sizeof(FlowKey)) == 0;
    }
};
static_assert(sizeof(FlowKey) == 40);
static_assert(std::has_unique_object_representations_v<FlowKey>);

// A key as the words of its memory: how parse makes it and the table hashes it.
struct KeyWords {
    std::uint64_t source_high, source_low, destination_high, destination_low;
    std::uint64_t last;  // ports, interface, protocol, zero: each in its place
};
static_assert(sizeof(KeyWords) == sizeof(FlowKey));
static_assert(std::endian::native == std::endian::little, "ports stand in the low bits of `last`");
inline KeyWords words_of(const FlowKey& key) {
    return std::bit_cast<KeyWords>(key);
}
// Word by word: copied whole, by wider registers, words that have just been written would be waited for.
inline void store(const KeyWords& words, FlowKey& key) {
    auto* at = reinterpret_cast<std::uint8_t*>(&key);
    for (const std::uint64_t word : {words.source_high, words.source_low, words.destination_high,
                                     words.destination_low, words.last}) {
        std::memcpy(at, &word, sizeof word);
        at += sizeof word;
    }
}

// A device and VLAN: what an interface is on the wire, whatever its index in a policy.
struct Attachment {
    std::uint16_t device = 0;  // index in dataplane.conf's list, as RuntimePolicy::device_of()
    std::uint16_t vlan = 0;    // 0 = untagged
    friend bool operator==(const Attachment&, const Attachment&) = default;
};
inline constexpr unsigned kMaxDevices = 15;  // so that no wire id equals kNoInterface
constexpr std::uint16_t wire_id(Attachment at) {
    return static_cast<std::uint16_t>(at.device << 12 | at.vlan);
}
constexpr Attachment attachment_of(std::uint16_t id) {
    return {static_cast<std::uint16_t>(id >> 12), static_cast<std::uint16_t>(id & 0xfff)};
}

// Where the headers of a parsed packet are. The IP packet is contiguous from `l3` for at least all
// headers, and parse has verified that `l3_bytes` are there.
struct PacketView {
    std::uint8_t* l3 = nullptr;   // first byte of the IP header
    std::uint16_t l3_bytes = 0;   // length of the IP packet by its own header, without padding
    std::uint16_t l4_offset = 0;  // of the TCP, UDP or ICMP header, from l3
    Family family = Family::ipv4;
    std::uint8_t protocol = 0;  // as on the wire: 6, 17, 1, 58
    std::uint8_t* l4() const { return l3 + l4_offset; }
    std::uint16_t l4_bytes() const { return static_cast<std::uint16_t>(l3_bytes - l4_offset); }
};

}  // namespace portcullis::dataplane
