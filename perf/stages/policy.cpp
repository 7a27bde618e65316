// What the loader does with a policy: rte_acl and the other tables built, an image read and verified.
#include "dataplane/policy/prepare.h"
#include "perf/stages/scene.h"
#include "rules/compile/passes.h"

namespace portcullis::perf {
namespace {

using dataplane::RuntimePolicy;
using policy::Policy;

void sizes(benchmark::internal::Benchmark* bench) {
    bench->ArgName("rules")->Arg(64)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);
}

void build(benchmark::State& state) {
    const Policy policy = policy_of(static_cast<unsigned>(state.range(0)));
    for (auto _ : state) {
        auto runtime =
            must(RuntimePolicy::build(policy, {}, next_generation(), {"wan", "dmz"}, nullptr, 42));
        state.PauseTiming();
        runtime.reset();
        state.ResumeTiming();
    }
}
BENCHMARK(build)->Name("policy/build")->Apply(sizes);

// Everything that a push costs here: checks, tables, witnesses.
void load(benchmark::State& state) {
    Policy policy = policy_of(static_cast<unsigned>(state.range(0)));
    compile::add_witnesses(policy);
    const dataplane::ImageBytes image = policy::write_image(policy);
    dataplane::PolicyTarget target;
    target.devices = {"wan", "dmz"};
    target.mtus = {1500, 1500};
    for (auto _ : state) {
        auto active =
            must(dataplane::prepare(image, std::nullopt, next_generation(), nullptr, target));
        state.PauseTiming();
        active.reset();
        state.ResumeTiming();
    }
    state.counters["image KiB"] = static_cast<double>(image.size()) / 1024;
}
BENCHMARK(load)->Name("policy/load")->Apply(sizes);

void read(benchmark::State& state) {
    const auto image = policy::write_image(policy_of(static_cast<unsigned>(state.range(0))));
    for (auto _ : state) benchmark::DoNotOptimize(must(policy::read_image(image)));
}
BENCHMARK(read)->Name("policy/read_image")->Apply(sizes);

}  // namespace
}  // namespace portcullis::perf
