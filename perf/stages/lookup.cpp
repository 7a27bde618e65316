// lookup: the session of a packet, and what its protocol's state says; with parse, which begins the
// search and asks for memory while it parses. Packets of both directions in an order without locality,
// so a table that is larger than the cache is felt.
#include <tuple>

#include "perf/stages/scene.h"

namespace portcullis::perf {
namespace {

using dataplane::kBurstSize;
using policy::Family;
using policy::NatKind;

struct Held {
    Held(Service service, std::uint32_t sessions)
        : scene(2 * sessions), traffic(scene.establish(service, sessions)) {}
    Scene scene;
    Rotation traffic;
};

void lookup(benchmark::State& state, Service service, bool hit) {
    const auto sessions = static_cast<std::uint32_t>(state.range(0));
    Held& held = kept<Held>(std::tuple(service.nat, service.family, sessions),
                            [&] { return std::make_unique<Held>(service, sessions); });
    Scene& scene = held.scene;
    Rotation& traffic = held.traffic;
    std::uint32_t stranger = sessions;  // clients that have no session
    std::vector<dataplane::FlowKey> strangers(kBurstSize);
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        if (hit) {
            scene.load(traffic.next());
        } else {
            for (auto& key : strangers) key = client_key(service, stranger++ % 0xfffff0);
            if (stranger >= 0xffff00) stranger = sessions;
            scene.load(strangers);
        }
        meter.time(kBurstSize, [&] {
            scene.run("parse");
            scene.run("lookup");
        });
        must(std::popcount(scene.burst().live) == kBurstSize, "a packet was dropped");
        must((scene.burst().missed == 0) == hit, "a hit was a miss, or the other way round");
    }
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->ArgName("sessions")->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 20)->UseManualTime();
}
BENCHMARK_CAPTURE(lookup, hit_udp, Service{NatKind::dnat, Family::ipv4}, true)
    ->Name("parse and lookup/hit/udp")
    ->Apply(sizes);
BENCHMARK_CAPTURE(lookup, miss_udp, Service{NatKind::dnat, Family::ipv4}, false)
    ->Name("parse and lookup/miss/udp")
    ->Apply(sizes);
// Source ports of ours end at 64k for each node.
BENCHMARK_CAPTURE(lookup, hit_tcp, Service{NatKind::full, Family::ipv4}, true)
    ->Name("parse and lookup/hit/tcp")
    ->ArgName("sessions")
    ->Arg(1 << 10)
    ->Arg(1 << 16)
    ->UseManualTime();

}  // namespace
}  // namespace portcullis::perf
