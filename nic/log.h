// What DPDK's libraries say, line by line, to whoever wants it; and their complaint, which is
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

// The first error since the last call (what follows it are its consequences), else the last
// warning, without its "EAL: " prefix; empty if there was neither.
std::string take_complaint();

}  // namespace portcullis::nic
