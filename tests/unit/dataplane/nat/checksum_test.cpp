// The folding of sums against the definition: carries around, one at a time (RFC 1071 section 1).
#include "dataplane/nat/checksum.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace portcullis::dataplane {
namespace {

std::uint16_t fold_slowly(std::uint64_t sum) {
    while (sum > 0xffff) sum = sum % 0x10000 + sum / 0x10000;
    return static_cast<std::uint16_t>(sum);
}

TEST(Checksum, FoldsAsTheDefinition) {
    constexpr std::array<std::uint64_t, 16> kEdges = {
        0,           1,           0xfffe,      0xffff,        0x10000,    0x1fffe,
        0xffffffff,  0x100000000, 0x1fffffffe, 0xffff0000,    0xffff0001, 0xffffffffffff,
        0xfffffffff, ~0ULL,       1ULL << 63,  ~0ULL - 0xffff};
    for (const std::uint64_t sum : kEdges) EXPECT_EQ(fold_checksum(sum), fold_slowly(sum)) << sum;
    std::mt19937_64 random(3);
    for (unsigned round = 0; round < 1'000'000; ++round) {
        const std::uint64_t sum = random() >> random() % 64;
        ASSERT_EQ(fold_checksum(sum), fold_slowly(sum)) << sum;
    }
}

// In ones' complement 0 has two forms, and a sum that is not 0 never folds to 0: a checksum that is
// found right by 0xffff depends on it.
TEST(Checksum, OnlyZeroFoldsToZero) {
    EXPECT_EQ(fold_checksum(0), 0);
    for (std::uint64_t multiple = 1; multiple < 200'000; ++multiple)
        ASSERT_EQ(fold_checksum(multiple * 0xffff), 0xffff) << multiple;
}

}  // namespace
}  // namespace portcullis::dataplane
