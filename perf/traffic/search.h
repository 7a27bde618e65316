// The no-drop rate: the highest rate at which no packet is lost, found as RFC 2544 section 26.1 does,
// by halving the interval between a rate that passes and one that does not.
#pragma once

#include "perf/traffic/trial.h"

namespace portcullis::traffic {

struct SearchPlan {
    double highest = 0;        // where to begin; 0: what a trial as fast as possible achieves
    double seconds = 0.5;      // of a trial
    double resolution = 0.01;  // of the interval that is left, relative to its upper end
    double tolerance = 0;      // share of packets that may be lost
    // A rate fails when it has failed so often. One is RFC 2544; on a virtual machine whose cores
    // are taken away now and then, two keeps the host's pauses from deciding.
    unsigned failures = 2;
};

struct SearchResult {
    double rate = 0;  // 0: even the lowest rate tried lost packets
    double loss = 0;  // share, at that rate
    unsigned trials = 0;
    bool stopped = false;
};

// `trial.rate` and its times are set here.
SearchResult find_no_drop_rate(Bench& bench, TrialPlan trial, const SearchPlan& plan);

}  // namespace portcullis::traffic
