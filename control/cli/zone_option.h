// A zone's name from a command line or a batch file.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "control/cli/nearest.h"
#include "rules/policy/policy.h"

namespace portcullis::control::cli {

inline tl::expected<policy::Zone, std::string> parse_zone_option(const std::string& text) {
    if (const auto zone = policy::parse_zone(text)) return *zone;
    std::vector<std::string_view> names;
    for (unsigned i = 0; i < policy::kZoneCount; ++i)
        names.push_back(policy::to_string(static_cast<policy::Zone>(i)));
    auto message = "there is no zone '" + text + "'";
    if (const auto close = nearest(text, names))
        return tl::make_unexpected(message + "; did you mean '" + std::string(*close) + "'?");
    message += "; the zones are";
    for (std::size_t i = 0; i < names.size(); ++i)
        message += (i == 0 ? " " : ", ") + std::string(names[i]);
    return tl::make_unexpected(message);
}

}  // namespace portcullis::control::cli
