// portcullis status
#include <ostream>

#include "control/cli/online.h"

namespace portcullis::control::cli {
namespace {

const Usage kStatusUsage{"status", "", "Says what runs: the daemon, the data plane, the policy.",
                         "Exit codes: 0 done, 1 nobody answers, 2 usage."};

std::string describe(const Json& policy) {
    if (!policy.is_object()) return "none";
    auto text = cell(policy, "hash");
    if (!member(policy, "name").is_null())
        text = cell(policy, "name") + " (" + cell(policy, "release") + "), " +
               std::to_string(count(policy, "rules")) + " rules, " + text;
    return text;
}

void print_dataplane(const Json& dataplane, std::ostream& out) {
    out << "data plane  ";
    if (!member(dataplane, "error").is_null()) {
        out << (member(dataplane, "connected") == true ? "does not answer: " : "not connected: ")
            << cell(dataplane, "error") << '\n';
        return;
    }
    out << "pid " << count(dataplane, "pid") << ", up "
        << duration(count(dataplane, "uptime_seconds")) << ", " << count(dataplane, "workers")
        << " workers, " << count(dataplane, "sessions") << " of "
        << count(dataplane, "session_capacity") << " sessions\n";
}

void print_status(const Json& status, std::ostream& out) {
    const auto& control = member(status, "control");
    out << "control     pid " << count(control, "pid") << ", up "
        << duration(count(control, "uptime_seconds")) << '\n';
    if (const auto& activity = member(control, "activity"); activity.is_object())
        out << "            " << cell(activity, "what") << " by pid " << count(activity, "pid")
            << ": " << cell(activity, "stage") << '\n';
    print_dataplane(member(status, "dataplane"), out);
    const auto& running = member(status, "policy");
    const bool known = member(member(status, "dataplane"), "error").is_null();
    out << "policy      "
        << (running.is_object() ? describe(running)
            : known             ? "none: everything is dropped"
                                : "unknown")
        << '\n';
    if (running.is_object()) {
        out << "            generation " << count(running, "generation") << ", since "
            << duration(count(running, "age_seconds")) << '\n';
        if (const auto left = count(running, "confirm_seconds_left"); left > 0)
            out << "            rolled back in " << left << " s, unless: portcullis confirm\n";
    }
    out << "previous    " << describe(member(status, "previous")) << '\n'
        << "on disk     " << describe(member(member(status, "stored"), "current")) << '\n';
}

}  // namespace

int status_command(const Arguments& arguments, Streams& streams) {
    const auto values = parse_options(kStatusUsage, online_options(), {}, arguments, streams);
    if (!values) return values.error();
    const auto status = ask(kStatusUsage, *values, "status", Json::object(), streams);
    if (!status) return status.error();
    if (wants_json(*values))
        print_json(*status, streams);
    else
        print_status(*status, streams.out);
    return kOk;
}

}  // namespace portcullis::control::cli
