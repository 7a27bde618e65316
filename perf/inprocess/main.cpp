// inprocess: what one worker loop costs, in TSC cycles a packet with packet I/O included, beside what
// the same devices cost alone (macswap), round by round in one process. One JSON object a round.
//
// A round's figure is the median of many short chunks, so that being scheduled away now and then
// does not count.
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "nic/eal.h"
#include "nic/log.h"
#include "perf/inprocess/options.h"
#include "perf/inprocess/rig.h"

namespace portcullis::perf {

namespace {

struct Sample {
    double cycles = 0;  // a packet
    std::uint64_t packets = 0;
};

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

// `poll` moves some packets and says how many.
template <class Poll>
Sample measure(const Options& options, Poll&& poll) {
    std::vector<double> chunks;
    Sample sample;
    for (unsigned chunk = 0; chunk < options.chunks; ++chunk) {
        std::uint64_t packets = 0;
        const std::uint64_t begin = rte_rdtsc();
        for (unsigned i = 0; i < options.polls; ++i) packets += poll();
        const std::uint64_t cycles = rte_rdtsc() - begin;
        if (packets != 0)
            chunks.push_back(static_cast<double>(cycles) / static_cast<double>(packets));
        sample.packets += packets;
    }
    if (!chunks.empty()) sample.cycles = median(std::move(chunks));
    return sample;
}

// What the threads of a round share.
struct Round {
    const Options* options;
    Rig* rig;
    bool floor;
    std::atomic<unsigned> ready{0};    // threads
    std::atomic<unsigned> at_work{0};  // threads
    std::vector<Sample> samples;       // [worker]: written by its thread
};

struct Share {
    Round* round;
    unsigned worker;
};

int run_share(void* argument) {
    const Share& share = *static_cast<Share*>(argument);
    Round* round = share.round;
    const unsigned worker = share.worker;
    ++round->ready;
    while (round->ready < round->options->workers) rte_pause();
    ++round->at_work;
    const auto once = [&] {
        return round->floor ? round->rig->macswap(worker) : round->rig->worker(worker).poll();
    };
    for (unsigned i = 0; i < 1024; ++i) once();  // warm
    round->samples[worker] = measure(*round->options, once);
    // The others must not see this one's core fall idle, nor its ring fill up.
    --round->at_work;
    while (round->at_work != 0) once();
    return 0;
}

std::vector<Sample> run_round(const Options& options, Rig& rig, bool floor) {
    Round round{&options, &rig, floor, {}, {}, std::vector<Sample>(options.workers)};
    std::vector<Share> shares;
    for (unsigned w = 0; w < options.workers; ++w) shares.push_back({&round, w});
    for (unsigned w = 0; w < options.workers; ++w)
        if (rte_eal_remote_launch(run_share, &shares[w], w + 1) != 0)
            throw std::runtime_error("a thread does not start");
    // Waiting by rte_eal_wait_lcore() would spin on a core that a worker may need.
    for (unsigned w = 0; w < options.workers; ++w) {
        while (rte_eal_get_lcore_state(w + 1) == RUNNING) usleep(1000);
        rte_eal_wait_lcore(w + 1);
    }
    return round.samples;
}

// Packets a second of all threads together.
double rate(const std::vector<Sample>& samples) {
    double sum = 0;
    for (const Sample& sample : samples)
        if (sample.cycles > 0) sum += static_cast<double>(rte_get_tsc_hz()) / sample.cycles;
    return sum;
}

std::uint64_t packets(const std::vector<Sample>& samples) {
    std::uint64_t sum = 0;
    for (const Sample& sample : samples) sum += sample.packets;
    return sum;
}

double cycles(const std::vector<Sample>& samples) {
    double sum = 0;
    for (const Sample& sample : samples) sum += sample.cycles;
    return sum / static_cast<double>(samples.size());
}

void run(const Options& options) {
    Rig rig(options);
    if (options.load != Load::deny || options.sessions > 1) rig.establish();
    rig.feed();
    const std::uint64_t established = rig.sessions();
    for (unsigned round = 0; round < options.rounds; ++round) {
        const auto floor =
            options.floor ? run_round(options, rig, true) : std::vector<Sample>(options.workers);
        const std::uint64_t dropped = rig.dropped();
        const std::uint64_t received = rig.received();
        const std::uint64_t handed = rig.handed_out();
        const auto ours = run_round(options, rig, false);
        const std::uint64_t lost = rig.dropped() - dropped;
        const std::uint64_t came = rig.received() - received;
        if (came == 0) throw std::runtime_error("no packet arrived");
        if (options.load == Load::steady && lost != 0 && options.workers == 1)
            throw std::runtime_error("packets of established sessions were dropped:" + rig.drops());
        if (options.load == Load::deny && (lost != came || rig.sessions() < established))
            throw std::runtime_error("a flood passed, or ended a session:" + rig.drops());
        std::printf(
            "{\"round\":%u,\"cycles\":%.1f,\"floor_cycles\":%.1f,\"mpps\":%.3f,"
            "\"floor_mpps\":%.3f,\"sessions\":%llu,\"bytes_per_session\":%.1f,"
            "\"dropped\":%.5f,\"handed_over\":%.4f,\"packets\":%llu,\"tsc_hz\":%llu}\n",
            round, cycles(ours), cycles(floor), rate(ours) / 1e6, rate(floor) / 1e6,
            static_cast<unsigned long long>(rig.sessions()), rig.bytes_per_session(),
            static_cast<double>(lost) / static_cast<double>(came),
            static_cast<double>(rig.handed_out() - handed) / static_cast<double>(came),
            static_cast<unsigned long long>(packets(ours)),
            static_cast<unsigned long long>(rte_get_tsc_hz()));
        std::fflush(stdout);
    }
}

}  // namespace

}  // namespace portcullis::perf

int main(int argc, char** argv) {
    using namespace portcullis;
    const auto options = perf::read_options(argc, argv);
    if (!options) {
        std::cerr << options.error() << "\n";
        return 2;
    }
    nic::route_log({});
    nic::EalOptions eal;
    eal.program = "inprocess";
    eal.main_core = options->main_core;
    eal.worker_cores = options->cores;
    eal.workers_spin = false;
    eal.memory_mib = options->memory_mib;
    eal.huge = options->huge;
    if (const auto started = nic::start_eal(eal); !started) {
        std::cerr << "inprocess: " << started.error() << "\n";
        return 1;
    }
    int code = 0;
    try {
        perf::run(*options);
    } catch (const std::exception& error) {
        std::cerr << "inprocess: " << error.what() << "\n";
        code = 1;
    }
    nic::stop_eal();
    return code;
}
