// What the commands that ask the daemon share: --socket and --json, the question, its failures, and
// tables of what comes back.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/cli/command.h"
#include "control/cli/options.h"

namespace portcullis::control::cli {

using Json = nlohmann::ordered_json;
using Values = boost::program_options::variables_map;

// With --socket and --json, for a command to add its own to.
boost::program_options::options_description online_options();

// The method's result; or, with the reason printed, the exit code (1: the answer is no, or none).
tl::expected<Json, int> ask(const Usage& usage, const Values& values, const std::string& method,
                            const Json& params, Streams& streams,
                            std::chrono::seconds patience = std::chrono::seconds(30));

bool wants_json(const Values& values);
void print_json(const Json& json, Streams& streams);

// A member as a cell: strings as they are, numbers and booleans in words, "-" where there is none.
std::string cell(const Json& object, const char* key);
std::uint64_t count(const Json& object, const char* key);  // 0 where there is none
const Json& member(const Json& object, const char* key);   // null where there is none
std::string duration(std::uint64_t seconds);               // "3d 4h", "12m 5s", "7s"
std::string endpoint(const Json& tuple, const char* address, const char* port);
std::string time_text(std::int64_t unix_ms);  // local time, to the second

// Columns as wide as their longest cell, up to kWidestColumn.
using Rows = std::vector<std::vector<std::string>>;
void print_rows(const std::vector<std::string>& titles, const Rows& rows, Streams& streams);

// A command that shows one list: the whole of several commands.
struct Listing {
    const Usage& usage;
    const char* method;
    const char* key;  // of the list in the result
    std::vector<std::string> titles;
    std::vector<std::string> (*row)(const Json& element);
    const char* none;  // said where the list is empty
};
int show(const Listing& listing, const Arguments& arguments, Streams& streams);
int show(const Listing& listing, const Values& values, const Json& params, Streams& streams);

}  // namespace portcullis::control::cli
