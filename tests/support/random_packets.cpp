#include "tests/support/random_packets.h"

#include <algorithm>
#include <array>

namespace portcullis::test {

using policy::Family;
using policy::IpAddress;
using policy::Prefix;
using policy::Transport;

namespace {

// The address `delta` further, staying inside the family by wrapping around.
IpAddress step(const IpAddress& address, int delta) {
    auto bytes = address.bytes();
    const int lowest = address.is_v4() ? 12 : 0;
    int carry = delta;
    for (int i = 15; i >= lowest && carry != 0; --i) {
        const int value = bytes[static_cast<unsigned>(i)] + carry;
        bytes[static_cast<unsigned>(i)] = static_cast<std::uint8_t>(value & 0xff);
        carry = value < 0 ? -1 : value > 255 ? 1 : 0;
    }
    return IpAddress::from_bytes(bytes);
}

// The host bits of `prefix` taken from `bits`.
IpAddress fill_host(const Prefix& prefix, const std::array<std::uint8_t, 16>& bits) {
    auto bytes = prefix.address().bytes();
    const unsigned fixed = prefix.length() + (prefix.family() == Family::ipv4 ? 96 : 0);
    for (unsigned bit = fixed; bit < 128; ++bit)
        bytes[bit / 8] |= static_cast<std::uint8_t>(bits[bit / 8] & (0x80U >> bit % 8));
    return IpAddress::from_bytes(bytes);
}

}  // namespace

RandomPackets::RandomPackets(const policy::Policy& policy, Family family, std::uint64_t seed)
    : policy_(policy), family_(family), random_(seed), ports_{0, 1, 1023, 1024, 65535} {
    add(Prefix::all(family));
    for (const auto& entry : policy.addresses) add(entry.prefix);
    for (const auto& rule : policy.rules) {
        for (const auto& prefix : rule.sources) add(prefix);
        for (const auto& prefix : rule.destinations) add(prefix);
        add(rule.source_ports);
        add(rule.destination_ports);
    }
    for (const auto& interface : policy.interfaces)
        for (const auto& own : interface.addresses) add(own.network());
    std::ranges::sort(addresses_);
    addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
    std::ranges::sort(ports_);
    ports_.erase(std::unique(ports_.begin(), ports_.end()), ports_.end());
}

void RandomPackets::add(const Prefix& prefix) {
    if (prefix.family() != family_) return;
    std::array<std::uint8_t, 16> ones;
    ones.fill(0xff);
    std::array<std::uint8_t, 16> random;
    for (auto& byte : random) byte = static_cast<std::uint8_t>(random_());
    const IpAddress last = fill_host(prefix, ones);
    for (const IpAddress& address : {prefix.address(), last, step(prefix.address(), -1),
                                     step(last, 1), fill_host(prefix, random)})
        if (address.family() == family_) addresses_.push_back(address);
}

void RandomPackets::add(const policy::PortRange& range) {
    for (const int port : {range.first - 1, range.first + 0, range.last + 0, range.last + 1})
        if (port >= 0 && port <= 65535) ports_.push_back(static_cast<std::uint16_t>(port));
}

IpAddress RandomPackets::address() {
    if (random_() % 8 != 0) return pick(addresses_);
    std::array<std::uint8_t, 16> bytes;
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    return fill_host(Prefix::all(family_), bytes);
}

std::uint16_t RandomPackets::port() {
    return random_() % 8 != 0 ? pick(ports_) : static_cast<std::uint16_t>(random_());
}

// Half of the packets are built from a rule, so that rules behind many others are reached too.
policy::FirstPacket RandomPackets::next() {
    static constexpr std::array kTransports = {Transport::tcp, Transport::udp, Transport::icmp};
    policy::FirstPacket packet;
    packet.interface = static_cast<std::uint32_t>(random_() % policy_.interfaces.size());
    packet.transport = kTransports[random_() % 16 == 0 ? 2 : random_() % 2];
    packet.source = address();
    packet.destination = address();
    packet.source_port = port();
    packet.destination_port = port();
    if (policy_.rules.empty() || random_() % 2 == 0) return packet;

    const policy::Rule& rule = pick(policy_.rules);
    if (rule.family != family_) return packet;
    packet.transport = rule.transport;
    if (!rule.sources.empty() && random_() % 8 != 0) packet.source = pick(rule.sources).address();
    if (!rule.destinations.empty() && random_() % 8 != 0)
        packet.destination = pick(rule.destinations).address();
    if (random_() % 8 != 0) packet.source_port = rule.source_ports.first;
    if (random_() % 8 != 0) packet.destination_port = rule.destination_ports.last;
    // The interface that the source belongs to, most of the time.
    for (std::uint32_t i = 0; i < policy_.interfaces.size() && random_() % 16 != 0; ++i)
        if (policy_.interfaces[i].zones.contains(rule.from)) packet.interface = i;
    return packet;
}

}  // namespace portcullis::test
