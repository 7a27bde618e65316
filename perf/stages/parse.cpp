// parse: frames to views and flow keys, and whose they are. The frames are in the cache, as a NIC's
// DDIO leaves them, and no session is found: lookup.cpp has that.
#include "perf/stages/scene.h"

namespace portcullis::perf {
namespace {

using dataplane::kBurstSize;
using policy::Family;
using policy::NatKind;

void bench(benchmark::State& state, std::string_view stage, Service service, unsigned bytes) {
    Scene scene(1024);
    std::vector<dataplane::FlowKey> keys;
    for (std::uint32_t i = 0; i < 16 * kBurstSize; ++i) keys.push_back(client_key(service, i));
    Rotation traffic(std::move(keys));
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        scene.load(traffic.next(), bytes);
        scene.run_before(stage);
        meter.time(kBurstSize, [&] { scene.run(stage); });
    }
    must(std::popcount(scene.burst().live) == kBurstSize, "a packet was dropped");
}

BENCHMARK_CAPTURE(bench, parse_udp_ipv4, "parse", Service{NatKind::dnat, Family::ipv4}, 60)
    ->Name("parse/udp/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, parse_udp_ipv6, "parse", Service{NatKind::dnat, Family::ipv6}, 60)
    ->Name("parse/udp/ipv6")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, parse_tcp_ipv4, "parse", Service{NatKind::full, Family::ipv4}, 60)
    ->Name("parse/tcp/ipv4")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, parse_tcp_ipv6, "parse", Service{NatKind::full, Family::ipv6}, 60)
    ->Name("parse/tcp/ipv6")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, parse_udp_ipv4_1514B, "parse", Service{NatKind::dnat, Family::ipv4}, 1514)
    ->Name("parse/udp/ipv4/1514B")
    ->UseManualTime();
BENCHMARK_CAPTURE(bench, steer_udp_ipv4, "steer", Service{NatKind::dnat, Family::ipv4}, 60)
    ->Name("steer/udp/ipv4")
    ->UseManualTime();

}  // namespace
}  // namespace portcullis::perf
