// portcullis identify FILE.pcap [--class NAME] [--topology FILE] [--json]
#include <algorithm>
#include <ostream>

#include "control/cli/command.h"
#include "control/cli/compiled.h"
#include "control/cli/describe.h"
#include "control/cli/nearest.h"
#include "control/cli/options.h"
#include "control/cli/question.h"
#include "control/cli/table.h"
#include "control/identify/recognise.h"

namespace portcullis::control::cli {
namespace {

using namespace identify;
using policy::ProtocolClass;
namespace po = boost::program_options;

const Usage kIdentifyUsage{
    "identify", "FILE [--class NAME] [--topology FILE] [--json]",
    R"(Reads a capture (pcap or pcapng, - for standard input) and says for each TCP and UDP flow which
protocol class its first bytes are of, and which classes would let it pass or refuse it if they were
enforced: the verdicts are the data plane's own. Nothing is sent, and no daemon is asked.

A flow is called by the first class that it passes: turn-udp, dns-udp, media-udp; turn-tcp, media-tcp,
https, sip-tls, psom-tls, http, xmpp, dns-tcp. What is inside TLS cannot be seen, so a TLS client passes
https, sip-tls and psom-tls alike. Where there is no class: unknown (every class refuses it), undecided
(too little was captured), truncated (likewise, and its packets are cut), server first, no payload, no
start (TCP whose SYN was not captured: the data plane does not inspect such flows either).

With --topology, each flow is also held to the service that it would reach there, with its published
names.)",
    R"(Exit codes: 0 read to its end, 1 a file that cannot be read or is damaged (what stands before the
damage is printed), errors in the topology, 2 usage.)"};

po::options_description identify_options() {
    po::options_description options;
    options.add_options()("class", po::value<std::string>()->value_name("NAME"),
                          "ask this class only, as sip-tls")(
        "topology", po::value<std::string>()->value_name("FILE"),
        "hold flows to the services of this topology")("json", "answer as a JSON array of flows");
    return options;
}

tl::expected<ProtocolClass, std::string> parse_class(const std::string& text) {
    std::vector<std::string_view> names;
    for (const auto known : identify::classes()) {
        names.push_back(policy::to_string(known));
        if (names.back() == text) return known;
    }
    auto message = "--class: there is no class '" + text + "' that can be enforced";
    if (const auto close = nearest(text, names))
        return tl::make_unexpected(message + "; did you mean '" + std::string(*close) + "'?");
    message += "; there are";
    for (std::size_t i = 0; i < names.size(); ++i)
        message += (i == 0 ? " " : ", ") + std::string(names[i]);
    return tl::make_unexpected(message);
}

// The packets that are of no flow.
struct Others {
    std::uint64_t packets = 0;
    std::uint64_t fragments = 0;
    std::uint64_t malformed = 0;
};

struct Reading {
    Flows flows;
    Others others;
    std::string error;  // where the file is damaged
};

Reading read(Capture& capture) {
    using Kind = Dissected::Kind;
    Reading reading;
    while (const auto packet = capture.next()) {
        const auto dissected = dissect(capture.link(), *packet);
        if (dissected.kind == Kind::other) ++reading.others.packets;
        if (dissected.kind == Kind::malformed) ++reading.others.malformed;
        if (dissected.kind == Kind::fragment) ++reading.others.fragments;
        if (dissected.kind == Kind::payload ||
            (dissected.kind == Kind::fragment && dissected.has_ends))
            reading.flows.add(*packet, dissected);
    }
    reading.error = capture.error();
    return reading;
}

// The service of a topology that a flow would reach, and what it would get there.
struct ServiceVerdict {
    const policy::Conformance* service = nullptr;
    std::string rule;
    Judgement judgement;
};

class Services {
  public:
    static tl::expected<Services, std::string> create(const policy::Policy& policy) {
        auto judge = Judge::create(policy);
        if (!judge) return tl::make_unexpected(judge.error());
        return Services(policy, std::move(*judge));
    }

