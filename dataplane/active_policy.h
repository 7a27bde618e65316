// What a worker reads once per burst: the running policy, and what comes and goes with it.
//
//     loader thread:  make() -> slot.store(release) -> wait until every worker has reported a
//                     quiescent state (rte_rcu_qsbr) -> main adds the old hits to its totals ->
//                     destroy the old
//     worker:         slot.load(acquire) -> one burst -> ... -> rte_rcu_qsbr_quiescent()
//
// nullptr means that no policy is loaded: everything is dropped.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/policy/runtime_policy.h"
#include "dataplane/session/sessions.h"
#include "rules/inspect/protocols.h"

namespace portcullis::dataplane {

struct ActivePolicy {
    // `sessions` as in every WorkerConfig. Fails where memory or Sessions::Config::port_pools does
    // not suffice for the policy's source ports, and where its signatures do not load.
    static tl::expected<std::unique_ptr<ActivePolicy>, std::string> make(
        std::unique_ptr<RuntimePolicy> policy, const Sessions::Config& sessions, unsigned workers);
    ~ActivePolicy();

    const std::unique_ptr<RuntimePolicy> policy;  // never null; main sets its nodes up and down
    RuleHits hits;                                // written by the workers, read by main
    ConformanceHits conformance;                  // likewise
    const inspect::Protocols protocols;
    std::vector<inspect::Scratch> scratch;  // one for each worker, which alone uses it
    // One for each worker, which takes it over when it first sees this policy; nobody else touches
    // it while the policy is published.
    std::vector<std::unique_ptr<PreparedPorts>> ports;

  private:
    ActivePolicy(std::unique_ptr<RuntimePolicy> runtime, inspect::Protocols inspected,
                 unsigned workers);
};

// The pools of source ports that a policy's full-NAT and SNAT services draw from.
std::vector<PortPoolSpec> port_pools(const policy::Policy& policy);

// Written by the loader, read by every worker and by main.
using PolicySlot = std::atomic<ActivePolicy*>;

}  // namespace portcullis::dataplane
