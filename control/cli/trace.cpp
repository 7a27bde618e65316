// portcullis trace TOPOLOGY ...: one question from the command line, or many from a file.
#include <fstream>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "control/cli/batch.h"
#include "control/cli/command.h"
#include "control/cli/compiled.h"
#include "control/cli/options.h"
#include "control/cli/question.h"
#include "control/cli/table.h"
#include "control/cli/zone_option.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;
namespace po = boost::program_options;

const Usage kTraceUsage{
    "trace",
    R"(TOPOLOGY --in ZONE --proto tcp|udp --src IP[:PORT] --dst IP:PORT [--with F] [--without F] [--json]
TOPOLOGY --batch FILE|- [--with F] [--without F])",
    R"(Says what would become of the first packet of a connection (TCP: a SYN) that comes in from a zone:
allowed or denied, by which rule, which protocol its first bytes must speak, how it is translated and
where it leaves. Nothing is sent.
An IPv6 address is written [ADDRESS]:PORT; without a source port, 51000 is asked.

With --batch, one JSON object a line is read and one is written for each:
  {"id":1,"in":"internet","proto":"tcp","src":"198.51.100.25","sport":51000,
   "dst":"203.0.113.10","dport":443,"without":["xmpp"],"expect":{"verdict":"allow"}}
"sport", "with", "without" and "expect" may be left out; empty lines and lines that begin with # are
skipped. "expect" is any part of the answer, or only "allow" or "deny".)",
    R"(Exit codes: 0 answered (a deny is an answer), 1 errors in the topology, malformed lines or
expectations that are not met, 2 usage.)"};

po::options_description trace_options() {
    using Names = std::vector<std::string>;
    po::options_description options;
    const auto add = [&](const char* name, const char* value, const char* help) {
        options.add_options()(name, po::value<std::string>()->value_name(value), help);
    };
    add("in", "ZONE", "the zone it comes from");
    add("proto", "PROTOCOL", "tcp, udp or icmp (echo)");
    add("src", "IP[:PORT]", "the source, as its sender wrote it");
    add("dst", "IP:PORT", "the destination, before any translation");
    options.add_options()("with", po::value<Names>()->value_name("F"),
                          "switch a feature on, for this question; may be repeated")(
        "without", po::value<Names>()->value_name("F"), "switch a feature off")(
        "json", "answer as one JSON object");
    add("batch", "FILE", "read questions from a file, - for standard input");
    return options;
}

std::vector<std::string> names(const po::variables_map& options, const char* key) {
    if (options.count(key) == 0) return {};
    return options[key].as<std::vector<std::string>>();
}

tl::expected<Question, std::string> parse_question(const po::variables_map& options) {
    for (const char* key : {"in", "proto", "src", "dst"})
        if (options.count(key) == 0)
            return tl::make_unexpected("--" + std::string(key) + " is missing");
    const auto value = [&](const char* key) { return options[key].as<std::string>(); };
    const auto in = parse_zone_option(value("in"));
    if (!in) return tl::make_unexpected("--in: " + in.error());
    const auto transport = parse_transport(value("proto"));
    if (!transport) return tl::make_unexpected("--proto: " + transport.error());
    const auto source = parse_endpoint(value("src"), kDefaultSourcePort);
    if (!source) return tl::make_unexpected("--src: " + source.error());
    std::optional<std::uint16_t> no_port;
    if (*transport == Transport::icmp) no_port = 0;
    const auto destination = parse_endpoint(value("dst"), no_port);
    if (!destination) return tl::make_unexpected("--dst: " + destination.error());
    return Question{*in,          *transport,       source->address, destination->address,
                    source->port, destination->port};
}

std::string end_text(const std::optional<IpAddress>& address,
                     const std::optional<std::uint16_t>& port, std::string_view open_address) {
    const auto host = address ? address->to_string() : std::string(open_address);
    const auto number = port ? std::to_string(*port) : "(a port of ours)";
    if (address && !address->is_v4()) return "[" + host + "]:" + number;
    return host + ":" + number;
}

Json egress_json(const Policy& policy, const Answer& answer) {
    if (!answer.egress) return nullptr;
    Json json;
    json["interface"] = policy.interfaces.at(answer.egress->interface).name;
    // Several nodes on the link: the next hop is the one that is chosen.
    const auto& translated = answer.verdict.translated;
    const bool open = !translated.destination && !translated.candidates.empty() &&
                      answer.egress->address == translated.candidates.front();
    json["next_hop"] = open ? Json() : Json(answer.egress->address.to_string());
    return json;
}

