// How many undecided sessions and buffers each source has, in fixed memory: two arrays of counters under two
// keyed hashes, of which the lower one counts (a count-min sketch). Sources that meet in both are
// counted together; without the key nobody can look for such. An IPv6 source is a /64: whoever has
// one address of it has all.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "rules/policy/address.h"

namespace portcullis::inspect {

class SourceCounts {
  public:
    // Where a source is counted; what remove() takes.
    using Places = std::array<std::uint32_t, 2>;

    enum class Of : std::uint8_t { sessions, buffers };

    // False: not enough memory. `sources`: at a time, at most.
    bool create(std::uint32_t sources);
    Places places_of(const policy::IpAddress& source) const;
    std::uint32_t count(const Places& places, Of what = Of::sessions) const;
    void add(const Places& places, Of what = Of::sessions);
    void remove(const Places& places, Of what = Of::sessions);
    std::uint64_t memory_bytes() const {
        return 4 * sizeof(std::uint32_t) * (mask_ + std::uint64_t{1});
    }

  private:
    using Rows = std::array<std::unique_ptr<std::uint32_t[]>, 2>;
    const Rows& rows_of(Of what) const { return counters_[static_cast<unsigned>(what)]; }

    std::array<Rows, 2> counters_;
    std::uint64_t keys_[2][2] = {};
    std::uint32_t mask_ = 0;
};

}  // namespace portcullis::inspect
