// Options of one command, over Boost.Program_options: the same --help and the same errors
// everywhere.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <tl/expected.hpp>

#include "control/cli/command.h"

namespace portcullis::control::cli {

struct Usage {
    std::string command;     // "trace"
    std::string synopsis;    // "TOPOLOGY --in ZONE ..."; one line for each form
    std::string text;        // what the command does; printed above the options
    std::string epilogue{};  // examples and exit codes; printed below them
};

// One required or optional argument without a dash, by position.
struct Positional {
    std::string name;  // also its key in the result
    bool required = true;
};

// The values, or the exit code that the command returns at once (kOk after --help, kUsage after an
// error, which has been printed). Option names are never guessed from a beginning.
tl::expected<boost::program_options::variables_map, int> parse_options(
    const Usage& usage, const boost::program_options::options_description& options,
    const std::vector<Positional>& positionals, const Arguments& arguments, Streams& streams);

// Prints "portcullis COMMAND: message" and where help is; returns kUsage.
int usage_error(const Usage& usage, std::string_view message, Streams& streams);

}  // namespace portcullis::control::cli
