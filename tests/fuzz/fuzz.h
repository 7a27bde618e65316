// A fuzz target: one function in one file, which is handed bytes and aborts if what they lead to is
// wrong. It is linked in two ways: with libFuzzer's main, which makes up bytes, and with replay.cpp,
// which takes them from files.
//
//     extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
//         fuzz::Input in(data, size);
//         ...
//         fuzz::require(holds, "what does not hold");
//         return 0;
//     }
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace portcullis::fuzz {

inline void require(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "fuzz: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

// Numbers and bytes out of an input, from its front; zeroes once it is used up. A target should take
// decisions first and bulk last, so that cutting an input keeps its meaning.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}
    explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    bool empty() const { return bytes_.empty(); }
    std::uint8_t u8() {
        if (bytes_.empty()) return 0;
        const auto value = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return value;
    }
    std::uint16_t u16() {
        const unsigned high = u8();
        return static_cast<std::uint16_t>(high << 8 | u8());
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16 | u16();
    }
    // 0 to end - 1, end up to 65536.
    std::size_t below(std::size_t end) { return end <= 1 ? 0 : (end <= 256 ? u8() : u16()) % end; }
    std::span<const std::uint8_t> take(std::size_t most) {
        const auto taken = bytes_.first(std::min(most, bytes_.size()));
        bytes_ = bytes_.subspan(taken.size());
        return taken;
    }
    std::span<const std::uint8_t> rest() { return take(bytes_.size()); }

  private:
    std::span<const std::uint8_t> bytes_;
};

inline std::string_view text_of(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace portcullis::fuzz
