// What can be said about an operator's pattern by reading it: part of check_custom() (compile.h).
//
// Read strictly, so that we and Hyperscan cannot take the same text for two patterns: no options,
// no quoting, no look-around, no brackets inside of classes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace portcullis::signatures {

struct TextFault {
    std::string message;  // to follow the pattern's name: "has no anchor ..."
    std::string hint;
};
std::optional<TextFault> find_text_fault(std::string_view pattern);

}  // namespace portcullis::signatures
