#include "perf/traffic/stop.h"

#include <csignal>

namespace portcullis::traffic {
namespace {

volatile std::sig_atomic_t stopped = 0;

void stop(int) {
    stopped = 1;
}

}  // namespace

void watch_signals() {
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
}

bool stop_wanted() {
    return stopped != 0;
}

}  // namespace portcullis::traffic
