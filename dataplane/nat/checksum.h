// The Internet checksum: incremental updates (RFC 1624 equation 3) and whole sums (RFC 1071).
//
// All sums are over 16-bit words as they lie in memory: a ones' complement sum is the same in
// either byte order (RFC 1071 2 B), so nothing is swapped. Offsets must be even.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace portcullis::dataplane {

inline std::uint16_t load_word(const std::uint8_t* at) {
    std::uint16_t word;
    std::memcpy(&word, at, sizeof(word));
    return word;
}
inline void store_word(std::uint8_t* at, std::uint16_t word) {
    std::memcpy(at, &word, sizeof(word));
}

// With its halves swapped and added, a number has their sum in its upper half, carry included.
constexpr std::uint16_t fold_checksum(std::uint64_t sum) {
    sum += std::rotl(sum, 32);
    auto half = static_cast<std::uint32_t>(sum >> 32);
    half += std::rotl(half, 16);
    return static_cast<std::uint16_t>(half >> 16);
}

// What a checksum changes by when words under it change.
class ChecksumDelta {
  public:
    void add(std::uint16_t old_word, std::uint16_t new_word) {
        sum_ += static_cast<std::uint16_t>(~old_word);
        sum_ += new_word;
    }
    // `bytes` is even.
    void add(const std::uint8_t* old_bytes, const std::uint8_t* new_bytes, std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; i += 2)
            add(load_word(old_bytes + i), load_word(new_bytes + i));
    }
    // Sums of ~old and new words, added up already.
    void add_sum(std::uint64_t sum) { sum_ += sum; }
    std::uint16_t apply(std::uint16_t checksum) const {
        return static_cast<std::uint16_t>(
            ~fold_checksum(sum_ + static_cast<std::uint16_t>(~checksum)));
    }
    // UDP: 0 means "none" and stays; one that comes out as 0 is sent as 0xffff (RFC 768).
    std::uint16_t apply_udp(std::uint16_t checksum) const {
        if (checksum == 0) return 0;
        const std::uint16_t updated = apply(checksum);
        return updated == 0 ? 0xffff : updated;
    }

  private:
    std::uint64_t sum_ = 0;
};

// The sum of `bytes` bytes, an odd last one padded with zero, to add up and to end with
// finish_checksum().
inline std::uint64_t sum_bytes(const std::uint8_t* data, std::size_t bytes) {
    std::uint64_t sum = 0;
    std::size_t i = 0;
    for (; i + 1 < bytes; i += 2) sum += load_word(data + i);
    if (i < bytes) {
        const std::uint8_t last[2] = {data[i], 0};
        sum += load_word(last);
    }
    return sum;
}
inline std::uint16_t finish_checksum(std::uint64_t sum) {
    return static_cast<std::uint16_t>(~fold_checksum(sum));
}

}  // namespace portcullis::dataplane
