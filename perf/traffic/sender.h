// Builds and sends the packets of one direction of a trial, in bursts. What the device does not take
// is kept and sent first the next time: nothing that was built is lost here.
#pragma once

#include <array>

#include "perf/traffic/trial.h"

namespace portcullis::traffic {

class Sender {
  public:
    Sender(Bench& bench, const TrialPlan& plan, Direction direction, std::uint8_t trial,
           Tally& tally)
        : bench_(bench),
          plan_(plan),
          direction_(direction),
          trial_(trial),
          mixed_(direction == Direction::out && plan.fresh_percent + plan.denied_percent != 0),
          tally_(tally) {}
    ~Sender() { rte_pktmbuf_free_bulk(built_.data() + first_, end_ - first_); }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    // At most kBurst of `due`. Returns how many the device took.
    unsigned send(unsigned due, std::uint32_t now);

    std::uint64_t sent() const { return sent_; }
    std::uint64_t fresh() const { return sent_of_[static_cast<unsigned>(Kind::fresh)]; }
    std::uint64_t denied() const { return sent_of_[static_cast<unsigned>(Kind::denied)]; }
    std::uint64_t bursts() const { return bursts_; }
    std::uint64_t cut_bursts() const { return cut_bursts_; }

  private:
    void build(unsigned count, std::uint32_t now);
    Kind next_kind();
    unsigned next_size();

    Bench& bench_;
    const TrialPlan& plan_;
    const Direction direction_;
    const std::uint8_t trial_;
    const bool mixed_;
    Tally& tally_;

    std::array<rte_mbuf*, kBurst> built_;
    std::array<Kind, kBurst> kind_;  // where mixed
    unsigned first_ = 0, end_ = 0;   // built_[first_, end_) waits for the device
    std::uint32_t sequence_ = 0;     // of the next established packet to build
    std::uint32_t flow_ = 0;         // sequence_ modulo flows
    std::uint32_t random_ = 0x9e3779b9;
    unsigned fresh_share_ = 0, denied_share_ = 0;  // hundredths that are owed
    unsigned size_ = 0;

    std::uint64_t sent_ = 0, bursts_ = 0, cut_bursts_ = 0;
    std::array<std::uint64_t, 4> sent_of_{};  // by Kind, where mixed
};

}  // namespace portcullis::traffic
