// traffic: generator and sink on one core. See README.md and --help.
//
//   traffic --client-port net_memif0,role=client,socket=wan.sock,socket-abstract=no
//           --node-port   net_memif1,role=client,socket=dmz.sock,socket-abstract=no
//           --scenario av.conf --sizes 64,imix --seconds 5
//
// Standard output is JSON, one object a line; exit code 1 and one sentence on standard error where
// there is no measurement, or where a packet came back as it should not.
#include <cstdio>
#include <exception>
#include <string>

#include "perf/traffic/bench.h"
#include "perf/traffic/failure.h"
#include "perf/traffic/options.h"
#include "perf/traffic/report.h"
#include "perf/traffic/sessions.h"
#include "perf/traffic/stop.h"

namespace portcullis::traffic {
namespace {

void print(const nlohmann::json& line) {
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
}

// Returns false once a signal has ended a measurement.
bool measure(Bench& bench, const Options& options, const Sizes& sizes) {
    TrialPlan plan = options.trial;
    plan.sizes = sizes;
    if (options.mode != Mode::run) {
        const SearchResult found = find_no_drop_rate(bench, plan, options.search);
        print(to_json(plan, found));
        if (found.stopped || options.mode == Mode::search) return !found.stopped;
        if (found.rate == 0)
            throw Failure("every rate tried lost packets: there is no latency to take");
        plan.rate = found.rate * options.latency_share;
    }
    const TrialResult result = run_trial(bench, plan);
    print(to_json(plan, result));
    return !result.stopped;
}

void serve(const Options& options) {
    const Eal eal(options.eal);
    Port client(options.client_port, options.descriptors, options.rx_queues);
    Port node(options.node_port, options.descriptors, options.rx_queues);
    client.wait_for_link(options.link_seconds);
    node.wait_for_link(options.link_seconds);
    Bench bench(options.scenario, client, node, options.descriptors);
    open_flows(bench);
    for (const Sizes& sizes : options.sizes)
        if (!measure(bench, options, sizes)) return;
    if (options.check_sessions)
        print({{"measure", "sessions"},
               {"flows", bench.flows().size()},
               {"dead", count_dead_flows(bench)}});
    while (options.linger && !stop_wanted()) bench.hosts().listen();
}

int run(int argc, char** argv) {
    try {
        const auto options = read_options(argc, argv);
        if (!options) return 0;
        watch_signals();
        serve(*options);
        return 0;
    } catch (const Stopped&) {
        std::fprintf(stderr, "traffic: stopped before anything was measured\n");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "traffic: %s\n", error.what());
    }
    return 1;
}

}  // namespace
}  // namespace portcullis::traffic

int main(int argc, char** argv) {
    return portcullis::traffic::run(argc, argv);
}
