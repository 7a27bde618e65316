// What a worker reads once per burst: the running policy and this policy's hit counters.
//
//     loader thread:  build ActivePolicy -> slot.store(release) -> wait until every worker has
//     reported a
//                     quiescent state (rte_rcu_qsbr) -> fold the old hits into the totals -> free
//                     the old
//     worker:         slot.load(acquire) -> one burst -> ... -> rte_rcu_qsbr_quiescent()
//
// nullptr means that no policy is loaded: everything is dropped.
#pragma once

#include <atomic>

#include "dataplane/counters.h"
#include "dataplane/policy/runtime_policy.h"

namespace portcullis::dataplane {

struct ActivePolicy {
    const RuntimePolicy* policy = nullptr;  // never null in a published ActivePolicy
    RuleHits* hits = nullptr;               // sized for policy->policy().rules, one row a worker
};

// Written by the loader, read by every worker and by main.
using PolicySlot = std::atomic<const ActivePolicy*>;

}  // namespace portcullis::dataplane
