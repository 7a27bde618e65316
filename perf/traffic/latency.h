// Latencies, counted in buckets whose width is at most 1/32 of their value: a percentile is right to
// about 3 %.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace portcullis::traffic {

class Latency {
  public:
    // `time` in units of the tag (tag.h).
    void add(std::uint32_t time) {
        ++counts_[bucket(time)];
        ++total_;
        if (time > max_) max_ = time;
    }
    std::uint64_t total() const { return total_; }
    std::uint32_t max() const { return max_; }
    // The time that a share of all (0-1) did not exceed: the end of its bucket. 0 without any.
    std::uint32_t percentile(double share) const;

  private:
    static constexpr unsigned kFine = 32;  // buckets for each power of two
    static constexpr unsigned bucket(std::uint32_t time) {
        if (time < kFine) return time;
        const unsigned power = static_cast<unsigned>(std::bit_width(time)) - 6;
        return kFine * power + (time >> power);
    }
    static constexpr std::uint32_t end_of(unsigned bucket) {
        if (bucket < 2 * kFine) return bucket;
        const unsigned power = bucket / kFine - 1;
        return static_cast<std::uint32_t>(((std::uint64_t{bucket} - kFine * power + 1) << power) -
                                          1);
    }

    std::array<std::uint64_t, kFine * 28> counts_{};
    std::uint64_t total_ = 0;
    std::uint32_t max_ = 0;
};

}  // namespace portcullis::traffic
