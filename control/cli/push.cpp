// portcullis push TOPOLOGY
#include <fstream>
#include <iterator>
#include <ostream>

#include "control/cli/online.h"

namespace portcullis::control::cli {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMaxTopologyBytes = std::size_t{4} << 20;  // the loader's limit
// A compilation, a load and some queueing, with room; the daemon has limits of its own.
constexpr std::chrono::seconds kPatience{300};

const Usage kPushUsage{
    "push", "TOPOLOGY [--confirm SECONDS] [--dry-run]",
    "Has the daemon compile a topology and give the policy to the data plane. Until that has "
    "taken it whole,\nnothing changes. Everything that is wrong with the topology goes to standard "
    "error, and nothing is pushed.",
    "With --confirm the data plane itself goes back to the policy before, unless 'portcullis "
    "confirm' comes in time:\nuse it where the push may cut you off.\n"
    "Exit codes: 0 done, 1 not done, 2 usage."};

tl::expected<std::string, std::string> read_text(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return tl::make_unexpected("cannot read " + file);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (stream.bad()) return tl::make_unexpected("cannot read " + file);
    if (text.size() > kMaxTopologyBytes)
        return tl::make_unexpected(file + " is larger than " + std::to_string(kMaxTopologyBytes) +
                                   " bytes");
    try {  // JSON is UTF-8; what is not would reach the daemon as something else
        static_cast<void>(Json(text).dump());
    } catch (const Json::exception&) {
        return tl::make_unexpected(file + " is not UTF-8 text");
    }
    return text;
}

void print_answer(const Json& answer, Streams& streams) {
    auto& out = streams.out;
    const auto state = cell(answer, "state");
    out << "topology    " << cell(answer, "name") << " (" << cell(answer, "release") << ")\n"
        << "policy      " << cell(answer, "hash") << '\n'
        << "rules       " << count(answer, "rules") << '\n';
    const auto& findings = member(answer, "findings");
    if (findings.is_array())
        for (const auto& finding : findings)
            out << "finding     " << cell(finding, "kind") << ": " << cell(finding, "text") << '\n';
    out << "state       ";
    if (state == "dry-run") {
        out << "sound; nothing was pushed\n";
    } else if (state == "unchanged") {
        out << "this policy runs already, as generation " << count(answer, "generation") << '\n';
    } else {
        out << "runs as generation " << count(answer, "generation") << '\n';
        if (state == "unconfirmed")
            out << "            rolled back in " << count(answer, "confirm_seconds")
                << " s, unless: portcullis confirm\n";
    }
}

}  // namespace

int push_command(const Arguments& arguments, Streams& streams) {
    auto options = online_options();
    options.add_options()("confirm", po::value<std::uint32_t>()->value_name("SECONDS"),
                          "roll back unless confirmed within so many seconds (up to 86400)")(
        "dry-run", "have it compiled by the daemon, and push nothing");
    const auto values = parse_options(kPushUsage, options, {{"TOPOLOGY"}}, arguments, streams);
    if (!values) return values.error();
    Json params;
    if (values->count("confirm") > 0) {
        const auto seconds = (*values)["confirm"].as<std::uint32_t>();
        if (seconds < 1 || seconds > 86400)
            return usage_error(kPushUsage, "--confirm takes 1 to 86400 seconds", streams);
        params["confirm_seconds"] = seconds;
    }
    const auto file = (*values)["TOPOLOGY"].as<std::string>();
    auto text = read_text(file);
    if (!text) {
        streams.err << "portcullis push: " << text.error() << '\n';
        return kNegative;
    }
    params["topology"] = std::move(*text);
    params["name"] = file;
    params["dry_run"] = values->count("dry-run") > 0;
    const auto answer = ask(kPushUsage, *values, "push", params, streams, kPatience);
    if (!answer) return answer.error();
    if (wants_json(*values))
        print_json(*answer, streams);
    else
        print_answer(*answer, streams);
    return kOk;
}

}  // namespace portcullis::control::cli
