// The digest of an image. xxhash.h is read here and nowhere else in rules/.
#include "rules/policy/image.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/policy/image_format.h"

namespace portcullis::policy {

ImageHash compute_image_hash(std::span<const std::byte> bytes) {
    using namespace image_format;
    static constexpr std::array<std::byte, kDigestBytes> kZero{};
    const auto head = bytes.first(std::min(bytes.size(), kDigestOffset));
    const auto tail = bytes.subspan(std::min(bytes.size(), kDigestOffset + kDigestBytes));
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, head.data(), head.size());
    XXH3_128bits_update(&state, kZero.data(), kZero.size());
    XXH3_128bits_update(&state, tail.data(), tail.size());
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
    ImageHash hash{};
    std::copy(std::begin(canonical.digest), std::end(canonical.digest), hash.begin());
    return hash;
}

ImageHash image_hash(std::span<const std::byte> bytes) {
    ImageHash hash{};
    if (bytes.size() < image_format::kHeaderBytes) return hash;
    for (std::size_t i = 0; i < hash.size(); ++i)
        hash[i] = std::to_integer<std::uint8_t>(bytes[image_format::kDigestOffset + i]);
    return hash;
}

std::string to_string(const ImageHash& hash) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const auto byte : hash) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 0xf];
    }
    return text;
}

}  // namespace portcullis::policy
