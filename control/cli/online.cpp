#include "control/cli/online.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <ostream>

#include "control/cli/table.h"
#include "control/client.h"

namespace portcullis::control::cli {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kWidestColumn = 60;

std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::string two_units(std::uint64_t big, char big_unit, std::uint64_t small, char small_unit) {
    auto text = std::to_string(big) + big_unit;
    if (small > 0) text += ' ' + std::to_string(small) + small_unit;
    return text;
}

}  // namespace

po::options_description online_options() {
    po::options_description options;
    options.add_options()(
        "socket", po::value<std::string>()->default_value(kDefaultSocket)->value_name("PATH"),
        "the daemon's control socket")("json", "print JSON");
    return options;
}

tl::expected<Json, int> ask(const Usage& usage, const Values& values, const std::string& method,
                            const Json& params, Streams& streams, std::chrono::seconds patience) {
    const auto fail = [&](const std::string& message) {
        streams.err << "portcullis " << usage.command << ": " << message << '\n';
        return tl::make_unexpected(kNegative);
    };
    auto client = Client::connect(values["socket"].as<std::string>());
    if (!client) return fail(client.error());
    auto answer = client->call(method, params, patience);
    if (answer) return std::move(*answer);
    // The topology's errors, as `check` prints them.
    const auto& error = answer.error();
    if (error.code == RpcCode::topology && error.data.is_array())
        for (const auto& wrong : error.data) {
            streams.err << cell(wrong, "file") << ':' << count(wrong, "line") << ':'
                        << count(wrong, "column") << ": " << cell(wrong, "message");
            const auto& hint = member(wrong, "hint");
            if (hint.is_string() && !hint.get<std::string>().empty())
                streams.err << " (" << hint.get<std::string>() << ')';
            streams.err << '\n';
        }
    return fail(error.message);
}

bool wants_json(const Values& values) {
    return values.count("json") > 0;
}

void print_json(const Json& json, Streams& streams) {
    streams.out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

const Json& member(const Json& object, const char* key) {
    static const Json null;
    if (!object.is_object()) return null;
    const auto found = object.find(key);
    return found == object.end() ? null : *found;
}

std::string cell(const Json& object, const char* key) {
    const auto& value = member(object, key);
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_array()) {
        std::string text;
        for (const auto& element : value)
            if (element.is_string())
                text += (text.empty() ? "" : ", ") + element.get<std::string>();
        return text;
    }
    return value.is_null() ? "-" : value.dump();
}

std::uint64_t count(const Json& object, const char* key) {
    const auto& value = member(object, key);
    return value.is_number_integer() ? value.get<std::uint64_t>() : 0;
}

std::string duration(std::uint64_t seconds) {
    if (seconds >= 86400) return two_units(seconds / 86400, 'd', seconds / 3600 % 24, 'h');
    if (seconds >= 3600) return two_units(seconds / 3600, 'h', seconds / 60 % 60, 'm');
    if (seconds >= 60) return two_units(seconds / 60, 'm', seconds % 60, 's');
    return std::to_string(seconds) + 's';
}

std::string endpoint(const Json& tuple, const char* address, const char* port) {
    const auto text = cell(tuple, address);
    const bool v6 = text.find(':') != std::string::npos;
    return (v6 ? '[' + text + ']' : text) + ':' + cell(tuple, port);
}

std::string time_text(std::int64_t unix_ms) {
    const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
    std::tm parts{};
    std::array<char, 32> text{};
    if (::localtime_r(&seconds, &parts) == nullptr ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        return "-";
    return text.data();
}

void print_rows(const std::vector<std::string>& titles, const Rows& rows, Streams& streams) {
    std::vector<Column> columns;
    for (std::size_t i = 0; i < titles.size(); ++i) {
        std::size_t width = titles[i].size();
        for (const auto& row : rows) width = std::max(width, characters(row.at(i)));
        columns.push_back({titles[i], std::min(width, kWidestColumn)});
    }
    const Table table(std::move(columns), 0);
    table.print_titles(streams.out);
    for (const auto& row : rows) table.print_row(row, streams.out);
}

int show(const Listing& listing, const Values& values, const Json& params, Streams& streams) {
    const auto answer = ask(listing.usage, values, listing.method, params, streams);
    if (!answer) return answer.error();
    if (wants_json(values)) {
        print_json(*answer, streams);
        return kOk;
    }
    Rows rows;
    const auto& list = member(*answer, listing.key);
    if (list.is_array())
        for (const auto& element : list) rows.push_back(listing.row(element));
    if (rows.empty())
        streams.out << listing.none << '\n';
    else
        print_rows(listing.titles, rows, streams);
    return kOk;
}

int show(const Listing& listing, const Arguments& arguments, Streams& streams) {
    const auto values = parse_options(listing.usage, online_options(), {}, arguments, streams);
    if (!values) return values.error();
    return show(listing, *values, Json::object(), streams);
}

}  // namespace portcullis::control::cli
