#include "rules/policy/conformance.h"

#include <algorithm>
#include <array>

namespace portcullis::policy {

namespace {

constexpr std::array<std::string_view, kProtocolClassCount> kNames = {
    "none",    "sip-tls",  "psom-tls", "https",     "http",      "xmpp",         "dns-udp", "dns-tcp",
    "turn-udp", "turn-tcp", "media-udp", "media-tcp", "xmpp-gateway", "logging", "sba-https", "custom",
};

}  // namespace

std::string_view to_string(ProtocolClass protocol) {
    return kNames[static_cast<unsigned>(protocol)];
}

std::optional<ProtocolClass> parse_protocol_class(std::string_view text) {
    const auto found = std::ranges::find(kNames, text);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<ProtocolClass>(found - kNames.begin());
}

bool is_stream(ProtocolClass protocol) {
    return protocol != ProtocolClass::dns_udp && protocol != ProtocolClass::turn_udp &&
           protocol != ProtocolClass::media_udp;
}

std::string_view to_string(ConformanceMode mode) {
    switch (mode) {
        case ConformanceMode::off:
            return "off";
        case ConformanceMode::watch:
            return "watch";
        case ConformanceMode::enforce:
            return "enforce";
    }
    return "unknown";
}

std::string_view to_string(MissingName missing) {
    return missing == MissingName::allow ? "allow" : "refuse";
}

}  // namespace portcullis::policy
