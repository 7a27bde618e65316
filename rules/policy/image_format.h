// The layout that image_writer.cpp and image_reader.cpp share; image.h has the interface.
//
//   0  magic          8 bytes
//   8  version        u32
//   12 section count  u32
//   16 size           u64, of the whole image
//   24 digest         16 bytes, XXH3-128 with these 16 bytes zero
//   40 section table  one {id u32, records u32, offset u64, size u64} for each section
//
// Then the sections, in the order of Section, each at a multiple of 8 with zero bytes between. A
// section is its records one after another, unpadded, little-endian. A list is a u32 count and its
// elements; a string is {offset u32, length u32} into the last section, and strings are stored in
// the order of their use, none shared. So every byte of an image is read exactly once: a policy has
// one image only, and a hostile image can ask for no more memory than a small multiple of its size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace portcullis::policy::image_format {

inline constexpr std::array<char, 8> kMagic = {'P', 'C', 'L', 'I', 'M', 'A', 'G', 'E'};

enum class Section : std::uint32_t {
    general,  // one record: names and settings
    interfaces,
    routes,
    addresses,
    services,
    rules,
    conformance,
    databases,
    builtins,
    witnesses,
    strings,  // no records: bytes, UTF-8
};
inline constexpr std::uint32_t kSectionCount = 11;
inline constexpr std::array<std::string_view, kSectionCount> kSectionNames = {
    "general",     "interfaces", "routes",   "addresses", "services", "rules",
    "conformance", "databases",  "builtins", "witnesses", "strings",
};

inline constexpr std::size_t kDigestOffset = 24;
inline constexpr std::size_t kDigestBytes = 16;
inline constexpr std::size_t kTableOffset = 40;
inline constexpr std::size_t kTableEntryBytes = 24;
inline constexpr std::size_t kHeaderBytes = kTableOffset + kSectionCount * kTableEntryBytes;
inline constexpr std::size_t kAlignment = 8;

constexpr std::size_t aligned(std::size_t offset) {
    return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

// The fewest bytes of a record or list element: a count is believed only where as many fit.
inline constexpr std::size_t kAddressBytes = 16;
inline constexpr std::size_t kPrefixBytes = kAddressBytes + 1;
inline constexpr std::size_t kStringBytes = 8;
inline constexpr std::size_t kListBytes = 4;
inline constexpr std::size_t kGeneralBytes = 2 * kStringBytes + 1 + 9 * 4;
inline constexpr std::size_t kInterfaceAddressBytes = kAddressBytes + 1;
inline constexpr std::size_t kInterfaceBytes = 2 * kStringBytes + 5 + 2 * kListBytes;
inline constexpr std::size_t kRouteBytes = kPrefixBytes + kAddressBytes + 4;
inline constexpr std::size_t kAddressClassBytes = kPrefixBytes + 2;
inline constexpr std::size_t kNodeBytes = kStringBytes + kAddressBytes + 4;
inline constexpr std::size_t kServiceBytes = kStringBytes + kAddressBytes + 5 + 2 * kListBytes;
inline constexpr std::size_t kRuleBytes = 2 * kStringBytes + 9 + 8 + 12 + 3 * kListBytes;
inline constexpr std::size_t kConformanceBytes = kStringBytes + 3 + 4 + kListBytes + 1;
inline constexpr std::size_t kDatabaseBytes = kStringBytes + 1 + 4 + 1 + kListBytes;
inline constexpr std::size_t kBuiltinBytes = 2 * kStringBytes;
inline constexpr std::size_t kWitnessBytes = 4 + 1 + 2 * kAddressBytes + 4 + 1 + 4;

}  // namespace portcullis::policy::image_format