    std::optional<ServiceVerdict> judge(const Flow& flow, const Order& order) {
        const auto from = policy::classify(*policy_, flow.initiator.address).zone;
        const auto answered =
            answer(*policy_, {from, flow.transport, flow.initiator.address, flow.responder.address,
                              flow.initiator.port, flow.responder.port});
        if (!flow.has_start || !answered || !answered->verdict.allow) return std::nullopt;
        const auto& rule = policy_->rules.at(answered->verdict.rule);
        if (rule.conformance == policy::kNoConformance) return std::nullopt;
        ServiceVerdict verdict;
        verdict.service = &policy_->conformance.at(rule.conformance);
        verdict.rule = rule.id;
        verdict.judgement = judge_.judge(rule.conformance, flow, order);
        return verdict;
    }

  private:
    Services(const policy::Policy& policy, Judge judge)
        : policy_(&policy), judge_(std::move(judge)) {}
    const policy::Policy* policy_;
    Judge judge_;
};

Json to_json(const identify::Endpoint& end) {
    return {{"address", end.address.to_string()}, {"port", end.port}};
}

Json passes_json(const Judgement& judgement) {
    return judgement.undecided() ? Json() : Json(judgement.passes);
}

Json reason_json(const Judgement& judgement) {
    return judgement.refused ? Json(identify::explain(*judgement.refused)) : Json();
}

std::string_view class_text(const Recognition& recognition) {
    return recognition.seen == Seen::recognised ? policy::to_string(recognition.protocol)
                                                : identify::to_string(recognition.seen);
}

Json to_json(const Flow& flow, const Recognition& recognition) {
    Json json;
    json["first_packet"] = flow.first_packet;
    json["transport"] = policy::to_string(flow.transport);
    json["initiator"] = to_json(flow.initiator);
    json["responder"] = to_json(flow.responder);
    json["class"] = class_text(recognition);
    json["passes"] = Json::object();
    json["reasons"] = Json::object();
    for (const auto& [protocol, judgement] : recognition.classes) {
        const std::string name(policy::to_string(protocol));
        json["passes"][name] = passes_json(judgement);
        if (judgement.refused) json["reasons"][name] = reason_json(judgement);
    }
    json["server_name"] = recognition.server_name.empty() ? Json() : Json(recognition.server_name);
    json["notes"] = recognition.notes;
    return json;
}

Json to_json(const std::optional<ServiceVerdict>& verdict) {
    if (!verdict) return nullptr;
    return {{"name", verdict->service->name},
            {"class", policy::to_string(verdict->service->protocol)},
            {"mode", policy::to_string(verdict->service->mode)},
            {"rule", verdict->rule},
            {"passes", passes_json(verdict->judgement)},
            {"reason", reason_json(verdict->judgement)}};
}

std::string joined(const std::string& list, std::string_view next) {
    return list + (list.empty() ? "" : ", ") + std::string(next);
}

void print_line(std::string_view label, const std::string& text, std::ostream& out) {
    constexpr std::size_t kLabel = 10, kIndent = 6, kWidth = 100;
    bool first = true;
    for (const auto& line : wrap(text, kWidth)) {
        std::string lead = first ? std::string(label) : std::string();
        lead.resize(kLabel, ' ');
        out << std::string(kIndent, ' ') << lead << line << '\n';
        first = false;
    }
}

// Classes that are refused for the same reason share a line.
void print_refused(const Recognition& recognition, std::ostream& out) {
    std::vector<std::pair<inspect::Violation, std::string>> reasons;
    for (const auto& [protocol, judgement] : recognition.classes) {
        if (!judgement.refused) continue;
        const inspect::Violation why = *judgement.refused;
        const auto found = std::find_if(reasons.begin(), reasons.end(),
                                        [why](const auto& entry) { return entry.first == why; });
        if (found == reasons.end())
            reasons.emplace_back(why, policy::to_string(protocol));
        else
            found->second = joined(found->second, policy::to_string(protocol));
    }
    for (const auto& [reason, names] : reasons)
        print_line("refused", names + ": " + identify::explain(reason), out);
}

