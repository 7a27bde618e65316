// Milliseconds since the data plane started, from the TSC: no system call, the same on every
// thread.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

#include "dataplane/session/session.h"

namespace portcullis::dataplane {

// Made once by main, after rte_eal_init() and before any thread starts; a copy for each thread.
class Clock {
  public:
    // `already` milliseconds are taken to have passed: tests use it.
    explicit Clock(Millis already = 0)
        : cycles_per_ms_(rte_get_tsc_hz() / 1000), start_(rte_rdtsc() - already * cycles_per_ms_) {}
    // Starts at 1, so that 0 can mean "never".
    Millis now() const { return 1 + (rte_rdtsc() - start_) / cycles_per_ms_; }

  private:
    std::uint64_t cycles_per_ms_;
    std::uint64_t start_;
};

}  // namespace portcullis::dataplane
