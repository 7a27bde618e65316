// portcullis sessions
#include "control/cli/online.h"

namespace portcullis::control::cli {
namespace {

namespace po = boost::program_options;

const Usage kSessionsUsage{
    "sessions", "[--address A] [--port P] [--proto X] [--limit N]",
    "Lists live sessions. An address or port is looked for at either end, before and after "
    "translation.",
    "'becomes' is what the responder sees, where that is another tuple. A session's state says "
    "also\n"
    "whether its first bytes are still looked at (undecided), or were another protocol's and "
    "nothing\n"
    "of it passes (refused; UDP, for 10 s).\n"
    "Exit codes: 0 done, 1 nobody answers, 2 usage."};

std::string arrow(const Json& tuple) {
    return endpoint(tuple, "src", "sport") + " -> " + endpoint(tuple, "dst", "dport");
}

// With what conformance says of it, while that matters.
std::string state(const Json& session) {
    const auto said = cell(session, "conformance");
    return cell(session, "state") + (said.empty() ? "" : ", " + said);
}

std::vector<std::string> session_row(const Json& session) {
    const auto as_sent = arrow(session);
    const auto as_seen = arrow(member(session, "translated"));
    return {cell(session, "protocol"),
            as_sent,
            as_seen == as_sent ? "" : as_seen,
            state(session),
            cell(session, "interface"),
            cell(session, "rule"),
            duration(count(session, "idle_seconds")),
            duration(count(session, "expires_seconds")),
            cell(member(session, "initiator"), "packets") + '/' +
                cell(member(session, "responder"), "packets")};
}

}  // namespace

int sessions_command(const Arguments& arguments, Streams& streams) {
    auto options = online_options();
    options.add_options()("address", po::value<std::string>()->value_name("A"),
                          "of this IPv4 or IPv6 address")(
        "port", po::value<std::uint16_t>()->value_name("P"), "of this port")(
        "proto", po::value<std::string>()->value_name("X"), "tcp, udp, icmp or icmpv6")(
        "limit", po::value<std::uint32_t>()->default_value(1000)->value_name("N"),
        "so many at most (up to 10000)");
    const auto values = parse_options(kSessionsUsage, options, {}, arguments, streams);
    if (!values) return values.error();
    Json params = {{"limit", (*values)["limit"].as<std::uint32_t>()}};
    if (values->count("address") > 0) params["address"] = (*values)["address"].as<std::string>();
    if (values->count("port") > 0) params["port"] = (*values)["port"].as<std::uint16_t>();
    if (values->count("proto") > 0) params["protocol"] = (*values)["proto"].as<std::string>();
    return show({kSessionsUsage,
                 "sessions",
                 "sessions",
                 {"proto", "initiator -> responder", "becomes", "state", "in", "rule", "idle",
                  "expires", "packets"},
                 session_row,
                 "no session"},
                *values, params, streams);
}

}  // namespace portcullis::control::cli
