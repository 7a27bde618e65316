// Numbers in network byte order. The caller has checked that they are there.
#pragma once

#include <cstdint>
#include <span>

namespace portcullis::inspect {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t be16(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
constexpr std::uint32_t be32(Bytes bytes, std::size_t at) {
    return std::uint32_t{be16(bytes, at)} << 16 | be16(bytes, at + 2);
}

}  // namespace portcullis::inspect
