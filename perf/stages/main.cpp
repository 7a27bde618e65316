// main() of every micro-benchmark: DPDK first, then Google Benchmark. In huge pages as the data plane
// runs, where 256 MiB of them are free; else in ordinary ones, and the output says so.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>

#include "nic/eal.h"
#include "nic/machine.h"

int main(int argc, char** argv) {
    using namespace portcullis;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return EXIT_FAILURE;

    nic::EalOptions options;
    options.program = "perf-stages";
    options.main_core = nic::usable_cores().back();
    options.memory_mib = 256;
    options.huge = nic::free_huge_mib() >= options.memory_mib;
    if (const auto started = nic::start_eal(options); !started) {
        std::cerr << started.error() << '\n';
        return EXIT_FAILURE;
    }
    benchmark::AddCustomContext("huge_pages", options.huge ? "yes" : "no");
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    nic::stop_eal();
}
