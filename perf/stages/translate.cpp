// translate and forward: what the packets of established sessions become, in both directions, and the
// frame they leave in. Few sessions, for lookup has fetched what these stages touch.
#include "perf/stages/scene.h"

namespace portcullis::perf {
namespace {

using dataplane::kBurstSize;
using policy::Family;
using policy::NatKind;

void bench(benchmark::State& state, std::string_view stage, Service service) {
    Scene scene(4096);
    Rotation traffic(scene.establish(service, 512));
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        scene.load(traffic.next());
        scene.run_before(stage);
        meter.time(kBurstSize, [&] { scene.run(stage); });
        must(std::popcount(scene.burst().live) == kBurstSize, "a packet was dropped");
    }
}

BENCHMARK_CAPTURE(bench, translate_none_ipv4, "translate", Service{NatKind::none, Family::ipv4})
    ->Name("translate/none/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, translate_dnat_ipv4, "translate", Service{NatKind::dnat, Family::ipv4})
    ->Name("translate/dnat/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, translate_full_ipv4, "translate", Service{NatKind::full, Family::ipv4})
    ->Name("translate/full/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, translate_none_ipv6, "translate", Service{NatKind::none, Family::ipv6})
    ->Name("translate/none/ipv6")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, translate_dnat_ipv6, "translate", Service{NatKind::dnat, Family::ipv6})
    ->Name("translate/dnat/ipv6")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, translate_full_ipv6, "translate", Service{NatKind::full, Family::ipv6})
    ->Name("translate/full/ipv6")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, forward_full_ipv4, "forward", Service{NatKind::full, Family::ipv4})
    ->Name("forward/full/ipv4")
    ->UseManualTime();

}  // namespace
}  // namespace portcullis::perf
