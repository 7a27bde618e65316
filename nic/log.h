// What DPDK's libraries say, line by line, to whoever wants it; and its last complaint, which is
// the reason behind a bare error number.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace portcullis::nic {

// DPDK's levels, RTE_LOG_EMERG = 1 (worst) to RTE_LOG_DEBUG = 8.
using LogSink = std::function<void(unsigned level, std::string_view line)>;

// Once, before start_eal(). `sink` is called from whatever thread DPDK logs on. With an empty sink
// nothing is printed anywhere.
void route_log(LogSink sink);

// The last line at level warning or worse, without its "EAL: " prefix; empty if there was none
// since the last call.
std::string take_last_complaint();

}  // namespace portcullis::nic
