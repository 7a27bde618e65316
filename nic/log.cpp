#include "nic/log.h"

#include <rte_log.h>

#include <cstdio>
#include <mutex>
#include <utility>

namespace portcullis::nic {
namespace {

struct Log {
    std::mutex mutex;
    LogSink sink;
    std::string first_error;
    std::string last_warning;
};

Log& log() {
    static Log instance;
    return instance;
}

std::string_view without_prefix(std::string_view line) {
    const auto colon = line.find(": ");
    return colon > 24 ? line : line.substr(colon + 2);  // npos is more, too
}

void take_line(std::string_view line) {
    if (line.empty()) return;
    const int level = rte_log_cur_msg_loglevel();
    Log& to = log();
    const std::lock_guard lock(to.mutex);
    if (level == static_cast<int>(RTE_LOG_WARNING)) to.last_warning = without_prefix(line);
    if (level >= 0 && level < static_cast<int>(RTE_LOG_WARNING) && to.first_error.empty())
        to.first_error = without_prefix(line);
    if (to.sink) to.sink(level < 0 ? RTE_LOG_INFO : static_cast<unsigned>(level), line);
}

ssize_t write_stream(void*, const char* data, std::size_t size) {
    std::string_view text(data, size);
    while (!text.empty()) {
        const auto end = text.find('\n');
        take_line(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return static_cast<ssize_t>(size);
}

}  // namespace

void route_log(LogSink sink) {
    {
        const std::lock_guard lock(log().mutex);
        log().sink = std::move(sink);
    }
    static FILE* stream = [] {
        FILE* opened = fopencookie(nullptr, "w", {nullptr, write_stream, nullptr, nullptr});
        if (opened != nullptr) setvbuf(opened, nullptr, _IOLBF, BUFSIZ);
        return opened;
    }();
    if (stream != nullptr) rte_openlog_stream(stream);
}

std::string take_complaint() {
    const std::lock_guard lock(log().mutex);
    std::string error = std::exchange(log().first_error, {});
    std::string warning = std::exchange(log().last_warning, {});
    return error.empty() ? warning : error;
}

}  // namespace portcullis::nic
