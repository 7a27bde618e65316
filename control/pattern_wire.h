// What a program and its pattern child tell each other (pattern_child.h): a name and patterns one
// way, a CustomResult the other. Both ends are the same file on disk, so numbers are in the order of
// the machine, and what does not decode is damage.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/signatures/compile.h"

namespace portcullis::control {

// Longer ones are refused: no request or answer comes near it.
inline constexpr std::size_t kMaxPatternMessage = std::size_t{4} << 20;

struct PatternRequest {
    std::string name;
    std::vector<std::string> patterns;
    friend bool operator==(const PatternRequest&, const PatternRequest&) = default;
};
std::string encode_request(std::string_view name, std::span<const std::string> patterns);
std::optional<PatternRequest> decode_request(std::string_view bytes);

std::string encode_answer(const signatures::CustomResult& result);
std::optional<signatures::CustomResult> decode_answer(std::string_view bytes);

}  // namespace portcullis::control
