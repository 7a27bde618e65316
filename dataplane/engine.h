// Everything the poll path stands on: devices, packet buffers, rings, workers and their threads.
//
//     Engine::start(config) ─► devices up, a worker polls on each of its cores, no policy: all
//     dropped
//
// Main owns it and is the only caller.
#pragma once

#include <rte_rcu_qsbr.h>

#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/active_policy.h"
#include "dataplane/clock.h"
#include "dataplane/config.h"
#include "dataplane/neighbours.h"
#include "dataplane/policy/prepare.h"
#include "dataplane/switchboard.h"
#include "dataplane/worker.h"
#include "nic/device.h"

namespace portcullis::dataplane {

class Engine {
  public:
    // After nic::start_eal(). One sentence on failure.
    static tl::expected<std::unique_ptr<Engine>, std::string> start(const Config& config,
                                                                    std::uint64_t rendezvous_key);
    ~Engine();  // stops the workers if stop() did not
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // The workers finish their bursts and end; what is left in the rings is counted in `main`.
    void stop(Counters& main);

    const std::vector<nic::Device>& devices() const { return devices_; }
    std::vector<nic::Device>& devices() { return devices_; }
    const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
    const Clock& clock() const { return clock_; }
    NeighbourTable& neighbours() { return neighbours_; }
    Switchboard& switchboard() { return *switchboard_; }
    rte_mempool* main_pool() const { return main_pool_; }
    PolicySlot& slot() { return slot_; }
    rte_rcu_qsbr* qsbr() { return qsbr_.get(); }
    const PolicyTarget& policy_target() const { return target_; }
    std::uint64_t session_capacity() const;

  private:
    struct QsbrFree {
        void operator()(rte_rcu_qsbr* qsbr) const;
    };
    using Step = tl::expected<void, std::string>;

    Engine() = default;
    Step make_pools(const Config& config);
    Step open_devices(const Config& config);
    Step make_workers(const Config& config);
    Step launch();

    Clock clock_;
    NeighbourTable neighbours_;
    PolicySlot slot_{nullptr};
    PolicyTarget target_;
    std::vector<rte_mempool*> pools_;  // one a worker; they live as long as the process
    rte_mempool* main_pool_ = nullptr;
    std::vector<nic::Device> devices_;
    std::unique_ptr<rte_rcu_qsbr, QsbrFree> qsbr_;
    std::unique_ptr<Switchboard> switchboard_;
    std::vector<std::unique_ptr<Worker>> workers_;
    bool running_ = false;
};

}  // namespace portcullis::dataplane
