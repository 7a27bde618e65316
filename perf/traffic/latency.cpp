#include "perf/traffic/latency.h"

#include <algorithm>
#include <cmath>

namespace portcullis::traffic {

std::uint32_t Latency::percentile(double share) const {
    if (total_ == 0) return 0;
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_))));
    std::uint64_t seen = 0;
    for (unsigned b = 0; b < counts_.size(); ++b) {
        seen += counts_[b];
        if (seen >= wanted) return std::min(end_of(b), max_);
    }
    return max_;
}

}  // namespace portcullis::traffic
