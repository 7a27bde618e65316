// The command line `portcullis`: one file a command, one table (commands.cpp) that lists them all.
//
// To add a command: write `int name_command(const Arguments&, Streams&)` in its own file, declare
// it here, and add a line to the table. Options are read with options.h, which makes --help the
// same everywhere.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::control::cli {

// What a command reads and writes; tests pass string streams.
struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
};

// Exit codes of every command.
inline constexpr int kOk = 0;
inline constexpr int kNegative = 1;  // the question was answered, and the answer is no
inline constexpr int kUsage = 2;     // the question could not be understood

using Arguments = std::vector<std::string>;  // those behind the command's name

struct Command {
    std::string_view name;
    std::string_view help;  // one line
    int (*run)(const Arguments& arguments, Streams& streams);
};
std::span<const Command> commands();

// `arguments` are argv[1..]: the command's name and what follows it.
int dispatch(const Arguments& arguments, Streams& streams);

// Offline: each reads a topology file and asks nobody.
int check_command(const Arguments& arguments, Streams& streams);
int rules_command(const Arguments& arguments, Streams& streams);
int trace_command(const Arguments& arguments, Streams& streams);
int diff_command(const Arguments& arguments, Streams& streams);
// Offline too: reads a capture.
int identify_command(const Arguments& arguments, Streams& streams);

// Both: offline with a topology or --offline.
int signatures_command(const Arguments& arguments, Streams& streams);

// Online: each asks the daemon over the control socket.
int push_command(const Arguments& arguments, Streams& streams);
int confirm_command(const Arguments& arguments, Streams& streams);
int rollback_command(const Arguments& arguments, Streams& streams);
int status_command(const Arguments& arguments, Streams& streams);
int counters_command(const Arguments& arguments, Streams& streams);
int sessions_command(const Arguments& arguments, Streams& streams);
int neighbours_command(const Arguments& arguments, Streams& streams);
int interfaces_command(const Arguments& arguments, Streams& streams);
int nodes_command(const Arguments& arguments, Streams& streams);
int hits_command(const Arguments& arguments, Streams& streams);
int denies_command(const Arguments& arguments, Streams& streams);
int history_command(const Arguments& arguments, Streams& streams);

}  // namespace portcullis::control::cli
