// Receive-side scaling by the ownership rule: the device hashes the address that decides a flow's
// owner (toeplitz.h), and its redirection table leads from the hash to the owner's queue.
//
// Nothing here is trusted: drivers refuse parts of it, so what they hold afterwards is read back, and
// queue_of() tells from that where a flow will arrive. A packet that arrives elsewhere is handed over.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "nic/toeplitz.h"

namespace portcullis::nic {

struct Device;

// How a device spreads packets over its RX queues, as read back from its driver.
struct Spread {
    bool hashes = false;  // by key, types and table below; else all to queue 0, or the driver's way
    Side side = Side::source;          // what was asked for
    std::vector<std::uint8_t> key;     // what is there
    std::uint64_t types = 0;           // RTE_ETH_RSS_*
    std::vector<std::uint16_t> table;  // [low bits of the hash] -> queue; size: a power of two
};

struct Flow {
    std::array<std::uint8_t, 16> source{}, destination{};  // network order, IPv4 as ::ffff:a.b.c.d
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint8_t protocol = 0;  // as on the wire: 6, 17, or another without ports
};

// The hash types to ask for among those that a driver offers: those whose input is the header's
// addresses, alone or followed by the ports. Others hash what would reach into the pattern (SCTP's
// tag on i40e) or another address (the home address of the *_EX types).
std::uint64_t hash_types(std::uint64_t offered);

// `entries` of a redirection table for `queues` queues: entry e serves bucket e mod 64. A worker
// without a queue is served by another's.
std::vector<std::uint16_t> redirection_table(unsigned entries, unsigned workers, unsigned queues);

// Of a device with `queues` RX queues. nullopt: the driver spreads in a way of its own.
std::optional<unsigned> queue_of(const Spread& spread, unsigned queues, const Flow& flow);

// Main. Programs the running device for `workers` workers and reads back what it does. The error is
// what the driver refused; the device goes on with what it had, which device.spread says.
tl::expected<void, std::string> steer_by(Device& device, Side side, unsigned workers);

// "RSS by source, table of 128", "one queue", "spread by the driver".
std::string describe(const Device& device);

}  // namespace portcullis::nic
