#include "perf/traffic/sender.h"

#include <algorithm>

namespace portcullis::traffic {

unsigned Sender::send(unsigned due, std::uint32_t now) {
    if (first_ == end_) build(std::min(due, kBurst), now);
    const unsigned count = std::min(end_ - first_, due);
    if (count == 0) return 0;
    const unsigned taken = bench_.port(direction_ == Direction::out ? SideOf::client : SideOf::node)
                               .send(built_.data() + first_, count);
    ++bursts_;
    cut_bursts_ += taken < count;
    sent_ += taken;
    unsigned established = taken;
    if (mixed_) {
        established = 0;
        for (unsigned i = first_; i < first_ + taken; ++i) {
            ++sent_of_[static_cast<unsigned>(kind_[i])];
            established += kind_[i] == Kind::established;
        }
    }
    tally_.reserve(established);
    tally_.on_sent(established);
    first_ += taken;
    return taken;
}

void Sender::build(unsigned count, std::uint32_t now) {
    first_ = end_ = 0;
    if (count == 0 || rte_pktmbuf_alloc_bulk(bench_.pool(), built_.data(), count) != 0) return;
    end_ = count;
    const Flows& flows = bench_.flows();
    for (unsigned i = 0; i < count; ++i) {
        rte_mbuf& packet = *built_[i];
        auto* frame = rte_pktmbuf_mtod(&packet, std::uint8_t*);
        const unsigned size = next_size();
        packet.data_len = static_cast<std::uint16_t>(size);
        packet.pkt_len = size;
        const Kind kind = mixed_ ? next_kind() : Kind::established;
        kind_[i] = kind;
        if (kind == Kind::established) [[likely]] {
            const Tag tag{kind, trial_, sequence_++, now};
            if (direction_ == Direction::out)
                flows.write_out(frame, flow_, size, &tag);
            else
                flows.write_back(frame, flow_, size, &tag);
            if (++flow_ == flows.size()) flow_ = 0;
        } else if (kind == Kind::fresh) {
            const std::uint32_t number = bench_.next_fresh();
            flows.write_fresh(frame, number, size, {kind, trial_, number, now});
        } else {
            random_ ^= random_ << 13;  // Marsaglia, "Xorshift RNGs", 2003
            random_ ^= random_ >> 17;
            random_ ^= random_ << 5;
            flows.write_denied(frame, random_, size, {kind, trial_, 0, now});
        }
    }
}

Kind Sender::next_kind() {
    fresh_share_ += plan_.fresh_percent;
    denied_share_ += plan_.denied_percent;
    if (fresh_share_ >= 100) {
        fresh_share_ -= 100;
        return Kind::fresh;
    }
    if (denied_share_ >= 100) {
        denied_share_ -= 100;
        return Kind::denied;
    }
    return Kind::established;
}

unsigned Sender::next_size() {
    const std::vector<std::uint16_t>& sizes = plan_.sizes.in_turn;
    if (size_ >= sizes.size()) size_ = 0;
    return sizes[size_++];
}

}  // namespace portcullis::traffic
