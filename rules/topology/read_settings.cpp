// Sections `features`, `partners` and `service-settings`.
#include <algorithm>

#include "rules/topology/reading.h"

namespace portcullis::topology {
namespace {

// A list: exactly these features are on.
void read_feature_list(const Field& field, Reading& reading) {
    FeatureSet features;
    for (const auto& item : items_of(field, reading.errors)) {
        const auto word = read_word(item, feature_words(), reading.errors);
        if (!word) continue;
        const auto feature = static_cast<Feature>(*word);
        if (features.has(feature))
            reading.errors.add(
                item.node->where,
                field.path + ": " + std::string(to_string(feature)) + " is listed twice",
                "list each feature once");
        features.set(feature, true);
    }
    reading.topology.features = features;
}

// A map: the defaults (or nothing, with `defaults: off`), then what is named.
void read_feature_map(const Field& field, Reading& reading) {
    const MapReader map(field, feature_map_keys(), reading.errors);
    bool defaults = true;
    if (const auto value = map.get("defaults"))
        defaults = read_switch(*value, reading.errors).value_or(true);
    FeatureSet features = defaults ? FeatureSet::defaults() : FeatureSet{};
    for (unsigned i = 0; i < kFeatureCount; ++i) {
        const auto feature = static_cast<Feature>(i);
        if (const auto value = map.get(to_string(feature)))
            if (const auto on = read_switch(*value, reading.errors)) features.set(feature, *on);
    }
    reading.topology.features = features;
}

Partners read_partner_list(const Field& field, Reading& reading) {
    Partners partners;
    partners.declared = true;
    const auto& node = *field.node;
    if (node.kind == TreeNode::Kind::scalar &&
        std::find(keys::kOpen.begin(), keys::kOpen.end(), node.text) != keys::kOpen.end()) {
        partners.open = true;
        return partners;
    }
    const auto items = items_of(field, reading.errors);
    if (items.empty())
        reading.errors.add(field.where, field.path + ": the list is empty",
                           "list the partners' networks, or write open");
    for (const auto& item : items) {
        if (const auto prefix = read_prefix(item, reading.errors)) {
            reading.partners.push_back({*prefix, field.path, item.node->where});
            partners.prefixes.push_back(*prefix);
        }
    }
    std::sort(partners.prefixes.begin(), partners.prefixes.end());
    const auto same = std::unique(partners.prefixes.begin(), partners.prefixes.end());
    partners.prefixes.erase(same, partners.prefixes.end());
    return partners;
}

}  // namespace

void read_features(const Field& field, Reading& reading) {
    reading.topology.features_where = field.where;
    if (field.node->kind == TreeNode::Kind::map)
        read_feature_map(field, reading);
    else
        read_feature_list(field, reading);
}

void read_partners(const Field& field, Reading& reading) {
    const MapReader map(field, keys::kPartners, reading.errors);
    reading.topology.partners_where = field.where;
    if (const auto federated = map.get("federated"))
        reading.topology.federated = read_partner_list(*federated, reading);
    if (const auto xmpp = map.get("xmpp"))
        reading.topology.xmpp = read_partner_list(*xmpp, reading);
}

void read_service_settings(const Field& field, Reading& reading) {
    const MapReader map(field, service_setting_keys(), reading.errors);
    auto& topology = reading.topology;
    for (const auto& setting : keys::kNumberSettings) {
        const auto value = map.get(setting.key);
        const auto number =
            value ? read_number(*value, setting.least, setting.most, reading.errors) : std::nullopt;
        if (!number) continue;
        if (setting.idle != nullptr)
            topology.service_settings.*setting.idle = *number;
        else
            topology.settings.*setting.limit = *number;
    }
    if (const auto interval = map.get(keys::kProbeInterval))
        if (const auto value = read_milliseconds(*interval, 100, 3600000, reading.errors))
            topology.settings.probe_interval_ms = *value;
}

}  // namespace portcullis::topology