void print_flow(const Flow& flow, const Recognition& recognition, std::ostream& out) {
    out << '#' << flow.first_packet << ' ' << policy::to_string(flow.transport) << ' '
        << endpoint(flow.initiator.address, flow.initiator.port) << " > "
        << endpoint(flow.responder.address, flow.responder.port) << "  " << class_text(recognition);
    if (!recognition.server_name.empty()) out << ", server name " << recognition.server_name;
    out << '\n';
    std::string passes, undecided;
    for (const auto& [protocol, judgement] : recognition.classes) {
        if (judgement.passes) passes = joined(passes, policy::to_string(protocol));
        if (judgement.undecided()) undecided = joined(undecided, policy::to_string(protocol));
    }
    if (!passes.empty()) print_line("passes", passes, out);
    print_refused(recognition, out);
    const bool looked_at =
        recognition.seen != Seen::no_start && recognition.seen != Seen::no_payload;
    if (looked_at && !undecided.empty()) print_line("undecided", undecided, out);
    for (const auto& note : recognition.notes) print_line("note", note, out);
}

void print_service(const std::optional<ServiceVerdict>& verdict, std::ostream& out) {
    if (!verdict) return print_line("service", "none of the topology's", out);
    const auto& service = *verdict->service;
    const auto& judgement = verdict->judgement;
    std::string text = service.name + " (" + std::string(policy::to_string(service.protocol)) +
                       ", " + std::string(policy::to_string(service.mode)) + "): ";
    if (judgement.undecided())
        text += "not decided";
    else
        text += judgement.passes ? "passes" : "refused";
    if (judgement.refused) {
        if (service.mode == policy::ConformanceMode::watch) text += ", were it enforced";
        text += ": " + identify::explain(*judgement.refused);
    }
    print_line("service", text, out);
}

void print_others(const Others& others, std::ostream& out) {
    std::string skipped;
    const auto add = [&](std::uint64_t count, const std::string& what) {
        if (count != 0) skipped = joined(skipped, std::to_string(count) + what);
    };
    add(others.packets, " of other protocols than TCP and UDP");
    add(others.fragments, " IP fragments (the data plane drops them)");
    add(others.malformed, " with malformed or cut headers");
    if (!skipped.empty()) out << "identify: packets skipped: " << skipped << '\n';
}

struct Wanted {
    ProtocolClass only = ProtocolClass::none;
    bool json = false;
    Services* services = nullptr;
};

void answer_all(const Reading& reading, Judge& judge, const Wanted& wanted, std::ostream& out) {
    auto list = Json::array();
    for (const auto& flow : reading.flows.flows()) {
        const auto order = order_of(flow);
        const auto recognition = recognise(judge, flow, order, wanted.only);
        std::optional<ServiceVerdict> service;
        if (wanted.services != nullptr) service = wanted.services->judge(flow, order);
        if (wanted.json) {
            list.push_back(to_json(flow, recognition));
            if (wanted.services != nullptr) list.back()["service"] = to_json(service);
            continue;
        }
        print_flow(flow, recognition, out);
        if (wanted.services != nullptr) print_service(service, out);
    }
    if (wanted.json) out << list.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace

int identify_command(const Arguments& arguments, Streams& streams) {
    const auto options =
        parse_options(kIdentifyUsage, identify_options(), {{"FILE"}}, arguments, streams);
    if (!options) return options.error();
    Wanted wanted;
    wanted.json = options->count("json") > 0;
    if (options->count("class") > 0) {
        const auto only = parse_class((*options)["class"].as<std::string>());
        if (!only) return usage_error(kIdentifyUsage, only.error(), streams);
        wanted.only = *only;
    }
    const auto fail = [&](const std::string& why) {
        streams.err << "portcullis identify: " << why << '\n';
        return kNegative;
    };
    tl::expected<policy::Policy, topology::Diagnostics> policy;
    std::optional<Services> services;
    if (options->count("topology") > 0) {
        policy = load_policy((*options)["topology"].as<std::string>());
        if (!policy) {
            print_diagnostics(policy.error(), streams.err);
            return kNegative;
        }
        auto made = Services::create(*policy);
        if (!made) return fail(made.error());
        services = std::move(*made);
        wanted.services = &*services;
    }
    auto judge = Judge::create();
    if (!judge) return fail(judge.error());
    auto capture = Capture::open((*options)["FILE"].as<std::string>());
    if (!capture) return fail(capture.error());
    const auto reading = read(*capture);
    answer_all(reading, *judge, wanted, streams.out);
    print_others(reading.others, streams.err);
    return reading.error.empty() ? kOk : fail(reading.error);
}

}  // namespace portcullis::control::cli
