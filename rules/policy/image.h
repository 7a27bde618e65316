// The policy image: a Policy as one flat, versioned, pointer-free, checksummed block of bytes.
//
// Little-endian, 8-byte aligned sections behind a header with a section table; strings live in one
// string section and are referred to by (offset, length). The same Policy always gives the same
// bytes. read_image() trusts nothing: magic, version, size, digest, every offset, count, enum
// value, index and string is checked before use, and an error says which section and what was
// wrong.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::policy {

inline constexpr std::uint32_t kImageVersion = 2;
inline constexpr std::size_t kMaxImageBytes = std::size_t{64} << 20;

// XXH3-128 of the image with the digest field zeroed. It names a policy ("which one runs?") and
// finds accidents; it is no protection against malice, which is what sealed memfds and the socket's
// permissions are for.
using ImageHash = std::array<std::uint8_t, 16>;
std::string to_string(const ImageHash& hash);  // 32 hex digits

struct ImageError {
    std::string message;
};

std::vector<std::byte> write_image(const Policy& policy);
tl::expected<Policy, ImageError> read_image(std::span<const std::byte> bytes);
// The digest in the header; the caller has had the image read by read_image() or write_image().
ImageHash image_hash(std::span<const std::byte> bytes);
// The digest that the header of these bytes should have.
ImageHash compute_image_hash(std::span<const std::byte> bytes);

}  // namespace portcullis::policy
