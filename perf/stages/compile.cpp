// What control does with a topology: from the text to a policy with its witnesses and findings, for
// deployments of 1 to 12 nodes and 1 to 1,000 partners.
#include "rules/compile/compile.h"

#include <string>

#include "perf/stages/bench.h"
#include "rules/compile/analyse.h"
#include "rules/policy/image.h"
#include "rules/topology/load.h"

namespace portcullis::perf {
namespace {

std::string text(int number) {
    return std::to_string(number);
}

// The scaled sample, with as many nodes and partner networks.
std::string topology_text(int nodes, int partners) {
    std::string yaml = R"(release: lync-2013
interfaces:
  wan:   {device: wan,   addresses: 192.0.2.1/24,     zones: internet, gateway: 192.0.2.254}
  dmz-x: {device: dmz-x, addresses: 203.0.113.1/25,   zones: edge-external}
  dmz-p: {device: dmz-p, addresses: 203.0.113.129/25, zones: rp-external}
  dmz-i: {device: dmz-i, addresses: 10.20.0.1/24,     zones: [edge-internal, rp-internal]}
  lan:   {device: lan,   addresses: 10.30.0.1/16,     zones: corporate}
networks: {corporate: [10.30.0.0/16, 10.40.0.0/16], clients: 10.40.0.0/16}
routes: [{to: 10.40.0.0/16, via: 10.30.0.254}]
features: {defaults: on, xmpp: on}
reverse-proxy: {external: 203.0.113.200, internal: 10.20.0.200}
pools:
  directors: {role: director, vip: 10.30.1.10, servers: [10.30.1.11, 10.30.1.12]}
  pool-a: {role: front-end, vip: 10.30.2.10, holds: [cms, xmpp-gateway], servers: [10.30.2.11, 10.30.2.12]}
  mediation: {role: mediation, vip: 10.30.3.10, servers: [10.30.3.11, 10.30.3.12]}
edge:
  vips: {access: 203.0.113.10, web-conferencing: 203.0.113.40, av: 203.0.113.70, internal: 10.20.0.10}
  nodes:
)";
    for (int i = 1; i <= nodes; ++i)
        yaml.append("    edge")
            .append(text(i))
            .append(": {access: 203.0.113.")
            .append(text(10 + i))
            .append(", web-conferencing: 203.0.113.")
            .append(text(40 + i))
            .append(", av: 203.0.113.")
            .append(text(70 + i))
            .append(", internal: 10.20.0.")
            .append(text(10 + i))
            .append("}\n");
    yaml.append("partners: {xmpp: any, federated: [");
    for (int i = 0; i < partners; ++i)
        yaml.append(i == 0 ? "" : ", ")
            .append("198.")
            .append(text(18 + i % 2))
            .append(".")
            .append(text(i / 2 / 256))
            .append(".")
            .append(text(i / 2 % 256));
    return yaml.append("]}\n");
}

void fail(const topology::Diagnostics& errors) {
    for (const auto& error : errors) std::cerr << error.to_string() << '\n';
    std::exit(EXIT_FAILURE);
}

void compile_topology(benchmark::State& state) {
    const std::string yaml =
        topology_text(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
    std::size_t rules = 0;
    for (auto _ : state) {
        const auto topology = topology::load_text(yaml, "bench.yaml");
        if (!topology) fail(topology.error());
        const auto policy = compile::compile(*topology, "bench.yaml");
        if (!policy) fail(policy.error());
        benchmark::DoNotOptimize(compile::analyse(*policy));
        benchmark::DoNotOptimize(policy::write_image(*policy));
        rules = policy->rules.size();
    }
    state.counters["rules"] = static_cast<double>(rules);
}
BENCHMARK(compile_topology)
    ->Name("compile")
    ->ArgNames({"nodes", "partners"})
    ->ArgsProduct({{1, 2, 12}, {1, 10, 100, 1000}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace portcullis::perf