void print_text(const Policy& policy, const Answer& answer, std::ostream& out) {
    const auto line = [&](std::string_view label, const std::string& value) {
        auto wrapped = wrap(value, 108);
        for (std::size_t i = 0; i < wrapped.size(); ++i)
            out << std::left << std::setw(12) << (i == 0 ? label : "") << wrapped[i] << '\n';
    };
    const auto& verdict = answer.verdict;
    const auto& packet = answer.packet;
    line("packet", std::string(to_string(packet.transport)) + " " +
                       endpoint(packet.source, packet.source_port) + " -> " +
                       endpoint(packet.destination, packet.destination_port));
    line("in", policy.interfaces.at(answer.ingress).name);
    line("verdict", verdict.allow ? "allow" : "deny");
    if (verdict.rule != kNoRule) {
        const auto& rule = policy.rules.at(verdict.rule);
        line("rule", rule.id);
        std::string rows;
        for (const auto& row : rule.rows) rows += (rows.empty() ? "" : ", ") + row;
        if (verdict.allow) line("rows", rows.empty() ? "none, a site rule" : rows);
    }
    line("reason", reason(policy, verdict));
    if (!verdict.allow) return;
    const auto held = held_to(policy, policy.rules.at(verdict.rule));
    line("held to", held.empty() ? "no protocol" : held);
    line("nat", std::string(to_string(verdict.nat)));
    const auto& translated = verdict.translated;
    line("leaves as",
         end_text(translated.source, translated.source_port, "") + " -> " +
             end_text(translated.destination, translated.destination_port, "(one of the nodes)"));
    std::string nodes;
    for (const auto& node : translated.candidates)
        nodes += (nodes.empty() ? "" : ", ") + node.to_string();
    if (!nodes.empty()) line("nodes", nodes);
    const auto egress = egress_json(policy, answer);
    if (egress.is_null())
        line("egress", "none: no interface or route leads there, so it would be dropped");
    else
        line("egress", egress["interface"].get<std::string>() + ", next hop " +
                           (egress["next_hop"].is_null() ? "the node"
                                                         : egress["next_hop"].get<std::string>()));
}

int run_file(PolicyCache& cache, const topology::FeatureSet& features, const std::string& name,
             Streams& streams) {
    if (name == "-") return run_batch(cache, features, streams.in, "standard input", streams);
    std::ifstream file(name);
    if (!file) return usage_error(kTraceUsage, name + " cannot be read", streams);
    return run_batch(cache, features, file, name, streams);
}

int run_question(PolicyCache& cache, const topology::FeatureSet& features, const Question& question,
                 bool json, Streams& streams) {
    const auto& policy = cache.get(features);
    if (!policy) {
        print_diagnostics(policy.error(), streams.err);
        return kNegative;
    }
    const auto answered = answer(*policy, question);
    if (!answered) return usage_error(kTraceUsage, "--in: " + answered.error(), streams);
    if (!json) {
        print_text(*policy, *answered, streams.out);
        return kOk;
    }
    auto out = to_json(*policy, answered->verdict);
    out["ingress"] = policy->interfaces.at(answered->ingress).name;
    out["egress"] = egress_json(*policy, *answered);
    streams.out << out.dump(2) << '\n';
    return kOk;
}

}  // namespace

int trace_command(const Arguments& arguments, Streams& streams) {
    const auto options =
        parse_options(kTraceUsage, trace_options(), {{"TOPOLOGY"}}, arguments, streams);
    if (!options) return options.error();
    const auto change = parse_feature_change(names(*options, "with"), names(*options, "without"));
    if (!change) return usage_error(kTraceUsage, change.error(), streams);
    const bool batch = options->count("batch") > 0;
    Question question;
    if (batch) {
        for (const char* key : {"in", "proto", "src", "dst"})
            if (options->count(key) > 0)
                return usage_error(kTraceUsage,
                                   "--batch and --" + std::string(key) + " exclude each other",
                                   streams);
    } else {
        const auto parsed = parse_question(*options);
        if (!parsed) return usage_error(kTraceUsage, parsed.error(), streams);
        question = *parsed;
    }
    auto cache = PolicyCache::load((*options)["TOPOLOGY"].as<std::string>());
    if (!cache) {
        print_diagnostics(cache.error(), streams.err);
        return kNegative;
    }
    const auto features = changed(cache->topology().features, *change);
    if (batch) return run_file(*cache, features, (*options)["batch"].as<std::string>(), streams);
    return run_question(*cache, features, question, options->count("json") > 0, streams);
}

}  // namespace portcullis::control::cli
