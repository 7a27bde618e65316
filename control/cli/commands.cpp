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
    Command{"identify", "say which protocols the flows of a capture speak", identify_command},
    Command{"push", "have the daemon compile a topology and make it run", push_command},
    Command{"confirm", "make the policy of 'push --confirm' final", confirm_command},
    Command{"rollback", "go back to the policy before", rollback_command},
    Command{"status", "say what runs", status_command},
    Command{"counters", "show what the data plane has counted", counters_command},
    Command{"sessions", "list live sessions", sessions_command},
    Command{"neighbours", "list next hops", neighbours_command},
    Command{"interfaces", "list the interfaces of the running policy", interfaces_command},
    Command{"nodes", "list the nodes of services, up or down", nodes_command},
    Command{"hits", "list the running rules and how often each decided", hits_command},
    Command{"signatures", "what sessions are held to, and what became of them", signatures_command},
    Command{"denies", "list the last denied packets", denies_command},
    Command{"history", "list the last pushes and how they ended", history_command},
};

void print_help(std::ostream& out) {
    out << R"(usage: portcullis COMMAND [ARGUMENTS]

Derives the rules of a Lync perimeter from a topology file, answers for them,
and has the daemon make them run (the commands from push on).

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
