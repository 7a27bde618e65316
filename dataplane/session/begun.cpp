#include "dataplane/session/begun.h"

#include <algorithm>
#include <utility>

namespace portcullis::dataplane {

std::optional<BegunConnections> BegunConnections::create(std::uint32_t sessions,
                                                         const KeyHash& hash) {
    const std::uint64_t bits =
        std::bit_ceil(std::max<std::uint64_t>(std::uint64_t{sessions} * kBitsASession, 64));
    auto words = HugeArray<std::uint64_t>::create(bits / 64);
    if (!words) return std::nullopt;
    BegunConnections begun(hash);
    begun.words_ = std::move(*words);
    begun.mask_ = bits - 1;
    return begun;
}

void BegunConnections::add(const FlowKey& responder) {
    every_bit(responder, [this](std::uint64_t bit) {
        words_[bit / 64] |= std::uint64_t{1} << bit % 64;
        return true;
    });
}

bool BegunConnections::may_have(const FlowKey& responder) const {
    return every_bit(responder,
                     [this](std::uint64_t bit) { return (words_[bit / 64] >> bit % 64 & 1) != 0; });
}

}  // namespace portcullis::dataplane
