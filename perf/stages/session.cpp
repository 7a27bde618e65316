// Sessions by themselves: started, ended, swept while they live and when they have expired, with many
// others held.
#include "perf/stages/scene.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::perf {
namespace {

using namespace dataplane;
using policy::Family;
using policy::NatKind;

constexpr std::uint32_t kGeneration = 1;
constexpr std::uint32_t kIdleSeconds = 300;
constexpr Service kService{NatKind::dnat, Family::ipv4};

SessionPlan plan_of(std::uint32_t client) {
    SessionPlan plan;
    plan.initiator = client_key(kService, client);
    plan.translated_source = plan.initiator.source;
    plan.translated_source_port = plan.initiator.source_port;
    plan.translated_destination = test::ip("203.0.113.31");
    plan.translated_destination_port = plan.initiator.destination_port;
    plan.responder_interface = wire_id({1, 10});
    plan.nat = kService.nat;
    plan.rule = 0;
    plan.generation = kGeneration;
    plan.idle_seconds = kIdleSeconds;
    return plan;
}

// A table for twice as many sessions as it holds.
class Table {
  public:
    explicit Table(std::uint32_t held) : held_(held) {
        Sessions::Config config;
        config.capacity = 2 * held;
        config.hash_key = {1, 2, 3, 4};
        sessions_ = must(Sessions::create(config));
        fill();
    }
    void fill() {
        for (std::uint32_t client = 0; client < held_; ++client) start(plan_of(client));
        next_ = held_;
    }
    Session* start(const SessionPlan& plan) {
        Session* session = sessions_->start(plan, view_, now_).session;
        must(session != nullptr, "a session was refused");
        return session;
    }
    SessionPlan next_plan() {
        if (next_ > 0xff0000) next_ = held_;
        return plan_of(next_++);
    }
    Sessions& sessions() { return *sessions_; }
    Millis& now() { return now_; }

  private:
    std::uint32_t held_;
    std::uint32_t next_ = 0;
    Millis now_ = 1'000'000;
    std::unique_ptr<Sessions> sessions_;
    test::TestPacket packet_ =
        test::make_udp(test::ip("11.0.0.1"), test::ip("203.0.113.30"), 5000, 3478);
    PacketView view_ = packet_.view();
};

Table& table_of(std::uint32_t held) {
    return kept<Table>(held, [&] { return std::make_unique<Table>(held); });
}

void insert(benchmark::State& state) {
    Table& table = table_of(static_cast<std::uint32_t>(state.range(0)));
    std::array<SessionPlan, kBurstSize> plans;
    std::array<Session*, kBurstSize> started;
    Meter meter(state, "session");
    while (meter.keep_running()) {
        for (auto& plan : plans) plan = table.next_plan();
        meter.time(kBurstSize, [&] {
            for (unsigned i = 0; i < kBurstSize; ++i) started[i] = table.start(plans[i]);
        });
        for (Session* session : started) table.sessions().end(*session, table.now());
    }
    // The tables' memory over what they are made for; sources of ports come on top, by service.
    state.counters["bytes/session"] = static_cast<double>(table.sessions().memory_bytes()) /
                                      static_cast<double>(table.sessions().capacity());
}
BENCHMARK(insert)
    ->Name("session/insert")
    ->ArgName("sessions")
    ->Arg(1 << 16)
    ->Arg(1 << 20)
    ->UseManualTime();

void end(benchmark::State& state) {
    Table& table = table_of(static_cast<std::uint32_t>(state.range(0)));
    std::array<Session*, kBurstSize> started;
    Meter meter(state, "session");
    while (meter.keep_running()) {
        for (auto& session : started) session = table.start(table.next_plan());
        meter.time(kBurstSize, [&] {
            for (Session* session : started) table.sessions().end(*session, table.now());
        });
    }
}
BENCHMARK(end)->Name("session/end")->ArgName("sessions")->Arg(1 << 16)->UseManualTime();

// What every session costs in ten seconds: a look.
void sweep_live(benchmark::State& state) {
    Table& table = table_of(static_cast<std::uint32_t>(state.range(0)));
    constexpr unsigned kSlice = 1024;
    Meter meter(state, "slot");
    while (meter.keep_running())
        meter.time(kSlice, [&] {
            table.sessions().sweep(kSlice, kGeneration, table.now(), [](Session&) {});
        });
    must(table.sessions().size() == state.range(0), "a live session was ended");
}
BENCHMARK(sweep_live)
    ->Name("session/sweep/live")
    ->ArgName("sessions")
    ->Arg(1 << 16)
    ->Arg(1 << 20)
    ->UseManualTime();

// All have expired at once; then the table is filled anew.
void sweep_expired(benchmark::State& state) {
    Table& table = table_of(static_cast<std::uint32_t>(state.range(0)));
    Meter meter(state, "session");
    while (meter.keep_running()) {
        table.now() += Millis{kIdleSeconds} * 1000;
        const std::uint32_t held = table.sessions().size();
        meter.time(held, [&] {
            table.sessions().sweep(table.sessions().slots(), kGeneration, table.now(),
                                   [](Session&) {});
        });
        must(table.sessions().size() == 0, "an expired session was kept");
        table.fill();
    }
}
BENCHMARK(sweep_expired)
    ->Name("session/sweep/expired")
    ->ArgName("sessions")
    ->Arg(1 << 16)
    ->UseManualTime()
    ->Iterations(8);

}  // namespace
}  // namespace portcullis::perf
