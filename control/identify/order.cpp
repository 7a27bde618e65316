#include "control/identify/order.h"

#include <algorithm>
#include <utility>

namespace portcullis::control::identify {

namespace {

// Where a segment begins in the stream; negative in front of it.
std::int64_t offset_of(const Flow& flow, const FlowPacket& packet) {
    return static_cast<std::int32_t>(packet.sequence - flow.first_sequence);
}

class Sorter {
  public:
    Sorter(const Flow& flow, Order& order) : flow_(flow), order_(order) {}

    void take(std::size_t packet, std::uint64_t milliseconds) {
        const auto& segment = flow_.packets[packet];
        if (!segment.from_initiator || segment.payload.empty())
            return order_.steps.push_back({packet, milliseconds});
        if (offset_of(flow_, segment) > next()) {
            if (held_.size() < kMostHeld)
                held_.push_back(packet);
            else
                order_.gap = true;
            return;
        }
        append(packet, milliseconds);
        release(milliseconds);
    }
    void end() { order_.gap |= !held_.empty(); }

  private:
    std::int64_t next() const { return static_cast<std::int64_t>(order_.stream.size()); }

    void append(std::size_t packet, std::uint64_t milliseconds) {
        const auto& segment = flow_.packets[packet];
        order_.steps.push_back({packet, milliseconds});
        const auto known = next() - offset_of(flow_, segment);
        if (known < static_cast<std::int64_t>(segment.payload.size()))
            order_.stream.insert(order_.stream.end(), segment.payload.begin() + known,
                                 segment.payload.end());
    }
    // In the order of the stream; what came first, first.
    void release(std::uint64_t milliseconds) {
        for (;;) {
            const auto first =
                std::min_element(held_.begin(), held_.end(), [this](std::size_t a, std::size_t b) {
                    return offset_of(flow_, flow_.packets[a]) < offset_of(flow_, flow_.packets[b]);
                });
            if (first == held_.end() || offset_of(flow_, flow_.packets[*first]) > next()) return;
            const auto packet = *first;
            held_.erase(first);
            append(packet, milliseconds);
        }
    }

    const Flow& flow_;
    Order& order_;
    std::vector<std::size_t> held_;
};

// Which of a TCP flow's packets with a wrong checksum were delivered all the same: their sender leaves
// the sums of payload to its NIC, and does those of a SYN itself. The responder has acknowledged the
// bytes then, and nobody has sent them with a right sum.
class Unfinished {
  public:
    explicit Unfinished(const Flow& flow) : flow_(flow) {
        if (flow.transport != policy::Transport::tcp) return;
        for (const auto& packet : flow.packets) {
            if (packet.broken && flow.sums_right[packet.from_initiator ? 1 : 0]) continue;
            if (packet.from_initiator)
                mark(packet);
            else if (packet.has_ack)
                acked_ = std::max<std::int64_t>(
                    acked_, static_cast<std::int32_t>(packet.ack - flow.first_sequence));
        }
    }

    bool was_delivered(const FlowPacket& packet) const {
        if (!packet.from_initiator || packet.payload.empty()) return false;
        const auto [first, end] = range(packet);
        if (first < 0 || end > acked_) return false;
        const auto known = std::min<std::int64_t>(end, static_cast<std::int64_t>(right_.size()));
        return first >= known || std::find(right_.begin() + first, right_.begin() + known, true) ==
                                     right_.begin() + known;
    }

  private:
    static constexpr std::int64_t kFarthest = 1 << 20;  // far behind what anybody looks at

    std::pair<std::int64_t, std::int64_t> range(const FlowPacket& packet) const {
        const auto first = offset_of(flow_, packet);
        return {first, first + static_cast<std::int64_t>(packet.payload.size())};
    }
    void mark(const FlowPacket& packet) {
        auto [first, end] = range(packet);
        first = std::max<std::int64_t>(first, 0);
        if (first >= end || end > kFarthest) return;
        if (static_cast<std::int64_t>(right_.size()) < end)
            right_.resize(static_cast<std::size_t>(end));
        std::fill(right_.begin() + first, right_.begin() + end, true);
    }

    const Flow& flow_;
    std::int64_t acked_ = 0;
    std::vector<bool> right_;  // bytes of the initiator that came with a right sum
};

}  // namespace

Order order_of(const Flow& flow) {
    Order order;
    Sorter sorter(flow, order);
    const Unfinished unfinished(flow);
    for (std::size_t i = 0; i < flow.packets.size(); ++i) {
        const auto& packet = flow.packets[i];
        if (packet.broken && flow.sums_right[packet.from_initiator ? 1 : 0] &&
            !unfinished.was_delivered(packet)) {
            ++order.decoys;
            continue;
        }
        if (packet.truncated) order.truncated = true;
        if (flow.transport == policy::Transport::tcp) {
            sorter.take(i, packet.milliseconds);
        } else if (!packet.truncated) {
            // A datagram is judged whole or not at all.
            order.steps.push_back({i, packet.milliseconds});
        }
    }
    sorter.end();
    return order;
}

}  // namespace portcullis::control::identify
