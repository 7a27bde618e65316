// What main remembers beyond one policy: rule hits by id, verdicts on protocols by service, and the
// sampled denies nobody has fetched.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/active_policy.h"
#include "dataplane/clock.h"
#include "rules/peer/messages.h"

namespace portcullis::dataplane {

// Hits survive reloads: when a policy is replaced its counts are added to the totals of its rules'
// ids.
class RuleLedger {
  public:
    void retire(const ActivePolicy& policy);
    // One record a rule of the running policy.
    std::vector<peer::RuleRecord> list(const ActivePolicy& active) const;

  private:
    std::unordered_map<std::string, std::uint64_t> totals_;
};

// Likewise what became of the sessions that a service holds to a protocol, by the service's name.
class SignatureLedger {
  public:
    void retire(const ActivePolicy& policy);
    // One record a service of the running policy.
    std::vector<peer::SignatureRecord> list(const ActivePolicy& active) const;

  private:
    std::unordered_map<std::string, ConformanceHits::Totals> totals_;
};

class DenyLedger {
  public:
    static constexpr std::size_t kCapacity = 4096;

    // `unix_ms_at_zero`: wall clock of the data plane's millisecond 0. `limits`: the workers'.
    explicit DenyLedger(std::uint64_t unix_ms_at_zero, const inspect::Limits& limits = {})
        : unix_ms_at_zero_(unix_ms_at_zero), limits_(limits) {}

    // Keeps a sample; when nobody fetches them the oldest give way, and are counted in
    // `suppressed`.
    void add(const DenySample& sample);
    std::vector<peer::DenyRecord> take(const ActivePolicy* active);

  private:
    std::deque<DenySample> samples_;
    std::uint64_t unix_ms_at_zero_;
    inspect::Limits limits_;
};

}  // namespace portcullis::dataplane
