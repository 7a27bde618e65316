// portcullis counters
#include <algorithm>
#include <map>
#include <ostream>

#include "control/cli/online.h"

namespace portcullis::control::cli {
namespace {

const Usage kCountersUsage{"counters", "[--all]",
                           "Shows what the data plane has counted since its start: in total, and "
                           "for each thread.",
                           "'drop.NAME' counts packets dropped for one reason.\n"
                           "Exit codes: 0 done, 1 nobody answers, 2 usage."};

std::string percent(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return "-";
    const std::uint64_t tenths = (part * 1000 + whole / 2) / whole;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

// How evenly the workers are loaded, and what reaches the wrong one: the devices spread by address,
// so a large site behind one address is one worker's (dataplane/owner.h).
void print_shares(const std::vector<std::string>& workers,
                  const std::map<std::pair<std::string, std::string>, std::uint64_t>& values,
                  Streams& streams) {
    const auto of = [&](const char* name, const std::string& worker) {
        const auto found = values.find({name, worker});
        return found == values.end() ? std::uint64_t{0} : found->second;
    };
    std::uint64_t rx = 0, out = 0, sessions = 0;
    Rows rows;
    for (const auto& worker : workers) {
        if (worker == "main") continue;
        rx += of("rx", worker);
        out += of("handed-out", worker);
        sessions += of("sessions", worker);
    }
    for (const auto& worker : workers)
        if (worker != "main")
            rows.push_back({"worker " + worker, percent(of("rx", worker), rx),
                            percent(of("handed-out", worker), of("rx", worker)),
                            percent(of("sessions", worker), sessions)});
    if (rows.size() < 2 || rx == 0) return;
    rows.push_back({"all", percent(rx, rx), percent(out, rx), percent(sessions, sessions)});
    streams.out << '\n';
    print_rows({"", "received", "of it handed over", "sessions"}, rows, streams);
}

// One row a counter, in the order of the data plane's lists; one column a thread.
void print_counters(const Json& counters, bool all, Streams& streams) {
    std::vector<std::string> names;
    std::vector<std::string> workers;
    std::map<std::pair<std::string, std::string>, std::uint64_t> values;
    std::map<std::string, std::uint64_t> totals;
    for (const auto& counter : counters) {
        const auto name = cell(counter, "name");
        const auto worker = cell(counter, "worker");
        const auto value = count(counter, "value");
        if (!totals.contains(name)) names.push_back(name);
        if (std::find(workers.begin(), workers.end(), worker) == workers.end())
            workers.push_back(worker);
        totals[name] += value;
        values[{name, worker}] += value;
    }
    std::vector<std::string> titles = {"counter", "total"};
    for (const auto& worker : workers)
        titles.push_back(worker == "main" ? worker : "worker " + worker);
    Rows rows;
    for (const auto& name : names) {
        if (!all && totals[name] == 0) continue;
        std::vector<std::string> row = {name, std::to_string(totals[name])};
        for (const auto& worker : workers) {
            const auto value = values.find({name, worker});
            row.push_back(value == values.end() ? "" : std::to_string(value->second));
        }
        rows.push_back(std::move(row));
    }
    if (rows.empty())
        streams.out << "nothing has been counted yet (--all shows the zeros)\n";
    else
        print_rows(titles, rows, streams);
    print_shares(workers, values, streams);
}

}  // namespace

int counters_command(const Arguments& arguments, Streams& streams) {
    auto options = online_options();
    options.add_options()("all", "those that are zero too");
    const auto values = parse_options(kCountersUsage, options, {}, arguments, streams);
    if (!values) return values.error();
    const auto answer = ask(kCountersUsage, *values, "counters", Json::object(), streams);
    if (!answer) return answer.error();
    if (wants_json(*values))
        print_json(*answer, streams);
    else
        print_counters(member(*answer, "counters"), values->count("all") > 0, streams);
    return kOk;
}

}  // namespace portcullis::control::cli
