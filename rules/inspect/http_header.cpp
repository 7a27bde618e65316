#include "rules/inspect/http_header.h"

#include <algorithm>
#include <string_view>

namespace portcullis::inspect {

namespace {

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

bool starts_with(std::string_view text, std::string_view small_letters) {
    return text.size() >= small_letters.size() &&
           std::equal(small_letters.begin(), small_letters.end(), text.begin(),
                      [](char expected, char letter) { return expected == lower(letter); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// A path, a URL, or the star of OPTIONS. (CONNECT has no pattern.)
bool is_target(std::string_view method, std::string_view target) {
    return target.starts_with('/') || starts_with(target, "http://") ||
           starts_with(target, "https://") || (method == "OPTIONS" && target.starts_with("* "));
}

// Each protocol of the list is HTTP or TLS again.
bool stays_http(std::string_view protocols) {
    while (!protocols.empty()) {
        const std::size_t comma = std::min(protocols.find(','), protocols.size());
        const std::string_view protocol = trimmed(protocols.substr(0, comma));
        if (!protocol.empty() && !starts_with(protocol, "h2c") && !starts_with(protocol, "tls/") &&
            !starts_with(protocol, "http/"))
            return false;
        protocols.remove_prefix(std::min(comma + 1, protocols.size()));
    }
    return true;
}

bool asks_for_a_tunnel(std::string_view field) {
    constexpr std::string_view kUpgrade = "upgrade";
    if (!starts_with(field, kUpgrade)) return false;
    field = trimmed(field.substr(kUpgrade.size()));
    return field.starts_with(':') && !stays_http(field.substr(1));
}

}  // namespace

Judgement judge_http_header(Bytes stream, std::uint32_t line) {
    const std::string_view all(reinterpret_cast<const char*>(stream.data()), stream.size());
    std::string_view request = all.substr(0, line);
    while (request.starts_with("\r\n")) request.remove_prefix(2);  // the pattern counts them
    const std::size_t space = std::min(request.find(' '), request.size() - 1);
    if (!is_target(request.substr(0, space), request.substr(space + 1)))
        return Judgement::violation(Violation::wrong_protocol);
    for (std::size_t at = line;;) {
        const std::size_t end = all.find('\n', at);
        if (end == std::string_view::npos)
            return Judgement::viable(static_cast<std::uint32_t>(all.size() + 1));
        std::string_view field = all.substr(at, end - at);
        if (field.ends_with('\r')) field.remove_suffix(1);
        at = end + 1;
        if (field.empty()) return Judgement::match(static_cast<std::uint32_t>(at));
        if (asks_for_a_tunnel(field)) return Judgement::violation(Violation::wrong_protocol);
    }
}

}  // namespace portcullis::inspect
