// What every micro-benchmark uses: TSC cycles of the part that counts, and nothing of what prepares
// it.
//
//     void bench_parse(benchmark::State& state) {
//         Meter meter(state, "packet");
//         while (meter.keep_running()) {
//             ...prepare a burst...
//             meter.time(kBurstSize, [&] { parse(burst, context); });
//         }
//     }
//     BENCHMARK(bench_parse)->Name("parse/udp")->UseManualTime();
//
// Google Benchmark's own clock is too slow to be stopped and started around one burst, so the times
// it reports are the meter's (UseManualTime). The counter "cycles/packet" is the median of the
// bursts: one in which another process had the core says nothing.
#pragma once

#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace portcullis::perf {

class Meter {
  public:
    // `unit` names what is counted: the counter is "cycles/<unit>".
    Meter(benchmark::State& state, std::string unit) : state_(state), unit_(std::move(unit)) {}
    ~Meter() {
        if (samples_.empty()) return;
        const auto middle = samples_.begin() + static_cast<std::ptrdiff_t>(samples_.size() / 2);
        std::nth_element(samples_.begin(), middle, samples_.end());
        state_.counters["cycles/" + unit_] = *middle;
    }
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;

    bool keep_running() {
        if (started_) state_.SetIterationTime(seconds());
        started_ = true;
        of_iteration_ = 0;
        return state_.KeepRunning();
    }

    // Any number of times in an iteration: `run` handled `units` of them.
    template <class Run>
    void time(std::uint64_t units, Run&& run) {
        const std::uint64_t begin = rte_rdtsc_precise();
        run();
        const std::uint64_t took = rte_rdtsc_precise() - begin;
        of_iteration_ += took;
        const double sample = static_cast<double>(took) / static_cast<double>(units);
        if (samples_.size() < kMostSamples)
            samples_.push_back(sample);
        else
            samples_[next_++ % kMostSamples] = sample;
    }

  private:
    static constexpr std::size_t kMostSamples = 1 << 16;
    double seconds() const {
        return static_cast<double>(of_iteration_) / static_cast<double>(rte_get_tsc_hz());
    }
    benchmark::State& state_;
    const std::string unit_;
    bool started_ = false;
    std::uint64_t of_iteration_ = 0;
    std::vector<double> samples_;  // cycles a unit
    std::size_t next_ = 0;         // where the next sample goes, once there are enough
};

// What is made once for each `key` and kept: Google Benchmark calls a benchmark several times, and
// again for each repetition, and a million sessions take longer to make than to look up. Never
// destroyed: when statics are, DPDK is gone.
template <class T, class Key, class Make>
T& kept(const Key& key, Make&& make) {
    static auto& all = *new std::map<Key, std::unique_ptr<T>>;
    std::unique_ptr<T>& one = all[key];
    if (!one) one = make();
    return *one;
}

// Names of rte_acl contexts carry the generation: two policies that live at once must differ in it.
inline std::uint32_t next_generation() {
    static std::uint32_t generation = 0;
    return ++generation;
}

// A benchmark cannot go on without what it has asked for.
template <class T, class Error>
T must(tl::expected<T, Error> value) {
    if (value) return std::move(*value);
    if constexpr (std::is_convertible_v<Error, std::string_view>)
        std::cerr << value.error() << '\n';
    else
        std::cerr << "it was refused\n";
    std::exit(EXIT_FAILURE);
}

inline void must(bool right, std::string_view what) {
    if (right) return;
    std::cerr << what << '\n';
    std::exit(EXIT_FAILURE);
}

}  // namespace portcullis::perf
