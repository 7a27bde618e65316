#include "perf/traffic/sessions.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "perf/traffic/failure.h"
#include "perf/traffic/stop.h"

namespace portcullis::traffic {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr unsigned kSweeps = 20;
constexpr unsigned kUnderWay = 128;  // packets without an answer yet, less than any ring holds
constexpr milliseconds kSilence{3000};
constexpr milliseconds kPatience{20};        // until packets under way count as lost
constexpr std::uint8_t kAskingTrial = 0xff;  // no trial has this number

// Goes over the flows that are not done, again and again, never with more packets under way than
// the smallest ring on their way holds. Ends early where nothing has been answered for kSilence.
template <class Done, class Send, class Poll>
void sweep(std::uint32_t flows, Done&& done, Send&& send, Poll&& poll) {
    std::uint32_t finished = 0;
    auto heard = steady_clock::now();
    for (unsigned s = 0; s < kSweeps && finished < flows; ++s) {
        std::uint32_t under_way = 0;
        const auto wait_for = [&](std::uint32_t limit) {
            auto until = steady_clock::now() + kPatience;
            while (under_way > limit && steady_clock::now() < until) {
                const unsigned answers = poll();
                if (answers == 0) continue;
                under_way -= std::min(under_way, answers);
                finished += answers;
                heard = steady_clock::now();
                until = heard + kPatience;
            }
            under_way = std::min(under_way, limit);
        };
        for (std::uint32_t flow = 0; flow < flows; ++flow) {
            if (stop_wanted()) throw Stopped();
            if (done(flow)) continue;
            // One at first: a next hop that must be asked for by ARP holds few packets back.
            if (send(flow)) ++under_way;
            wait_for(flow == 0 ? 0 : kUnderWay);
            if (steady_clock::now() - heard > kSilence) return;
        }
        wait_for(0);
    }
}

class Opening {
  public:
    explicit Opening(Bench& bench)
        : bench_(bench), flows_(bench.flows()), tcp_(flows_.layout().protocol == Protocol::tcp) {}

    void run() {
        sweep(
            flows_.size(), [&](std::uint32_t f) { return flows_.state(f) == FlowState::open; },
            [&](std::uint32_t f) { return knock(f); },
            [&] {
                const std::uint32_t before = flows_.open();
                poll(SideOf::node);
                poll(SideOf::client);
                return flows_.open() - before;
            });
        bench_.throw_if_wrong();
        if (flows_.open() == flows_.size()) return;
        std::uint32_t first = 0;
        while (flows_.state(first) == FlowState::open) ++first;
        throw Failure(std::to_string(flows_.size() - flows_.open()) + " of " +
                      std::to_string(flows_.size()) +
                      " sessions could not be opened; the first: " + flows_.describe(first) +
                      ". Does the policy allow it, and has `sessions` room?");
    }

  private:
    bool knock(std::uint32_t flow) {
        return bench_.send_one(SideOf::client, [&](std::uint8_t* frame) {
            const Tag tag{Kind::control, kAskingTrial, flow, 0};
            return tcp_ ? flows_.write_out(frame, flow, 0, nullptr, Segment::syn)
                        : flows_.write_out(frame, flow, flows_.layout().smallest(), &tag);
        });
    }
    void answer(std::uint32_t flow) {
        bench_.send_one(SideOf::node, [&](std::uint8_t* frame) {
            const Tag tag{Kind::control, kAskingTrial, flow, 0};
            return tcp_ ? flows_.write_back(frame, flow, 0, nullptr, Segment::syn)
                        : flows_.write_back(frame, flow, flows_.layout().smallest(), &tag);
        });
    }

    void poll(SideOf side) {
        bench_.receive(
            side,
            [&](const std::uint8_t* frame, unsigned bytes, const Tag& tag) {
                if (tag.trial == kAskingTrial && tag.sequence < flows_.size())
                    on_flow(side, tag.sequence, frame, bytes);
            },
            [&](const std::uint8_t* frame, unsigned bytes) {
                const std::uint32_t flow = flow_of(side, frame, bytes);
                if (flow < flows_.size())
                    on_flow(side, flow, frame, bytes);
                else
                    bench_.hosts().on_frame(side, frame, bytes);
            });
    }

