// Putting sentences and names together. Internal to rules/compile/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::compile {

// Appending only: g++ 12 warns wrongly of operator+ with a literal in front.
template <typename... Parts>
std::string concat(const Parts&... parts) {
    std::string out;
    (out.append(std::string_view(parts)), ...);
    return out;
}

// "443", "50000-59999", "any"
inline std::string range_text(policy::PortRange ports) {
    if (ports.is_any()) return "any";
    auto first = std::to_string(ports.first);
    if (ports.first == ports.last) return first;
    return concat(first, "-", std::to_string(ports.last));
}

// "443/tcp"
inline std::string port_text(policy::PortRange ports, policy::Transport transport) {
    return concat(range_text(ports), "/", policy::to_string(transport));
}

// "a", "a and b", "a, b and c"
inline std::string enumerate(const std::vector<std::string_view>& parts) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) out.append(i + 1 == parts.size() ? " and " : ", ");
        out.append(parts[i]);
    }
    return out;
}

}  // namespace portcullis::compile
