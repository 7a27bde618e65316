// portcullis-control: see daemon.h and README.md.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>

#include <iostream>

#include "control/compilation.h"
#include "control/daemon.h"
#include "control/daemon_options.h"
#include "control/pattern_child.h"

namespace {

using namespace portcullis::control;

// SIGTERM and SIGINT as a descriptor; blocked before there are threads, so that all inherit it.
Fd block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return Fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody catches is a fault of ours, and a core says where.
int main(int argc, char** argv) {
    if (const auto code = serve_pattern_child(argc, argv)) return *code;
    const auto settings = read_settings({argv + 1, argv + argc}, std::cout, std::cerr);
    if (!settings) return settings.error();
    spdlog::set_default_logger(spdlog::stderr_logger_mt("control"));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    spdlog::set_level(spdlog::level::from_str(settings->log_level));

    const Fd signals = block_signals();
    auto daemon = Daemon::start(settings->daemon, compile_topology);
    if (!daemon) {
        std::cerr << "portcullis-control: " << daemon.error() << '\n';
        return 1;
    }
    (*daemon)->loop().watch(signals.get(), true, false, [&] { (*daemon)->stop(); });
    spdlog::info("listening on {}", settings->daemon.socket);
    (*daemon)->run();
    spdlog::info("stopped; the data plane goes on by itself");
    return 0;
}
