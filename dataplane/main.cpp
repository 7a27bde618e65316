// portcullis-dataplane --config FILE
//
// Starts in this order, and ends with one line and exit code 1 at the first thing that fails:
// configuration, the peer link's socket, DPDK, devices, workers (without a policy: everything is
// dropped), the last good policy. Then it serves the peer link, gives up root and runs until
// SIGTERM or SIGINT.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "dataplane/config.h"
#include "dataplane/engine.h"
#include "dataplane/keys.h"
#include "dataplane/main_thread.h"
#include "dataplane/privileges.h"
#include "nic/drivers.h"
#include "nic/eal.h"
#include "nic/log.h"
#include "nic/machine.h"

namespace portcullis::dataplane {
namespace {

namespace po = boost::program_options;

int fail(const std::string& why) {
    std::fprintf(stderr, "portcullis-dataplane: %s\n", why.c_str());
    return 1;
}

void set_up_log(const std::string& level) {
    auto log = spdlog::stderr_logger_mt("dataplane");
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    log->set_level(spdlog::level::from_str(level));
    log->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(log));
    // What is an error to a library is a detail to the operator, who gets our own sentence.
    nic::route_log([](unsigned, std::string_view line) { spdlog::debug("dpdk: {}", line); });
}

// Blocked before any thread starts, so that only the event loop sees them.
FileDescriptor take_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return FileDescriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void stop_on_signal(EventLoop& loop, int signals) {
    loop.watch(signals, EPOLLIN, [&loop, signals](std::uint32_t) {
        signalfd_siginfo info{};
        while (read(signals, &info, sizeof info) == sizeof info) {
            if (info.ssi_signo == SIGHUP) continue;
            spdlog::info("stopping on signal {}", info.ssi_signo);
            loop.stop();
        }
    });
}

nic::EalOptions eal_options(const Config& config) {
    nic::EalOptions options;
    options.main_core = config.main_core;
    options.worker_cores = config.cores;
    options.workers_spin = !config.idle_sleep;
    options.memory_mib = config.memory_mib;
    options.huge = config.huge;
    for (const nic::DeviceConfig& device : config.devices)
        if (!device.pci.empty()) options.pci.push_back(device.pci);
    return options;
}

tl::expected<ListeningSocket, std::string> open_socket(const Config& config,
                                                       const std::optional<User>& control) {
    for (const std::string* user : {&config.user, &config.control_user})
        if (!user->empty() && !find_user(*user))
            return tl::unexpected("there is no user " + *user +
                                  ": create it, or correct `user` or `control-user`");
    return ListeningSocket::open(config.peer_socket,
                                 control ? std::optional(control->gid) : std::nullopt);
}

void report(const nic::Device& device, const nic::DeviceConfig& config) {
    spdlog::info(
        "device {}: {}, {} of {} RX queues with {} descriptors, {} TX queues with {}, {}, MTU {}, "
        "IP checksums {}, VLAN tags {}, multicast {}, link {}",
        device.name, device.driver, device.rx_queues, device.most_rx_queues, device.rx_descriptors,
        device.tx_queues, device.tx_descriptors, nic::describe(device), device.mtu,
        device.checks_ip_checksum ? "by the device" : "in software",
        device.strips_vlan ? "taken off by the device" : "in software",
        device.multicast == nic::Multicast::groups ? "by group"
        : device.multicast == nic::Multicast::all  ? "all"
                                                   : "all (promiscuous)",
        nic::link_of(device).up ? "up" : "down");
    for (const std::string& warning : device.warnings)
        spdlog::warn("device {}: {}", device.name, warning);
    if (!config.pci.empty() && nic::facts_of(device.driver) == nullptr)
        spdlog::info("device {}: {} is no driver that we have looked at: used as it reports itself",
                     device.name, device.driver);
}

void report_memory(const Engine& engine, const Config& config) {
    constexpr std::uint64_t kMiB = 1 << 20;
    std::uint64_t sessions = 0, first_bytes = 0;
    for (const auto& worker : engine.workers()) {
        sessions += worker->session_memory();
        first_bytes += worker->inspector_memory();
    }
    spdlog::info(
        "memory: {} MiB for packets and rules, {} MiB for {} sessions, {} MiB to look at first "
        "bytes",
        config.memory_mib, (sessions + kMiB - 1) / kMiB, engine.session_capacity(),
        (first_bytes + kMiB - 1) / kMiB);
}

// What can fail without DPDK comes first: its mistakes are found at once and leave nothing behind.
int serve(const Config& config) {
    gain_no_privileges();
    const FileDescriptor signals = take_signals();
    const auto control = find_user(config.control_user);
    auto socket = open_socket(config, control);
    if (!socket) return fail(socket.error());
    const auto rendezvous_key = stored_rendezvous_key(config.state_dir);
    if (!rendezvous_key) return fail(rendezvous_key.error());
    if (const auto eal = nic::start_eal(eal_options(config)); !eal) return fail(eal.error());
    struct StopEal {
        ~StopEal() { nic::stop_eal(); }
    } const stop_eal;  // before the engine, so that it is the last to go
    auto engine = Engine::start(config, *rendezvous_key);
    if (!engine) return fail(engine.error());
    for (std::size_t i = 0; i < config.devices.size(); ++i)
        report((*engine)->devices()[i], config.devices[i]);
    report_memory(**engine, config);

    EventLoop loop;
    MainThread main(config, **engine, loop);
    main.load_last_good();
    main.open_peer_link(std::move(*socket),
                        control ? std::vector{control->uid} : std::vector<uid_t>{});
    if (!config.user.empty())
        if (const auto dropped = drop_privileges(config.user); !dropped)
            return fail(dropped.error());
    stop_on_signal(loop, signals.get());
    spdlog::info("ready: {} workers, {} devices, peer link at {}", config.workers,
                 config.devices.size(), config.peer_socket);
    main.run();
    return 0;
}

int run(int argc, char** argv) {
    po::options_description options("portcullis-dataplane --config FILE\n\nOptions");
    options.add_options()("config", po::value<std::string>(),
                          "the file to read (see dataplane.conf.example)")("help", "this text");
    po::variables_map given;
    try {
        po::store(po::parse_command_line(argc, argv, options), given);
    } catch (const po::error& error) {
        return fail(std::string(error.what()) + "; try --help");
    }
    if (given.contains("help")) {
        std::cout << options;
        return 0;
    }
    if (!given.contains("config")) return fail("which configuration? say --config FILE");
    const auto path = given["config"].as<std::string>();
    std::ifstream file(path);
    if (!file) return fail(path + ": cannot be read");
    const auto config = read_config(file, path, nic::usable_cores());
    if (!config) {
        for (const std::string& error : config.error()) std::fprintf(stderr, "%s\n", error.c_str());
        return 1;
    }
    set_up_log(config->log_level);
    return serve(*config);
}

}  // namespace
}  // namespace portcullis::dataplane

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody catches is a fault of ours, and a core says where.
int main(int argc, char** argv) {
    return portcullis::dataplane::run(argc, argv);
}
