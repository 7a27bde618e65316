#include "perf/traffic/trial.h"

#include <rte_cycles.h>

#include <algorithm>
#include <memory>

#include "perf/traffic/failure.h"
#include "perf/traffic/sender.h"
#include "perf/traffic/stop.h"

namespace portcullis::traffic {
namespace {

constexpr double kPause = 50e-6;          // one round of the loop takes a few microseconds
constexpr double kDrain = 0.1;            // for the last packets to arrive
constexpr std::uint64_t kBacklog = 1024;  // packets that may wait for the device: a ring's worth
constexpr Direction kDirections[] = {Direction::out, Direction::back};

std::uint8_t next_trial() {
    static std::uint8_t number = 0;
    number = static_cast<std::uint8_t>(number % 200 + 1);
    return number;
}

class Trial {
  public:
    Trial(Bench& bench, const TrialPlan& plan)
        : bench_(bench), plan_(plan), number_(next_trial()), hz_(rte_get_tsc_hz()) {
        const double share = plan.out && plan.back ? 0.5 : 1.0;
        rate_ = plan.rate * share / static_cast<double>(hz_);
        for (const Direction d : kDirections) {
            Lane& lane = lanes_[index_of(d)];
            if (!(d == Direction::out ? plan.out : plan.back)) continue;
            lane.tally.start(
                static_cast<std::uint64_t>(plan.rate * share * (plan.warm_up + plan.seconds)));
            lane.sender = std::make_unique<Sender>(bench, plan, d, number_, lane.tally);
        }
    }

    TrialResult run();

  private:
    struct Lane {
        std::unique_ptr<Sender> sender;  // null: nothing is sent in this direction
        Tally tally;
        std::uint64_t handled = 0;  // packets of the schedule that were sent or given up
    };
    // What the result counts from.
    struct Counts {
        std::uint64_t tsc = 0, sent = 0, received = 0, bytes = 0, fresh_sent = 0, fresh = 0,
                      denied_sent = 0, bursts = 0, cut_bursts = 0, unsent = 0;
    };

    std::uint64_t ticks(double seconds) const {
        return static_cast<std::uint64_t>(seconds * static_cast<double>(hz_));
    }
    unsigned due(Lane& lane, std::uint64_t now);
    void send(std::uint64_t now);
    void receive(std::uint64_t now);
    void on_arrival(Direction direction, const std::uint8_t* frame, unsigned bytes, const Tag& tag,
                    std::uint32_t now);
    void check(Direction direction, const std::uint8_t* frame, unsigned bytes, const Tag& tag);
    void note_pause(std::uint64_t now);
    void open_windows(std::uint64_t now);
    Counts counts(std::uint64_t now) const;
    bool all_arrived() const;
    void report(const Counts& from, const Counts& to);

