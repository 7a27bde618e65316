// portcullis signatures: what application protocols are known (--offline), what a topology holds its
// services to (TOPOLOGY), or what became of the sessions that the running policy holds to one.
#include <algorithm>
#include <ostream>

#include "control/cli/command.h"
#include "control/cli/compiled.h"
#include "control/cli/describe.h"
#include "control/cli/online.h"
#include "rules/signatures/signatures.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;
namespace po = boost::program_options;

const Usage kSignaturesUsage{
    "signatures", "[--socket PATH] [--json]\nTOPOLOGY [--json]\n--offline [--json]",
    R"(Shows what became of the sessions that the running policy holds to a protocol, by service: judged in
all, matched (they spoke it), refused (they did not, and the mode is enforce), watched (they did not,
and the mode is watch), undecided (so far).

With a topology: the services that it holds to a protocol, how strictly, and the names that it
publishes. With --offline: the classes of signatures themselves, and which may be enforced. Neither
asks the daemon.)",
    "Exit codes: 0 shown, 1 nobody answers or errors in the topology, 2 usage."};

Json class_json(const signatures::SignatureClass& known) {
    Json json;
    json["class"] = to_string(known.protocol);
    json["transport"] = to_string(known.transport);
    json["summary"] = known.summary;
    json["source"] = known.source;
    json["patterns"] = known.patterns.size();
    json["enforceable"] = known.watch_only.empty();
    json["why_not"] = known.watch_only.empty() ? Json() : Json(known.watch_only);
    json["names"] = carries_server_name(known.protocol);
    return json;
}

Json classes_json() {
    auto list = Json::array();
    for (const auto& known : signatures::classes()) list.push_back(class_json(known));
    return list;
}

Json services_json(const Policy& policy) {
    auto list = Json::array();
    for (std::size_t i = 0; i < policy.conformance.size(); ++i) {
        auto json = to_json(policy, policy.conformance[i]);
        json["rules"] = std::ranges::count_if(
            policy.rules, [&](const Rule& rule) { return rule.conformance == i; });
        list.push_back(std::move(json));
    }
    return list;
}

void print_classes(const Json& classes, Streams& streams) {
    Rows rows;
    for (const auto& known : classes)
        rows.push_back({cell(known, "class"), cell(known, "transport"), cell(known, "patterns"),
                        known["enforceable"] == true ? "enforce" : "watch", cell(known, "summary"),
                        cell(known, "source"),
                        known["enforceable"] == true ? "" : cell(known, "why_not")});
    print_rows({"class", "proto", "patterns", "at most", "what", "source", "why not enforced"},
               rows, streams);
}

void print_services(const Json& services, Streams& streams) {
    Rows rows;
    for (const auto& service : services) {
        const bool named = !service["names"].empty();
        const bool asked = named || service["missing_name"] == "refuse";
        rows.push_back({cell(service, "service"), cell(service, "class"),
                        cell(service, "transport"), cell(service, "mode"), cell(service, "rules"),
                        named   ? cell(service, "names")
                        : asked ? "any"
                                : "-",
                        asked ? cell(service, "missing_name") : "-"});
    }
    if (rows.empty())
        streams.out << "nothing is held to a protocol\n";
    else
        print_rows({"service", "class", "proto", "mode", "rules", "published names", "without"},
                   rows, streams);
}

int show_topology(const std::string& file, bool json, Streams& streams) {
    const auto policy = load_policy(file);
    if (!policy) {
        print_diagnostics(policy.error(), streams.err);
        return kNegative;
    }
    const auto services = services_json(*policy);
    if (json)
        print_json({{"topology", policy->topology_name},
                    {"services", services},
                    {"classes", classes_json()}},
                   streams);
    else
        print_services(services, streams);
    return kOk;
}

std::vector<std::string> count_row(const Json& service) {
    return {cell(service, "service"), cell(service, "class"),    cell(service, "mode"),
            cell(service, "judged"),  cell(service, "matched"),  cell(service, "refused"),
            cell(service, "watched"), cell(service, "undecided")};
}

}  // namespace

int signatures_command(const Arguments& arguments, Streams& streams) {
    auto described = online_options();
    described.add_options()("offline", "list the classes of signatures, asking nobody");
    const auto values =
        parse_options(kSignaturesUsage, described, {{"TOPOLOGY", false}}, arguments, streams);
    if (!values) return values.error();
    const bool offline = values->count("offline") > 0;
    if (values->count("TOPOLOGY") > 0) {
        if (offline)
            return usage_error(kSignaturesUsage, "--offline and a topology exclude each other",
                               streams);
        return show_topology((*values)["TOPOLOGY"].as<std::string>(), wants_json(*values), streams);
    }
    if (offline) {
        const auto classes = classes_json();
        if (wants_json(*values))
            print_json({{"classes", classes}}, streams);
        else
            print_classes(classes, streams);
        return kOk;
    }
    return show(
        {kSignaturesUsage,
         "signatures",
         "signatures",
         {"service", "class", "mode", "judged", "matched", "refused", "watched", "undecided"},
         count_row,
         "nothing is held to a protocol: no policy runs, or its services are all off"},
        *values, Json::object(), streams);
}

}  // namespace portcullis::control::cli
