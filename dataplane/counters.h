// What is counted, by whom, and how it adds up.
//
// Every thread that moves packets (each worker, and main) owns one Counters. Packets never vanish;
// for each thread
//
//   rx + originated + handed_in + from_main + from_workers
//       = tx + drops + consumed + handed_out + punted + to_workers + waiting
//
// (`waiting` is main's: packets queued for ARP or ND; between two bursts a worker holds nothing),
// and in total
//
//   rx + originated = tx + drops + consumed + in flight
//
// where in flight = waiting + what is inside the rings: the sums of handed_out - handed_in,
// punted - from_workers and to_workers - from_main. tests/eal/worker_test.cpp asserts both.
//
// A Counter is written by its owner only and read by main at any time: relaxed, no locked
// instruction.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/session/session.h"
#include "rules/inspect/violation.h"

namespace portcullis::dataplane {

class Counter {
  public:
    // The owner's thread only.
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void take(std::uint64_t n = 1) { add(~n + 1); }  // of a gauge
    void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
    // Any thread.
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// X(member, counter name, sentence for people)
// clang-format off
#define PORTCULLIS_COUNTERS(X)                                                                        \
    X(rx,               "rx",               "frames received from devices")                           \
    X(originated,       "originated",       "packets made here: ICMP errors, RSTs, ARP, ND, probes")  \
    X(tx,               "tx",               "frames handed to devices")                               \
    X(consumed,         "consumed",         "packets that ended here as they should: ARP, ND, probe answers") \
    X(handed_out,       "handed-out",       "packets given to the worker that owns them")             \
    X(handed_in,        "handed-in",        "packets taken from other workers")                       \
    X(punted,           "punted",           "packets given to the main thread")                       \
    X(from_main,        "from-main",        "packets taken from the main thread for sending")         \
    X(from_workers,     "from-workers",     "main: packets taken from workers")                       \
    X(to_workers,       "to-workers",       "main: packets given to workers for sending")             \
    X(waiting,          "waiting",          "main, gauge: packets that wait for ARP or ND")           \
    X(sessions_started, "sessions-started", "sessions that began")                                    \
    X(sessions,         "sessions",         "gauge: live sessions")                                   \
    X(embryonic,        "embryonic",        "gauge: half-open TCP sessions")                          \
    X(inspector_records, "inspector-records", "gauge: undecided sessions whose first bytes are kept") \
    X(readmitted,       "readmitted",       "sessions that passed into a new generation")             \
    X(rate_limited,     "rate-limited",     "ICMP errors and RSTs not made because of the rate limit")\
    X(loops,            "loops",            "rounds of the poll loop")                                \
    X(idle_loops,       "idle-loops",       "rounds that found no packet")
// clang-format on

struct alignas(64) Counters {
#define X(member, text, sentence) Counter member;
    PORTCULLIS_COUNTERS(X)
#undef X
    std::array<Counter, kDropReasonCount> drops;
    // A worker's: `rx` by device, each by the one queue of it that this worker reads.
    std::array<Counter, kMaxDevices> device_rx;

    void drop(DropReason reason, std::uint64_t n = 1) {
        drops[static_cast<unsigned>(reason)].add(n);
    }
    std::uint64_t dropped(DropReason reason) const {
        return drops[static_cast<unsigned>(reason)].get();
    }
    std::uint64_t dropped() const;  // all reasons
};

struct NamedCount {
    std::string_view name;  // "rx", "drop.no-rule"
    std::uint64_t value = 0;
};
// Every counter and every drop reason, in the order of the lists.
std::vector<NamedCount> snapshot(const Counters& counters);

// How often each rule of one policy has decided: sessions started, or packets denied. Built with
// its policy, one row for each worker; a row is written by its worker and read by main. When the
// policy is replaced main adds the sums to its totals by rule id, so counts survive reloads.
class RuleHits {
  public:
    RuleHits(std::size_t rules, unsigned workers);
    void hit(unsigned worker, std::uint32_t rule) {
        if (rule < rules_) rows_[worker * stride_ + rule].add();
    }
    std::uint64_t total(std::uint32_t rule) const;
    std::size_t rules() const { return rules_; }
    unsigned workers() const { return workers_; }

  private:
    std::size_t rules_;
    std::size_t stride_;  // whole cache lines
    unsigned workers_;
    std::vector<Counter> rows_;
};

// What became of the sessions of each conformance service of one policy, by the index in
// Policy::conformance; otherwise as RuleHits.
struct alignas(64) ConformanceCounts {
    Counter matched;    // sessions whose protocol was recognised
    Counter refused;    // sessions ended because it was another
    Counter watched;    // sessions that would have been ended, and went on
    Counter undecided;  // gauge: sessions whose first bytes are looked at
};
class ConformanceHits {
  public:
    struct Totals {
        std::uint64_t matched = 0, refused = 0, watched = 0, undecided = 0;
    };
    ConformanceHits(std::size_t services, unsigned workers)
        : services_(services), workers_(workers), counts_(services * workers) {}
    ConformanceCounts& of(unsigned worker, std::uint32_t service) {
        return counts_[worker * services_ + service];
    }
    Totals total(std::uint32_t service) const;

  private:
    std::size_t services_;
    unsigned workers_;
    std::vector<ConformanceCounts> counts_;
};

// One denied first packet, or one session that does not speak its protocol (reason
// not_conformant), sampled for the deny log.
struct DenySample {
    FlowKey key;  // as it arrived, `interface` a wire id
    Millis when = 0;
    std::uint32_t generation = 0;  // whose rule `rule` is
    std::uint32_t rule = policy::kNoRule;
    std::uint32_t suppressed = 0;  // denies not recorded since the sample before
    DropReason reason = DropReason::no_rule;
    // not_conformant:
    inspect::Violation violation = inspect::Violation::wrong_protocol;
    bool passed = false;  // only watched
    std::uint8_t first_count = 0;
    std::array<std::uint8_t, 32> first_bytes{};  // what the initiator has sent first
};

// A bounded queue of samples: written by one worker, read by main. When it is full the sample is
// only counted, so a flood costs a worker one comparison.
class DenyRing {
  public:
    static constexpr std::uint32_t kCapacity = 256;
    // The worker. While it is full samples are not worth making: suppress() counts them.
    bool full() const {
        return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire) ==
               kCapacity;
    }
    void suppress() { ++suppressed_; }
    void record(DenySample sample);
    std::size_t take(std::span<DenySample> out);  // main

  private:
    alignas(64) std::atomic<std::uint32_t> head_{0};  // written by the worker
    std::uint32_t suppressed_ = 0;                    // the worker's own
    alignas(64) std::atomic<std::uint32_t> tail_{0};  // written by main
    alignas(64) std::array<DenySample, kCapacity> samples_{};
};

}  // namespace portcullis::dataplane