    // TCP: of a SYN at a node or a SYN-ACK at a client; size() if it is none of ours.
    std::uint32_t flow_of(SideOf side, const std::uint8_t* frame, unsigned bytes) const {
        const auto tuple =
            tcp_ ? read_tuple(flows_.layout(), frame, bytes) : std::optional<Tuple>{};
        // A node probe may have any number.
        if (!tuple || tuple->source.address == flows_.scenario().node_side.firewall)
            return flows_.size();
        const unsigned flags = frame[flows_.layout().l4 + 13] & (kSyn | kAck | kRst | kFin);
        if (side == SideOf::node && flags == kSyn) return flows_.flow_of_syn(frame);
        if (side == SideOf::client && flags == (kSyn | kAck)) return flows_.flow_of_syn_ack(frame);
        return flows_.size();
    }

    void on_flow(SideOf side, std::uint32_t flow, const std::uint8_t* frame, unsigned bytes) {
        if (side == SideOf::node) {
            std::string wrong = flows_.learn(flow, frame, bytes);
            if (!wrong.empty()) return bench_.wrong(std::move(wrong));
            return answer(flow);
        }
        std::string wrong = flows_.complete(flow, frame, bytes);
        if (!wrong.empty()) return bench_.wrong(std::move(wrong));
        if (tcp_)
            bench_.send_one(SideOf::client, [&](std::uint8_t* reply) {
                return flows_.write_out(reply, flow, 0, nullptr, Segment::ack);
            });
    }

    Bench& bench_;
    Flows& flows_;
    const bool tcp_;
};

// Which flows carry a packet in one direction.
void ask(Bench& bench, Direction direction, std::vector<bool>& alive) {
    Flows& flows = bench.flows();
    const bool out = direction == Direction::out;
    std::vector<bool> heard(flows.size());
    const auto poll = [&](SideOf side) {
        unsigned answers = 0;
        bench.receive(
            side,
            [&](const std::uint8_t* frame, unsigned bytes, const Tag& tag) {
                // What was sent again may come late, in the other direction too.
                if (side != (out ? SideOf::node : SideOf::client)) return;
                if (tag.trial != kAskingTrial || tag.sequence >= flows.size()) return;
                std::string wrong = flows.check(direction, tag.sequence, frame, bytes);
                if (!wrong.empty()) return bench.wrong(std::move(wrong));
                answers += !heard[tag.sequence];
                heard[tag.sequence] = true;
            },
            [&](const std::uint8_t* frame, unsigned bytes) {
                bench.hosts().on_frame(side, frame, bytes);
            });
        return answers;
    };
    sweep(
        flows.size(), [&](std::uint32_t f) { return heard[f]; },
        [&](std::uint32_t f) {
            return bench.send_one(out ? SideOf::client : SideOf::node, [&](std::uint8_t* frame) {
                const Tag tag{Kind::control, kAskingTrial, f, 0};
                const unsigned size = flows.layout().smallest();
                return out ? flows.write_out(frame, f, size, &tag)
                           : flows.write_back(frame, f, size, &tag);
            });
        },
        [&] { return poll(SideOf::node) + poll(SideOf::client); });
    for (std::uint32_t f = 0; f < flows.size(); ++f)
        if (!heard[f]) alive[f] = false;
}

}  // namespace

void open_flows(Bench& bench) {
    Opening(bench).run();
}

std::uint32_t count_dead_flows(Bench& bench) {
    std::vector<bool> alive(bench.flows().size(), true);
    ask(bench, Direction::back, alive);
    ask(bench, Direction::out, alive);
    bench.throw_if_wrong();
    return static_cast<std::uint32_t>(std::ranges::count(alive, false));
}

}  // namespace portcullis::traffic
