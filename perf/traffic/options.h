// The command line, and the same keys from files (--scenario): `key = value`, one a line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "perf/traffic/ports.h"
#include "perf/traffic/scenario.h"
#include "perf/traffic/search.h"
#include "perf/traffic/trial.h"

namespace portcullis::traffic {

enum class Mode {
    run,      // a trial for each size
    search,   // the no-drop rate for each size
    latency,  // the no-drop rate, then a trial at a share of it, for each size
};

struct Options {
    EalSettings eal;
    std::string client_port, node_port;
    unsigned descriptors = 1024;
    unsigned rx_queues = 1;
    unsigned link_seconds = 15;
    Scenario scenario;
    Mode mode = Mode::run;
    std::vector<Sizes> sizes;
    TrialPlan trial;  // without its sizes
    SearchPlan search;
    double latency_share = 0.5;  // of the no-drop rate
    bool check_sessions = true;
    bool linger = false;  // stay connected and answer as a host until a signal comes
};

// Nothing: help was asked for and printed. Throws Failure with every mistake at once, a line each.
std::optional<Options> read_options(int argc, char** argv);

}  // namespace portcullis::traffic
