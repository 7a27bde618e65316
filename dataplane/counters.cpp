#include "dataplane/counters.h"

#include <algorithm>

namespace portcullis::dataplane {

std::uint64_t Counters::dropped() const {
    std::uint64_t sum = 0;
    for (const Counter& drop : drops) sum += drop.get();
    return sum;
}

std::vector<NamedCount> snapshot(const Counters& counters) {
    static constexpr std::array<std::string_view, kDropReasonCount> kDropNames = {
#define X(name, text, sentence) "drop." text,
        PORTCULLIS_DROP_REASONS(X)
#undef X
    };
    std::vector<NamedCount> all = {
#define X(member, text, sentence) {text, counters.member.get()},
        PORTCULLIS_COUNTERS(X)
#undef X
    };
    for (unsigned i = 0; i < kDropReasonCount; ++i)
        all.push_back({kDropNames[i], counters.drops[i].get()});
    return all;
}

RuleHits::RuleHits(std::size_t rules, unsigned workers)
    : rules_(rules),
      stride_((rules * sizeof(Counter) + 63) / 64 * 64 / sizeof(Counter)),
      workers_(workers),
      rows_(stride_ * workers) {}

std::uint64_t RuleHits::total(std::uint32_t rule) const {
    std::uint64_t sum = 0;
    if (rule < rules_)
        for (unsigned w = 0; w < workers_; ++w) sum += rows_[w * stride_ + rule].get();
    return sum;
}

ConformanceHits::Totals ConformanceHits::total(std::uint32_t service) const {
    Totals sum;
    for (unsigned w = 0; w < workers_; ++w) {
        const ConformanceCounts& row = counts_[w * services_ + service];
        sum.matched += row.matched.get();
        sum.refused += row.refused.get();
        sum.watched += row.watched.get();
        sum.undecided += row.undecided.get();
    }
    return sum;
}

void DenyRing::record(DenySample sample) {
    if (full()) return suppress();
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    sample.suppressed = suppressed_;
    suppressed_ = 0;
    samples_[head % kCapacity] = sample;
    head_.store(head + 1, std::memory_order_release);
}

std::size_t DenyRing::take(std::span<DenySample> out) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint32_t ready = head_.load(std::memory_order_acquire) - tail;
    const std::size_t taken = std::min<std::size_t>(ready, out.size());
    for (std::size_t i = 0; i < taken; ++i) out[i] = samples_[(tail + i) % kCapacity];
    tail_.store(tail + static_cast<std::uint32_t>(taken), std::memory_order_release);
    return taken;
}

}  // namespace portcullis::dataplane
