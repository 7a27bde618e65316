#include "rules/topology/zone_map.h"

namespace portcullis::topology {

ZoneMap::ZoneMap(const Topology& topology) {
    for (const auto& interface : topology.interfaces)
        for (const auto& address : interface.addresses) add(address.network(), interface.zones);
    ZoneSet corporate;
    corporate.add(Zone::corporate);
    for (const auto& prefix : topology.corporate) add(prefix, corporate);
}

void ZoneMap::add(const Prefix& prefix, ZoneSet zones) {
    auto& all = networks_[prefix];
    all = ZoneSet::from_bits(static_cast<std::uint8_t>(all.bits() | zones.bits()));
    (prefix.family() == policy::Family::ipv4 ? lengths_v4_ : lengths_v6_).insert(prefix.length());
}

ZoneSet ZoneMap::zones_of(const Prefix& prefix) const {
    for (const auto length : prefix.family() == policy::Family::ipv4 ? lengths_v4_ : lengths_v6_) {
        if (length > prefix.length()) continue;
        const auto found = networks_.find(Prefix::make(prefix.address(), length));
        if (found != networks_.end()) return found->second;
    }
    ZoneSet internet;
    internet.add(Zone::internet);
    return internet;
}

std::string zone_names(ZoneSet zones) {
    std::string text;
    for (unsigned i = 0; i < policy::kZoneCount; ++i) {
        const auto zone = static_cast<Zone>(i);
        if (!zones.contains(zone)) continue;
        if (!text.empty()) text += " or ";
        text += policy::to_string(zone);
    }
    return text;
}

}  // namespace portcullis::topology
