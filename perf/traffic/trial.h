// One trial: sends for a while as its plan says, counts what returns.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "perf/traffic/bench.h"
#include "perf/traffic/latency.h"
#include "perf/traffic/tally.h"

namespace portcullis::traffic {

// Frame sizes without FCS, sent in turn.
struct Sizes {
    std::string name;  // "64", "imix"
    std::vector<std::uint16_t> in_turn;
};

struct TrialPlan {
    bool out = true, back = true;  // directions
    unsigned fresh_percent = 0;   // of what clients send: packets that begin a session of their own
    unsigned denied_percent = 0;  // likewise: packets that no rule allows
    Sizes sizes;
    double rate = 0;            // packets a second, all directions together; 0: as fast as possible
    bool ramp = false;          // from 0 to `rate` in the course of the trial
    double warm_up = 2;         // seconds that do not count
    double seconds = 5;         // that do
    unsigned window_ms = 0;     // 0: no windows
    unsigned check_every = 64;  // of the packets that arrive, how many are checked byte by byte
};

struct TrialResult {
    double seconds = 0;  // measured
    // Within that time, both directions: handed to the device, and arrived.
    std::uint64_t sent = 0, received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t fresh_sent = 0, fresh_received = 0, denied_sent = 0;
    std::uint64_t checked = 0;
    // Of established sessions, since the time counted.
    std::uint64_t measured = 0;  // sent
    std::uint64_t lost = 0, doubled = 0;
    std::uint64_t unsent = 0;  // were due at `rate`, and the device had no room: as good as lost
    std::uint32_t worst_burst = 0;
    double device_full = 0;            // share of bursts that the device did not take whole
    std::uint64_t pauses = 0;          // times that this process did not run for kPause, and
    double longest_pause_seconds = 0;  // how long; what was due then is not sent
    Latency latency;                   // where `rate` is set
    std::array<std::vector<Window>, 2> windows;  // by Direction
    double window_seconds = 0;
    bool stopped = false;  // by a signal, before its time

    double loss() const {
        const auto due = static_cast<double>(measured + unsent);
        return due == 0 ? 0 : static_cast<double>(lost + unsent) / due;
    }
};

// Throws Failure where packets come back wrong, or none at all.
TrialResult run_trial(Bench& bench, const TrialPlan& plan);

// Time of the tag in seconds.
double seconds_of(std::uint32_t tag_time);

}  // namespace portcullis::traffic
