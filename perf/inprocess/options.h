// What one measurement is: read from the command line, printed again with the result.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::perf {

enum class Source : std::uint8_t {
    callback,  // net_null, and an RX callback that writes the headers: any number of flows
    pcap,      // net_pcap with infinite_rx: packets are copied from memory, at most 65536 flows
};

enum class Load : std::uint8_t {
    steady,       // packets of established sessions
    new_session,  // each packet is the first of its flow
    deny,         // packets that no rule allows, from addresses that differ each time
    mixed,        // steady, and one packet in ten the first of its flow
};

struct Options {
    Source source = Source::callback;
    Load load = Load::steady;
    policy::NatKind nat = policy::NatKind::full;
    policy::Family family = policy::Family::ipv4;
    policy::Transport transport = policy::Transport::udp;
    std::uint32_t sessions = 65536;
    std::vector<unsigned> sizes{64};  // of frames, without FCS; several: IMIX, 7:4:1
    unsigned rules = 64;
    unsigned workers = 1;
    bool scattered = false;  // several workers: packets arrive at any of them, not at their owner
    unsigned rounds = 5;
    unsigned chunks = 2048;  // a round's figure is the median of so many chunks
    unsigned polls = 16;     // in a chunk
    std::vector<unsigned> cores{1};
    unsigned main_core = 0;
    bool huge = true;
    bool floor = true;  // measured before each round of the worker
    unsigned memory_mib = 512;
    std::string pcap_directory = "/tmp";
};

// The error is a sentence for people. Empty options with `help` printed: nullopt-like empty error.
tl::expected<Options, std::string> read_options(int argc, char** argv);

}  // namespace portcullis::perf
