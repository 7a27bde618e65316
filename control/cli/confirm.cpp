// portcullis confirm, portcullis rollback: the two ends of a push with --confirm.
#include <ostream>

#include "control/cli/online.h"

namespace portcullis::control::cli {
namespace {

const Usage kConfirmUsage{"confirm", "", "Makes the policy of 'push --confirm' final.",
                          "Exit codes: 0 done, 1 not done, 2 usage."};
const Usage kRollbackUsage{"rollback", "",
                           "Has the data plane go back to the policy that ran before.",
                           "Exit codes: 0 done, 1 not done, 2 usage."};

int change(const Usage& usage, const Arguments& arguments, Streams& streams) {
    const auto values = parse_options(usage, online_options(), {}, arguments, streams);
    if (!values) return values.error();
    const auto answer = ask(usage, *values, usage.command, Json::object(), streams);
    if (!answer) return answer.error();
    if (wants_json(*values)) {
        print_json(*answer, streams);
    } else if (cell(*answer, "hash").empty()) {
        streams.out << "no policy runs: everything is dropped\n";
    } else {
        const auto name = cell(*answer, "name");
        streams.out << (name.empty() ? "a policy" : name) << " runs as generation "
                    << count(*answer, "generation") << ", policy " << cell(*answer, "hash") << '\n';
    }
    return kOk;
}

}  // namespace

int confirm_command(const Arguments& arguments, Streams& streams) {
    return change(kConfirmUsage, arguments, streams);
}

int rollback_command(const Arguments& arguments, Streams& streams) {
    return change(kRollbackUsage, arguments, streams);
}

}  // namespace portcullis::control::cli
