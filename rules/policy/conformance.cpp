#include "rules/policy/conformance.h"

#include <algorithm>
#include <array>

namespace portcullis::policy {

namespace {

constexpr std::array<std::string_view, kProtocolClassCount> kNames = {
    "none",         "sip-tls", "psom-tls",  "https",    "http",      "xmpp",
    "dns-udp",      "dns-tcp", "turn-udp",  "turn-tcp", "media-udp", "media-tcp",
    "xmpp-gateway", "logging", "sba-https", "custom",
};

constexpr std::size_t kLongestName = 253;  // RFC 1035 2.3.4, without the final dot
constexpr std::size_t kLongestLabel = 63;

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > kLongestLabel) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    return std::ranges::all_of(label, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

bool is_number(std::string_view label) {
    return std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

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

bool may_be_enforced(ProtocolClass protocol) {
    switch (protocol) {
        case ProtocolClass::none:
        case ProtocolClass::xmpp_gateway:
        case ProtocolClass::logging:
        case ProtocolClass::sba_https:
            return false;
        default:
            return true;
    }
}

bool carries_server_name(ProtocolClass protocol) {
    return protocol == ProtocolClass::sip_tls || protocol == ProtocolClass::psom_tls ||
           protocol == ProtocolClass::https;
}

bool is_published_name(std::string_view text) {
    if (text.size() > kLongestName) return false;
    if (text.starts_with("*.")) text.remove_prefix(2);
    std::string_view label;
    do {
        const auto dot = text.find('.');
        label = text.substr(0, dot);
        if (!is_label(label)) return false;
        text = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
        if (dot != std::string_view::npos && text.empty()) return false;
    } while (!text.empty());
    return !is_number(label);  // else it reads as an address
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
