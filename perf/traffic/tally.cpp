#include "perf/traffic/tally.h"

#include <algorithm>

namespace portcullis::traffic {

void Tally::start(std::uint64_t packets) {
    *this = Tally{};
    grow(packets);
}

// In large steps: this happens while packets are under way. Writing the words also brings their
// pages in.
void Tally::grow(std::uint64_t packets) {
    constexpr std::uint64_t kStep = std::uint64_t{1} << 26;
    bits_.resize((std::max(packets, bits_.size() * 64 + kStep) + 63) / 64, 0);
}

void Tally::open_window() {
    if (windows_.empty())
        windows_.reserve(1 << 16);
    else
        windows_.back().sent = next_ - windows_.back().first;
    windows_.push_back({.first = next_});
}

// Nearly all arrive in the order in which they were sent.
void Tally::note_in_window(std::uint32_t sequence, std::uint32_t latency) {
    while (arriving_ + 1 < windows_.size() && windows_[arriving_ + 1].first <= sequence)
        ++arriving_;
    while (arriving_ > 0 && windows_[arriving_].first > sequence) --arriving_;
    Window& window = windows_[arriving_];
    if (sequence < window.first) return;  // sent before the first window
    ++window.received;
    window.latency = std::max(window.latency, latency);
}

void Tally::finish() {
    if (!windows_.empty()) windows_.back().sent = next_ - windows_.back().first;
    arriving_ = 0;
    std::uint32_t run = 0;
    for (std::uint64_t s = measured_from_; s < next_;) {
        const std::uint64_t word = bits_[s / 64];
        if (run == 0 && s % 64 == 0 && word == ~std::uint64_t{0}) {
            s += 64;  // may pass the end: bits behind it are never set
            continue;
        }
        if ((word >> s % 64 & 1) != 0) {
            if (run != 0) on_lost_run(static_cast<std::uint32_t>(s) - run, run);
            run = 0;
        } else {
            ++run;
        }
        ++s;
    }
    if (run != 0) on_lost_run(next_ - run, run);
}

void Tally::on_lost_run(std::uint32_t first, std::uint32_t count) {
    lost_ += count;
    worst_burst_ = std::max(worst_burst_, count);
    if (windows_.empty()) return;
    while (arriving_ + 1 < windows_.size() && windows_[arriving_ + 1].first <= first) ++arriving_;
    Window& window = windows_[arriving_];
    if (first >= window.first) window.worst_burst = std::max(window.worst_burst, count);
}

}  // namespace portcullis::traffic
