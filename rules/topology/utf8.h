// Where UTF-8 text stops being UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace portcullis::topology {

// The length of the UTF-8 sequence at the start of `text` (1-4), 0 where it is not well-formed
// (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF) or `text` is empty.
std::size_t utf8_sequence(std::string_view text);

}  // namespace portcullis::topology
