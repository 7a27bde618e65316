#include "control/cli/compiled.h"

#include <algorithm>
#include <ostream>

#include "control/cli/nearest.h"
#include "control/pattern_child.h"
#include "rules/compile/compile.h"

namespace portcullis::control::cli {
namespace {

using topology::Feature;

std::vector<std::string_view> feature_names() {
    std::vector<std::string_view> names;
    for (unsigned i = 0; i < topology::kFeatureCount; ++i)
        names.push_back(topology::to_string(static_cast<Feature>(i)));
    return names;
}

tl::expected<std::vector<Feature>, std::string> parse_features(
    const std::vector<std::string>& texts) {
    std::vector<Feature> features;
    for (const auto& text : texts) {
        const auto feature = topology::parse_feature(text);
        if (!feature) {
            auto message = "there is no feature '" + text + "'";
            if (const auto close = nearest(text, feature_names()))
                message += "; did you mean '" + std::string(*close) + "'?";
            return tl::make_unexpected(message);
        }
        features.push_back(*feature);
    }
    return features;
}

}  // namespace

tl::expected<FeatureChange, std::string> parse_feature_change(
    const std::vector<std::string>& with, const std::vector<std::string>& without) {
    auto on = parse_features(with);
    if (!on) return tl::make_unexpected(on.error());
    auto off = parse_features(without);
    if (!off) return tl::make_unexpected(off.error());
    for (const auto feature : *on)
        if (std::find(off->begin(), off->end(), feature) != off->end())
            return tl::make_unexpected("the feature '" + std::string(topology::to_string(feature)) +
                                       "' is asked for both with and without");
    return FeatureChange{std::move(*on), std::move(*off)};
}

topology::FeatureSet changed(topology::FeatureSet features, const FeatureChange& change) {
    for (const auto feature : change.with) features.set(feature, true);
    for (const auto feature : change.without) features.set(feature, false);
    return features;
}

tl::expected<PolicyCache, topology::Diagnostics> PolicyCache::load(const std::string& file) {
    auto topology = topology::load(file);
    if (!topology) return tl::make_unexpected(std::move(topology.error()));
    return PolicyCache(std::move(*topology), file);
}

PolicyCache::PolicyCache(topology::Topology topology, std::string file)
    : topology_(std::move(topology)), file_(std::move(file)) {}

const PolicyCache::Result& PolicyCache::get(const topology::FeatureSet& features) {
    const auto known = policies_.find(features);
    if (known != policies_.end()) return known->second;

    auto topology = topology_;
    topology.features = features;
    auto errors = topology::check_features(topology, file_);
    PatternChild patterns;
    auto result = errors.empty() ? compile::compile(topology, file_, &patterns)
                                 : Result(tl::make_unexpected(std::move(errors)));
    return policies_.emplace(features, std::move(result)).first->second;
}

tl::expected<policy::Policy, topology::Diagnostics> load_policy(const std::string& file) {
    auto cache = PolicyCache::load(file);
    if (!cache) return tl::make_unexpected(std::move(cache.error()));
    return cache->get();
}

void print_diagnostics(const topology::Diagnostics& diagnostics, std::ostream& err) {
    for (const auto& diagnostic : diagnostics) err << diagnostic.to_string() << '\n';
    err << diagnostics.size() << (diagnostics.size() == 1 ? " error\n" : " errors\n");
}

}  // namespace portcullis::control::cli
