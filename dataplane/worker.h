// One worker: a poll loop over its queues and rings, its own sessions, its own counters.
//
//     loop:  frames of each device's RX queue ─► pipeline ─┐
//            packets handed over by other workers ─► pipeline ─► TX queues
//            frames from main ──────────────────────────────┘
//            a slice of the session sweep, one command from main, quiescent state
//
// Everything here belongs to the worker's thread, but what the comments name otherwise.
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/active_policy.h"
#include "dataplane/clock.h"
#include "dataplane/counters.h"
#include "dataplane/neighbours.h"
#include "dataplane/session/sessions.h"
#include "dataplane/switchboard.h"
#include "rules/inspect/inspector.h"

namespace portcullis::dataplane {

inline constexpr std::uint16_t kNoQueue = 0xffff;

// A device as one worker sees it.
struct WorkerDevice {
    std::uint16_t device = 0;   // index in dataplane.conf's list, as RuntimePolicy::device_of()
    std::uint16_t port_id = 0;  // DPDK's
    std::uint16_t rx_queue = kNoQueue;  // kNoQueue: other workers poll this device
    std::uint16_t tx_queue = 0;         // this worker's own
    MacAddress mac{};
};

enum class Idle : std::uint8_t {
    spin,
    sleep,  // up to 50 us after some empty rounds
};

struct WorkerConfig {
    unsigned index = 0;
    std::vector<WorkerDevice> devices;  // devices[i].device == i
    rte_mempool* pool = nullptr;        // for ICMP errors and RSTs; private area kMbufPrivateBytes
    Sessions::Config sessions;          // worker and workers are filled in
    inspect::Limits inspection;
    Idle idle = Idle::spin;
    Clock clock;
    // Shared with others; they outlive the worker.
    const PolicySlot* slot = nullptr;      // written by the loader thread
    rte_rcu_qsbr* qsbr = nullptr;          // the worker registers as thread id `index`
    NeighbourTable* neighbours = nullptr;  // written by main
    Switchboard* switchboard = nullptr;
};

class Worker;

// Something main asks of a worker. Submitted by main, run by the worker between two bursts.
class WorkerCommand {
  public:
    virtual ~WorkerCommand() = default;
    // Does a bounded slice of the work (some ten microseconds); true when all is done. No
    // allocation.
    virtual bool run(Worker& worker) = 0;
    // Written by the worker, read by main: results may be read once it is true.
    bool done() const { return done_.load(std::memory_order_acquire); }

  private:
    friend class Worker;
    std::atomic<bool> done_{false};
};

class Worker {
  public:
    // Main, before the thread starts: every allocation happens here.
    static tl::expected<std::unique_ptr<Worker>, std::string> create(WorkerConfig config);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // The worker's thread. Returns after stop(), having finished the burst in hand.
    void run();
    // One round of the loop, and how many packets it moved; run() is this in a loop. Tests call it.
    unsigned poll();

    // Main's side, safe at any time.
    void stop();
    const Counters& counters() const;
    DenyRing& denies();
    // False if a command is still waiting: there is room for one. The command must live until
    // done().
    bool submit(WorkerCommand* command);

    // For commands, on the worker's thread.
    Sessions& sessions();
    Millis now() const;
    unsigned index() const;
    const ActivePolicy* active() const;  // null: none is loaded

    // What create() has taken, in bytes: sessions, ports and their tables; the inspector.
    std::uint64_t session_memory() const;
    std::uint64_t inspector_memory() const;

  private:
    struct Impl;
    explicit Worker(std::unique_ptr<Impl> impl);
    void run_command();
    std::unique_ptr<Impl> impl_;
};

}  // namespace portcullis::dataplane
