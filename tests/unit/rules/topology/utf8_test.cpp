#include "rules/topology/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace portcullis::topology {
namespace {

// The code point that RFC 3629 decoding gives, the slow way: 0x110000 where there is none.
char32_t decode(const std::string& bytes) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    static constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const std::size_t size = bytes.size();
    char32_t value = at(0);
    if (size > 1) {
        const unsigned marker = 0xff00U >> size & 0xffU;
        const unsigned mask = 0xff00U >> (size + 1) & 0xffU;
        if ((at(0) & mask) != marker) return 0x110000;
        value = at(0) & ~mask & 0xffU;
    } else if (at(0) >= 0x80) {
        return 0x110000;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0x110000;
        value = value << 6 | (at(i) & 0x3fU);
    }
    if (value < kSmallest[size] || value > 0x10ffff) return 0x110000;
    if (value >= 0xd800 && value <= 0xdfff) return 0x110000;
    return value;
}

TEST(Utf8, AgreesWithASlowDecoderOnEveryTwoBytePrefix) {
    // Continuation bytes at their bounds after every pair of first bytes.
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            for (const unsigned c : {0x00U, 0x7fU, 0x80U, 0xbfU, 0xc0U}) {
                std::string text;
                for (const unsigned byte : {a, b, c, c}) text += static_cast<char>(byte);
                std::size_t expected = 0;
                for (std::size_t n = 1; n <= 4 && expected == 0; ++n)
                    if (decode(text.substr(0, n)) < 0x110000) expected = n;
                ASSERT_EQ(utf8_sequence(text), expected) << a << ' ' << b << ' ' << c;
            }
        }
    }
}

TEST(Utf8, CutOffSequencesAreNotWellFormed) {
    for (const std::string whole : {"\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80"}) {
        EXPECT_EQ(utf8_sequence(whole), whole.size());
        for (std::size_t n = 0; n < whole.size(); ++n)
            EXPECT_EQ(utf8_sequence(whole.substr(0, n)), 0U);
    }
}

}  // namespace
}  // namespace portcullis::topology