    Bench& bench_;
    const TrialPlan& plan_;
    const std::uint8_t number_;
    const std::uint64_t hz_;
    double rate_ = 0;  // packets a tick and direction
    std::array<Lane, 2> lanes_;
    std::uint64_t schedule_ = 0;  // when the schedule began; moves on by our own pauses
    std::uint64_t last_round_ = 0;
    std::uint64_t next_window_ = 0;  // 0: no windows, or not yet
    std::uint64_t received_ = 0, bytes_ = 0, fresh_ = 0;
    unsigned until_check_ = 1;
    TrialResult result_;
};

unsigned Trial::due(Lane& lane, std::uint64_t now) {
    if (plan_.rate == 0) return kBurst;
    const auto elapsed = static_cast<double>(now - schedule_);
    double total = rate_ * elapsed;
    if (plan_.ramp) total *= elapsed / (2 * static_cast<double>(ticks(plan_.seconds)));
    const auto planned = static_cast<std::uint64_t>(total);
    if (planned <= lane.handled) return 0;
    std::uint64_t waiting = planned - lane.handled;
    if (waiting > kBacklog) {
        lane.tally.on_unsent(static_cast<std::uint32_t>(waiting - kBacklog));
        lane.handled += waiting - kBacklog;
        waiting = kBacklog;
    }
    return static_cast<unsigned>(waiting);
}

void Trial::send(std::uint64_t now) {
    const std::uint32_t time = tag_time(now);
    for (Lane& lane : lanes_)
        if (lane.sender) lane.handled += lane.sender->send(due(lane, now), time);
}

void Trial::receive(std::uint64_t now) {
    const std::uint32_t time = tag_time(now);
    for (const SideOf side : {SideOf::node, SideOf::client})
        bench_.receive(
            side,
            [&](const std::uint8_t* frame, unsigned bytes, const Tag& tag) {
                on_arrival(side == SideOf::node ? Direction::out : Direction::back, frame, bytes,
                           tag, time);
            },
            [&](const std::uint8_t* frame, unsigned bytes) {
                bench_.hosts().on_frame(side, frame, bytes);
            });
}

inline void Trial::on_arrival(Direction direction, const std::uint8_t* frame, unsigned bytes,
                              const Tag& tag, std::uint32_t now) {
    if (tag.trial != number_) return;  // late, of the trial before, where it counts as lost
    if (tag.kind == Kind::established) [[likely]] {
        const std::uint32_t latency = now - tag.time;
        if (!lanes_[index_of(direction)].tally.on_arrival(tag.sequence, latency)) return;
        if (plan_.rate != 0 && next_window_ != 0) result_.latency.add(latency);
    } else if (tag.kind == Kind::fresh) {
        ++fresh_;
    } else {
        return bench_.wrong("a packet that no rule allows came through");
    }
    ++received_;
    bytes_ += bytes;
    if (--until_check_ != 0) return;
    until_check_ = plan_.check_every;
    check(direction, frame, bytes, tag);
}

void Trial::check(Direction direction, const std::uint8_t* frame, unsigned bytes, const Tag& tag) {
    const Flows& flows = bench_.flows();
    std::string wrong = tag.kind == Kind::fresh
                            ? flows.check_fresh(tag.sequence, frame, bytes)
                            : flows.check(direction, tag.sequence % flows.size(), frame, bytes);
    ++result_.checked;
    if (!wrong.empty()) bench_.wrong(std::move(wrong));
}

// The hypervisor, or another thread of this core. What would have been due meanwhile was never sent:
// it says nothing about the firewall.
void Trial::note_pause(std::uint64_t now) {
    const std::uint64_t gap = now - last_round_;
    last_round_ = now;
    if (gap < ticks(kPause)) return;
    schedule_ += gap;
    if (next_window_ == 0) return;
    ++result_.pauses;
    result_.longest_pause_seconds = std::max(result_.longest_pause_seconds,
                                             static_cast<double>(gap) / static_cast<double>(hz_));
}

void Trial::open_windows(std::uint64_t now) {
    if (plan_.window_ms == 0) return;
    for (; next_window_ <= now; next_window_ += hz_ / 1000 * plan_.window_ms)
        for (Lane& lane : lanes_)
            if (lane.sender) lane.tally.open_window();
}

Trial::Counts Trial::counts(std::uint64_t now) const {
    Counts all{.tsc = now, .received = received_, .bytes = bytes_, .fresh = fresh_};
    for (const Lane& lane : lanes_) {
        if (!lane.sender) continue;
        all.sent += lane.sender->sent();
        all.fresh_sent += lane.sender->fresh();
        all.denied_sent += lane.sender->denied();
        all.bursts += lane.sender->bursts();
        all.cut_bursts += lane.sender->cut_bursts();
        all.unsent += lane.tally.unsent();
    }
    return all;
}

bool Trial::all_arrived() const {
    const auto fresh_sent = lanes_[0].sender ? lanes_[0].sender->fresh() : 0;
    return fresh_ >= fresh_sent && std::ranges::all_of(lanes_, [](const Lane& lane) {
               return lane.tally.received() == lane.tally.next();
           });
}

TrialResult Trial::run() {
    const std::uint64_t begin = rte_rdtsc();
    const std::uint64_t from = begin + ticks(plan_.warm_up);
    const std::uint64_t to = from + ticks(plan_.seconds);
    schedule_ = last_round_ = begin;
    Counts at_from;
    std::uint64_t now = begin;
    for (; now < to && !stop_wanted(); now = rte_rdtsc()) {
        note_pause(now);
        if (next_window_ == 0 && now >= from) {
            at_from = counts(now);
            for (Lane& lane : lanes_) lane.tally.mark();
            next_window_ = now;
        }
        if (next_window_ != 0) open_windows(now);
        send(now);
        receive(rte_rdtsc());
    }
    if (next_window_ == 0) throw Stopped();
    result_.stopped = now < to;
    const Counts at_to = counts(now);
    for (const std::uint64_t end = now + ticks(kDrain); now < end && !all_arrived();
         now = rte_rdtsc())
        receive(now);
    for (Lane& lane : lanes_) lane.tally.finish();
    report(at_from, at_to);
    bench_.throw_if_wrong();
    if (received_ == 0)
        throw Failure("nothing came back: " + std::to_string(at_to.sent) + " packets were sent");
    return std::move(result_);
}

void Trial::report(const Counts& from, const Counts& to) {
    TrialResult& r = result_;
    r.seconds = static_cast<double>(to.tsc - from.tsc) / static_cast<double>(hz_);
    r.sent = to.sent - from.sent;
    r.received = to.received - from.received;
    r.bytes_received = to.bytes - from.bytes;
    r.fresh_sent = to.fresh_sent - from.fresh_sent;
    r.fresh_received = to.fresh - from.fresh;
    r.denied_sent = to.denied_sent - from.denied_sent;
    r.unsent = to.unsent - from.unsent;
    const std::uint64_t bursts = to.bursts - from.bursts;
    if (bursts != 0)
        r.device_full =
            static_cast<double>(to.cut_bursts - from.cut_bursts) / static_cast<double>(bursts);
    r.window_seconds = plan_.window_ms / 1000.0;
    for (const Direction d : kDirections) {
        const Tally& tally = lanes_[index_of(d)].tally;
        r.measured += tally.measured();
        r.lost += tally.lost();
        r.doubled += tally.doubled();
        r.worst_burst = std::max(r.worst_burst, tally.worst_burst());
        r.windows[index_of(d)] = tally.windows();
    }
}

}  // namespace

TrialResult run_trial(Bench& bench, const TrialPlan& plan) {
    return Trial(bench, plan).run();
}

double seconds_of(std::uint32_t tag_time) {
    return static_cast<double>(std::uint64_t{tag_time} << kTimeShift) /
           static_cast<double>(rte_get_tsc_hz());
}

}  // namespace portcullis::traffic
