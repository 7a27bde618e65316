#include "control/deny_log.h"

namespace portcullis::control {
namespace {

std::string endpoint(const Json& view, const char* address, const char* port) {
    const auto text = view[address].get<std::string>();
    const bool v6 = text.find(':') != std::string::npos;
    return (v6 ? '[' + text + ']' : text) + ':' + std::to_string(view[port].get<unsigned>());
}

std::string name_or_dash(const Json& name) {
    return name.is_string() ? name.get<std::string>() : "-";
}

// What a session sent that does not speak the protocol of its service.
std::string conformance(const Json& view) {
    if (!view.contains("service")) return {};
    const auto bytes = view["first_bytes"].get<std::string>();
    return " service=" + view["service"].get<std::string>() +
           " first-bytes=" + (bytes.empty() ? "-" : bytes);
}

std::string line(const Json& view) {
    return (view["dropped"].get<bool>() ? "denied " : "watched ") +
           view["protocol"].get<std::string>() + ' ' + endpoint(view, "src", "sport") + " -> " +
           endpoint(view, "dst", "dport") + " in=" + name_or_dash(view["interface"]) +
           " reason=" + view["reason"].get<std::string>() + " rule=" + name_or_dash(view["rule"]) +
           conformance(view) + ": " + view["text"].get<std::string>();
}

}  // namespace

void DenyLog::take(const std::vector<peer::DenyRecord>& records, const PolicyPtr& policy) {
    std::uint64_t unwritten = 0;
    unsigned lines = 0;
    for (const auto& record : records) {
        auto view = deny_view(record, policy);
        unwritten += record.suppressed;
        if (lines < lines_per_pull_) {
            write_(line(view));
            ++lines;
        } else {
            ++unwritten;
        }
        recent_.push_back(std::move(view));
        if (recent_.size() > kKept) recent_.pop_front();
    }
    if (unwritten > 0)
        write_("denied " + std::to_string(unwritten) + " more, not logged one by one");
}

}  // namespace portcullis::control
