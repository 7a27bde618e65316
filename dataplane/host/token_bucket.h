// A rate limit, in milliseconds: `per_second` tokens a second, a burst of one second's worth.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/session/session.h"

namespace portcullis::dataplane {

class TokenBucket {
  public:
    explicit TokenBucket(std::uint32_t per_second)
        : per_second_(per_second), tokens_(std::uint64_t{per_second} * 1000) {}

    bool take(Millis now) {
        if (now > last_) {
            // At most a second's worth is added, so the product cannot overflow.
            const Millis elapsed = std::min<Millis>(now - last_, 1000);
            tokens_ = std::min(tokens_ + elapsed * per_second_, std::uint64_t{per_second_} * 1000);
            last_ = now;
        }
        if (tokens_ < 1000) return false;
        tokens_ -= 1000;
        return true;
    }

  private:
    std::uint32_t per_second_;
    std::uint64_t tokens_;  // thousandths
    Millis last_ = 0;
};

}  // namespace portcullis::dataplane
