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
