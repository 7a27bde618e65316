#include "rules/topology/keys.h"

#include "rules/topology/inspected_services.h"

namespace portcullis::topology {

Words feature_words() {
    return feature_map_keys().subspan(1);
}

Words feature_map_keys() {
    static const auto words = [] {
        std::vector<std::string_view> list{"defaults"};
        for (unsigned i = 0; i < kFeatureCount; ++i)
            list.push_back(to_string(static_cast<Feature>(i)));
        return list;
    }();
    return words;
}

Words service_setting_keys() {
    static const auto words = [] {
        std::vector<std::string_view> list;
        for (const auto& setting : keys::kNumberSettings) list.push_back(setting.key);
        list.push_back(keys::kProbeInterval);
        return list;
    }();
    return words;
}

Words class_words() {
    static const auto words = [] {
        std::vector<std::string_view> list;
        for (unsigned i = 0; i < policy::kProtocolClassCount; ++i)
            if (const auto protocol = static_cast<policy::ProtocolClass>(i);
                protocol != policy::ProtocolClass::custom)
                list.push_back(to_string(protocol));
        return list;
    }();
    return words;
}

std::vector<KeySet> all_key_sets() {
    return {
        {"", keys::kTopLevel},
        {"interface", keys::kInterface},
        {"route", keys::kRoute},
        {"networks", keys::kNetworks},
        {"feature-map", feature_map_keys()},
        {"edge", keys::kEdge},
        {"edge-vips", keys::kEdgeVips},
        {"edge-node", keys::kEdgeNode},
        {"reverse-proxy", keys::kReverseProxy},
        {"pool", keys::kPool},
        {"partners", keys::kPartners},
        {"service-settings", service_setting_keys()},
        {"conformance", keys::kConformance},
        {"inspected-services", inspected_service_words()},
        {"service-conformance", keys::kServiceConformance},
        {"custom-class", keys::kCustomClass},
        {"site-action", keys::kSiteAction},
        {"site-rule", keys::kSiteRule},
    };
}

}  // namespace portcullis::topology
