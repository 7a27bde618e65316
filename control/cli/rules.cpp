// portcullis rules TOPOLOGY [--zone Z] [--json]
// portcullis rules TOPOLOGY --nft [--nft-device DEVICE=NETDEV]...
#include <map>
#include <ostream>

#include "control/cli/command.h"
#include "control/cli/compiled.h"
#include "control/cli/describe.h"
#include "control/cli/nearest.h"
#include "control/cli/nft.h"
#include "control/cli/options.h"
#include "control/cli/table.h"
#include "control/cli/zone_option.h"
#include "rules/policy/image.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;
namespace po = boost::program_options;

const Usage kRulesUsage{
    "rules", "TOPOLOGY [--zone ZONE] [--json]\nTOPOLOGY --nft [--nft-device DEVICE=NETDEV]...",
    R"(Lists the rules that a topology gives, by the zones that a packet's addresses tell. Of the rules of
its zones the first that matches decides; what none matches is denied. Under each rule: why it exists,
the rows of the port matrix that it comes from, and the protocol that its sessions are held to. Rules
are matched on the first packet of a connection; replies need none.

With --nft: the policy as an nftables ruleset, to compare with, or to run the Linux kernel in our place.
Its first lines say what it leaves out, and which addresses and routes the host needs.)",
    "Exit codes: 0 listed, 1 errors in the topology, 2 usage."};

constexpr std::size_t kIndent = 2;
constexpr std::size_t kReasonIndent = 6;
constexpr std::size_t kPageWidth = 120;

Table rule_table() {
    return Table({{"rule", 33},
                  {"proto", 5},
                  {"source", 24},
                  {"destination", 24},
                  {"ports", 16},
                  {"nat", 4}},
                 kIndent);
}

bool concerns(const Rule& rule, const std::optional<Zone>& zone) {
    return !zone || rule.from == *zone || rule.to == *zone;
}

std::string hosts(const std::vector<Prefix>& prefixes, Zone zone) {
    if (prefixes.empty()) return "any " + std::string(to_string(zone));
    return text(prefixes, "\n");
}

std::string ports(const Rule& rule) {
    if (rule.transport == Transport::icmp) return "echo";
    if (rule.source_ports.is_any()) return text(rule.destination_ports);
    return "from " + text(rule.source_ports) + "\nto " + text(rule.destination_ports);
}

void print_why(const std::string& why, std::ostream& out) {
    for (const auto& line : wrap(why, kPageWidth - kReasonIndent))
        out << std::string(kReasonIndent, ' ') << line << '\n';
}

void print_rule(const Policy& policy, const Rule& rule, const Table& table, std::ostream& out) {
    const std::string deny = rule.action == Action::deny ? "DENY " : "";
    table.print_row({deny + rule.id, std::string(to_string(rule.transport)),
                     hosts(rule.sources, rule.from), hosts(rule.destinations, rule.to), ports(rule),
                     rule.nat == NatKind::none ? "-" : std::string(to_string(rule.nat))},
                    out);
    print_why(rule.reason, out);
    std::string rows;
    for (const auto& row : rule.rows) rows += (rows.empty() ? "rows " : ", ") + row;
    if (rule.origin == Origin::site) rows = "site rule";
    if (rule.service != kNoService) rows += "; service " + policy.services.at(rule.service).name;
    print_why(rows, out);
    if (const auto held = held_to(policy, rule); !held.empty()) print_why("held to " + held, out);
}

// A packet's addresses tell its zones, so rules of other zones never compete with one another: by
// zones the list reads better, and within them their order is kept.
void print_text(const Policy& policy, const std::optional<Zone>& zone, std::ostream& out) {
    std::map<std::pair<Zone, Zone>, std::vector<const Rule*>> by_zones;
    std::size_t count = 0;
    for (const auto& rule : policy.rules) {
        if (!concerns(rule, zone)) continue;
        by_zones[{rule.from, rule.to}].push_back(&rule);
        ++count;
    }
    const auto table = rule_table();
    for (const auto& [zones, rules] : by_zones) {
        out << to_string(zones.first) << " -> " << to_string(zones.second) << '\n';
        table.print_titles(out);
        for (const auto* rule : rules) print_rule(policy, *rule, table, out);
        out << '\n';
    }
    out << "outside the matrix, always allowed\n";
    for (const auto& builtin : policy.builtins) {
        out << std::string(kIndent, ' ') << builtin.id << '\n';
        print_why(builtin.reason, out);
    }
    out << '\n' << count << (count == 1 ? " rule" : " rules") << "; everything else is denied\n";
}

Json to_json(const Policy& policy, const std::optional<Zone>& zone) {
    Json json;
    json["topology"] = policy.topology_name;
    json["release"] = policy.release;
    json["hash"] = to_string(image_hash(write_image(policy)));
    json["rules"] = Json::array();
    for (const auto& rule : policy.rules)
        if (concerns(rule, zone)) json["rules"].push_back(cli::to_json(policy, rule));
    json["conformance"] = Json::array();
    for (const auto& service : policy.conformance)
        json["conformance"].push_back(cli::to_json(policy, service));
    json["builtins"] = Json::array();
    for (const auto& builtin : policy.builtins)
        json["builtins"].push_back({{"id", builtin.id}, {"reason", builtin.reason}});
    return json;
}

}  // namespace

int rules_command(const Arguments& arguments, Streams& streams) {
    po::options_description described;
    described.add_options()("zone", po::value<std::string>()->value_name("ZONE"),
                            "only rules from or to this zone")("json", "as one JSON object")(
        "nft", "as an nftables ruleset, for `nft -f`")(
        "nft-device", po::value<std::vector<std::string>>()->value_name("DEVICE=NETDEV"),
        "the kernel's name of a device (by default it has that of the topology); can be repeated");
    const auto options = parse_options(kRulesUsage, described, {{"TOPOLOGY"}}, arguments, streams);
    if (!options) return options.error();
    std::optional<Zone> zone;
    if (options->count("zone") > 0) {
        const auto parsed = parse_zone_option((*options)["zone"].as<std::string>());
        if (!parsed) return usage_error(kRulesUsage, parsed.error(), streams);
        zone = *parsed;
    }
    const bool as_nft = options->count("nft") > 0;
    if (as_nft && (zone || options->count("json") > 0))
        return usage_error(kRulesUsage,
                           "--nft writes the whole policy: leave out --zone and --json", streams);
    if (!as_nft && options->count("nft-device") > 0)
        return usage_error(kRulesUsage, "--nft-device goes with --nft", streams);
    const auto policy = load_policy((*options)["TOPOLOGY"].as<std::string>());
    if (!policy) {
        print_diagnostics(policy.error(), streams.err);
        return kNegative;
    }
    if (as_nft) {
        std::vector<std::string> names;
        if (options->count("nft-device") > 0)
            names = (*options)["nft-device"].as<std::vector<std::string>>();
        const auto netdevs = parse_netdevs(*policy, names);
        if (!netdevs) return usage_error(kRulesUsage, netdevs.error(), streams);
        streams.out << nft::write_ruleset(*policy, *netdevs);
    } else if (options->count("json") > 0) {
        streams.out << to_json(*policy, zone).dump(2) << '\n';
    } else {
        print_text(*policy, zone, streams.out);
    }
    return kOk;
}

}  // namespace portcullis::control::cli
