#include "rules/topology/features.h"

#include <array>
#include <cstddef>

namespace portcullis::topology {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, kFeatureCount> kNames = {
    "federation",
    "hosted-exchange",
    "xmpp",
    "ocs2007-federation",
    "ocs2007r2-federation",
    "lync2010-federation",
    "lync2013-federation",
    "wlm",
    "multi-edge-pool",
    "cls-logging",
    "mobility-http",
    "rp-http-redirect",
    "web-conferencing",
    "director",
    "mobility",
    "dial-in",
    "mediation",
    "persistent-chat",
    "office-web-apps",
    "call-park",
    "response-group",
    "e911",
    "cac",
    "rcc",
};

}  // namespace

FeatureSet FeatureSet::defaults() {
    FeatureSet features;
    for (unsigned i = 0; i < kFeatureCount; ++i) features.set(static_cast<Feature>(i), true);
    for (const Feature off :
         {Feature::xmpp, Feature::ocs2007_federation, Feature::wlm, Feature::rcc})
        features.set(off, false);
    return features;
}

std::string_view to_string(Feature feature) {
    return kNames[static_cast<std::size_t>(feature)];
}

std::optional<Feature> parse_feature(std::string_view text) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == text) return static_cast<Feature>(i);
    return std::nullopt;
}

}  // namespace portcullis::topology
