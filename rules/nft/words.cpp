#include "rules/nft/words.h"

#include <algorithm>

namespace portcullis::nft {

using namespace policy;

namespace {
constexpr std::size_t kLongestComment = 127;  // of nft, without its terminating 0
}

std::string quoted(std::string_view text) {
    return '"' + std::string(text) + '"';
}

std::string comment(std::string_view text) {
    return " comment " + quoted(text.substr(0, kLongestComment));
}

std::string ip(Family family) {
    return family == Family::ipv4 ? "ip" : "ip6";
}

std::string suffix(Family family) {
    return family == Family::ipv4 ? "-v4" : "-v6";
}

std::string transport_of(Transport transport, Family family) {
    if (transport != Transport::icmp) return std::string(to_string(transport));
    return family == Family::ipv4 ? "icmp" : "icmpv6";
}

std::string ports_text(const PortRange& ports) {
    if (ports.first == ports.last) return std::to_string(ports.first);
    return std::to_string(ports.first) + "-" + std::to_string(ports.last);
}

std::string one_or_set(const std::vector<Prefix>& prefixes) {
    std::string text;
    std::size_t count = 0;
    for (const auto& prefix : prefixes) {
        const bool held = std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& other) {
            return other != prefix && other.contains(prefix);
        });
        if (held) continue;
        text += (count++ == 0 ? "" : ", ") + prefix.to_string();
    }
    return count == 1 ? text : "{ " + text + " }";
}

}  // namespace portcullis::nft
