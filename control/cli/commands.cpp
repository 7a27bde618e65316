#include <array>
#include <iomanip>
#include <ostream>

#include "control/cli/command.h"
#include "control/cli/nearest.h"

namespace portcullis::control::cli {
namespace {

constexpr std::array kCommands = {
    Command{"check", "read a topology, say everything that is wrong with it, or what it means",
            check_command},
    Command{"rules", "list the rules of a topology, each with where it comes from", rules_command},
    Command{"trace", "say what would become of the first packet of a connection", trace_command},
    Command{"diff", "compare the rules of two topologies", diff_command},
};

void print_help(std::ostream& out) {
    out << R"(usage: portcullis COMMAND [ARGUMENTS]

Derives the rules of a Lync perimeter from a topology file, and answers for them.

Commands:
)";
    for (const auto& command : kCommands)
        out << "  " << std::left << std::setw(12) << command.name << command.help << '\n';
    out << R"(
'portcullis COMMAND --help' tells more. Exit codes: 0 done, 1 the answer is no (errors in a topology,
an expectation that is not met, a difference), 2 the command was not understood.
)";
}

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

int dispatch(const Arguments& arguments, Streams& streams) {
    if (arguments.empty()) {
        print_help(streams.err);
        return kUsage;
    }
    const auto& name = arguments.front();
    if (name == "--help" || name == "-h" || name == "help") {
        print_help(streams.out);
        return kOk;
    }
    std::vector<std::string_view> names;
    for (const auto& command : kCommands) {
        if (command.name == name)
            return command.run({arguments.begin() + 1, arguments.end()}, streams);
        names.push_back(command.name);
    }
    streams.err << "portcullis: there is no command '" << name << "'";
    if (const auto close = nearest(name, names))
        streams.err << "; did you mean '" << *close << "'?";
    streams.err << " (portcullis --help lists them)\n";
    return kUsage;
}

}  // namespace portcullis::control::cli
