// admit: first packets. The policy's judgement by itself over 64, 1,000 and 10,000 rules, and the
// whole stage: judgement, NAT plan and the new session.
#include "perf/stages/scene.h"

namespace portcullis::perf {
namespace {

using dataplane::FlowKey;
using dataplane::Judgement;
using dataplane::kBurstSize;
using dataplane::RuntimePolicy;
using policy::Family;
using policy::NatKind;

constexpr std::uint32_t kHeld = 1 << 16;

// Every packet by another rule, or by none.
void judge(benchmark::State& state, Family family, bool allowed) {
    const auto rules = static_cast<unsigned>(state.range(0));
    const RuntimePolicy& policy = kept<RuntimePolicy>(std::pair(rules, family), [&] {
        return must(RuntimePolicy::build(policy_of(rules, family), {}, next_generation(),
                                         {"wan", "dmz"}, nullptr, 42));
    });
    const auto site_rules = static_cast<unsigned>(
        std::ranges::count(policy.policy().rules, policy::Origin::site, &policy::Rule::origin));
    std::vector<FlowKey> keys;
    for (unsigned i = 0; i < 64 * kBurstSize; ++i) {
        keys.push_back(key_of_rule(family, i % site_rules));
        keys.back().interface = 0;  // asked by the policy's index
        if (!allowed) keys.back().destination_port = 9;
    }
    shuffle(keys);
    Rotation traffic(std::move(keys));
    std::array<Judgement, kBurstSize> judged;
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        const auto burst = traffic.next();
        meter.time(kBurstSize,
                   [&] { policy.judge(burst.data(), kBurstSize, ~0ULL, judged.data()); });
        for (const Judgement& each : judged) must(each.allow == allowed, "judged wrongly");
    }
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->ArgName("rules")->Arg(64)->Arg(1000)->Arg(10000)->UseManualTime();
}
BENCHMARK_CAPTURE(judge, allow_ipv4, Family::ipv4, true)->Name("judge/allow/ipv4")->Apply(sizes);
BENCHMARK_CAPTURE(judge, allow_ipv6, Family::ipv6, true)->Name("judge/allow/ipv6")->Apply(sizes);
BENCHMARK_CAPTURE(judge, deny_ipv4, Family::ipv4, false)->Name("judge/deny/ipv4")->Apply(sizes);

// With as many sessions held as the table is made for half of; what an iteration starts it ends again,
// so that their number stays.
void admit(benchmark::State& state, Service service) {
    Scene& scene = kept<Scene>(0, [] {
        auto made = std::make_unique<Scene>(2 * kHeld);
        made->establish({NatKind::dnat, Family::ipv4}, kHeld);
        return made;
    });
    std::vector<FlowKey> fresh(kBurstSize);
    std::uint32_t client = kHeld;
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        for (FlowKey& key : fresh) key = client_key(service, client++);
        if (client > 0xff0000) client = kHeld;
        scene.load(fresh, 60, dataplane::kTcpSyn);
        scene.run_before("admit");
        meter.time(kBurstSize, [&] { scene.run("admit"); });
        must(std::popcount(scene.burst().live) == kBurstSize, "a first packet was refused");
        for (const auto& hit : scene.burst().hit)
            scene.sessions().end(*hit.session, scene.context().now);
        scene.advance(1);
    }
}
BENCHMARK_CAPTURE(admit, none_ipv4, Service{NatKind::none, Family::ipv4})
    ->Name("admit/none/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(admit, dnat_ipv4, Service{NatKind::dnat, Family::ipv4})
    ->Name("admit/dnat/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(admit, full_ipv4, Service{NatKind::full, Family::ipv4})
    ->Name("admit/full/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(admit, full_ipv6, Service{NatKind::full, Family::ipv6})
    ->Name("admit/full/ipv6")
    ->UseManualTime();

// What nothing allows, from another source each time.
void flood(benchmark::State& state) {
    Scene scene(1024);
    std::vector<FlowKey> fresh(kBurstSize);
    std::uint32_t client = 0;
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        for (FlowKey& key : fresh) {
            key = client_key({NatKind::dnat, Family::ipv4}, client++ % 0xff0000);
            key.destination_port = 9;
        }
        scene.load(fresh);
        scene.run_before("admit");
        meter.time(kBurstSize, [&] { scene.run("admit"); });
        must(scene.burst().live == 0, "a packet was allowed that nothing allows");
    }
}
BENCHMARK(flood)->Name("admit/denied/ipv4")->UseManualTime();

}  // namespace
}  // namespace portcullis::perf
