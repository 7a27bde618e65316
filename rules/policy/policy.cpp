#include "rules/policy/policy.h"

#include <array>

namespace portcullis::policy {
namespace {

constexpr std::array<std::string_view, kZoneCount> kZoneNames = {
    "internet", "edge-external", "rp-external", "edge-internal", "rp-internal", "corporate",
};

}  // namespace

std::string_view to_string(Zone zone) {
    return kZoneNames.at(static_cast<unsigned>(zone));
}

std::optional<Zone> parse_zone(std::string_view text) {
    for (unsigned i = 0; i < kZoneCount; ++i)
        if (kZoneNames[i] == text) return static_cast<Zone>(i);
    return std::nullopt;
}

std::string_view to_string(Transport transport) {
    switch (transport) {
        case Transport::icmp:
            return "icmp";
        case Transport::tcp:
            return "tcp";
        case Transport::udp:
            return "udp";
    }
    return "unknown";
}

std::string_view to_string(NatKind kind) {
    switch (kind) {
        case NatKind::none:
            return "none";
        case NatKind::dnat:
            return "dnat";
        case NatKind::full:
            return "full";
        case NatKind::snat:
            return "snat";
    }
    return "unknown";
}

AddressClass classify(const Policy& policy, const IpAddress& address) {
    // Longest prefix first: the first that contains the address is its longest.
    for (const auto& entry : policy.addresses)
        if (entry.prefix.contains(address)) return entry;
    return {Prefix::all(address.family()), AddressKind::member, Zone::internet};
}

}  // namespace portcullis::policy
