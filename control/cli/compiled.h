// From a topology file to a policy, and again for other feature sets.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <tl/expected.hpp>

#include "rules/policy/policy.h"
#include "rules/topology/load.h"

namespace portcullis::control::cli {

// Features to switch over what the topology says.
struct FeatureChange {
    std::vector<topology::Feature> with;
    std::vector<topology::Feature> without;
};
topology::FeatureSet changed(topology::FeatureSet features, const FeatureChange& change);
// From their names; the error names what is unknown, and what was probably meant.
tl::expected<FeatureChange, std::string> parse_feature_change(
    const std::vector<std::string>& with, const std::vector<std::string>& without);

// A loaded topology and its policies, one for each set of features that was asked for.
class PolicyCache {
  public:
    using Result = tl::expected<policy::Policy, topology::Diagnostics>;

    static tl::expected<PolicyCache, topology::Diagnostics> load(const std::string& file);
    PolicyCache(topology::Topology topology, std::string file);

    // Compiled at first use. An error is one of the features asked for (check_features()), or of
    // the compiler.
    const Result& get(const topology::FeatureSet& features);
    const Result& get() { return get(topology_.features); }
    const topology::Topology& topology() const { return topology_; }

  private:
    topology::Topology topology_;
    std::string file_;
    std::map<topology::FeatureSet, Result> policies_;
};

// The whole way for commands that ask for no other features.
tl::expected<policy::Policy, topology::Diagnostics> load_policy(const std::string& file);

// One a line, and a count behind them.
void print_diagnostics(const topology::Diagnostics& diagnostics, std::ostream& err);

}  // namespace portcullis::control::cli
