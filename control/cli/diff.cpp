// portcullis diff OLD NEW [--json]
#include <map>
#include <ostream>

#include "control/cli/command.h"
#include "control/cli/compiled.h"
#include "control/cli/describe.h"
#include "control/cli/options.h"
#include "rules/policy/image.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;
namespace po = boost::program_options;

const Usage kDiffUsage{
    "diff", "OLD NEW [--json]",
    R"(Compares what two topology files mean. Rules are told apart by their ids, which do not depend on
their place; of those that both have, the fields that differ are shown. Services, interfaces and the
rest of the policy are compared too. The names of the files do not matter.)",
    "Exit codes: 0 the same, 1 different, 2 usage or errors in a topology."};

// Parts by their name, in their order.
using Parts = std::vector<std::pair<std::string, Json>>;

Json changed_fields(const Json& before, const Json& after) {
    Json changes = Json::object();
    for (const auto& [field, value] : after.items())
        if (before.at(field) != value) changes[field] = {{"old", before.at(field)}, {"new", value}};
    return changes;
}

// Whether the parts that both have come in another order.
bool reordered(const Parts& before, const Parts& after) {
    std::map<std::string_view, std::size_t> place;
    for (std::size_t i = 0; i < before.size(); ++i) place[before[i].first] = i;
    std::size_t last = 0;
    for (const auto& [name, value] : after) {
        const auto found = place.find(name);
        if (found == place.end()) continue;
        if (found->second < last) return true;
        last = found->second;
    }
    return false;
}

Json compare(const Parts& before, const Parts& after) {
    Json json = {{"added", Json::array()}, {"removed", Json::array()}, {"changed", Json::object()}};
    std::map<std::string_view, const Json*> old_parts;
    std::map<std::string_view, const Json*> new_parts;
    for (const auto& [name, value] : before) old_parts[name] = &value;
    for (const auto& [name, value] : after) new_parts[name] = &value;
    for (const auto& [name, value] : after) {
        const auto old = old_parts.find(name);
        if (old == old_parts.end()) {
            json["added"].push_back(value);
            continue;
        }
        auto changes = changed_fields(*old->second, value);
        if (!changes.empty()) json["changed"][name] = std::move(changes);
    }
    for (const auto& [name, value] : before)
        if (!new_parts.contains(name)) json["removed"].push_back(value);
    json["reordered"] = reordered(before, after);
    return json;
}

bool same(const Json& comparison) {
    return comparison["added"].empty() && comparison["removed"].empty() &&
           comparison["changed"].empty() && !comparison["reordered"].get<bool>();
}

// What a policy is made of, as comparable parts; `key` is the field that names a part.
struct Group {
    const char* name;
    const char* key;
    Parts (*parts)(const Policy&);
};

Parts rule_parts(const Policy& policy) {
    Parts parts;
    for (const auto& rule : policy.rules) parts.emplace_back(rule.id, to_json(policy, rule));
    return parts;
}
Parts service_parts(const Policy& policy) {
    Parts parts;
    for (const auto& service : policy.services) parts.emplace_back(service.name, to_json(service));
    return parts;
}
Parts conformance_parts(const Policy& policy) {
    Parts parts;
    for (const auto& service : policy.conformance)
        parts.emplace_back(service.name, to_json(policy, service));
    return parts;
}
std::string digest(const SignatureDatabase& database) {
    Policy alone;
    alone.databases = {database};
    return to_string(image_hash(write_image(alone)));
}
// The patterns of the operator's own classes; the built-in ones differ between versions of
// Portcullis only.
Parts signature_parts(const Policy& policy) {
    Parts parts;
    for (const auto& database : policy.databases)
        if (database.protocol == ProtocolClass::custom)
            parts.emplace_back(database.name, Json{{"class", database.name},
                                                   {"width", database.width},
                                                   {"digest", digest(database)}});
    return parts;
}
Parts interface_parts(const Policy& policy) {
    Parts parts;
    for (const auto& interface : policy.interfaces)
        parts.emplace_back(interface.name, to_json(interface));
    return parts;
}
Parts route_parts(const Policy& policy) {
    Parts parts;
    for (const auto& route : policy.routes)
        parts.emplace_back(route.prefix.to_string(), to_json(route, policy));
    return parts;
}
Parts address_parts(const Policy& policy) {
    static constexpr std::string_view kKinds[] = {"member", "own", "bogon"};
    Parts parts;
    for (const auto& entry : policy.addresses)
        parts.emplace_back(entry.prefix.to_string(),
                           Json{{"prefix", entry.prefix.to_string()},
                                {"kind", kKinds[static_cast<unsigned>(entry.kind)]},
                                {"zone", to_string(entry.zone)}});
    return parts;
}
Parts other_parts(const Policy& policy) {
    auto general = to_json(policy.settings);
    general["release"] = policy.release;
    general["name"] = "settings";
    Parts parts{{"settings", general}};
    for (const auto& builtin : policy.builtins)
        parts.emplace_back(builtin.id, Json{{"name", builtin.id}, {"reason", builtin.reason}});
    return parts;
}

constexpr Group kGroups[] = {
    {"rules", "id", rule_parts},
    {"services", "name", service_parts},
    {"conformance", "service", conformance_parts},
    {"signatures", "class", signature_parts},
    {"interfaces", "name", interface_parts},
    {"routes", "to", route_parts},
    {"addresses", "prefix", address_parts},
    {"other", "name", other_parts},
};

void print_group(const Group& group, const Json& comparison, std::ostream& out) {
    out << group.name << ": " << comparison["added"].size() << " added, "
        << comparison["removed"].size() << " removed, " << comparison["changed"].size()
        << " changed" << (comparison["reordered"].get<bool>() ? ", order changed" : "") << '\n';
    const auto print = [&](char sign, const Json& part) {
        out << "  " << sign << ' ' << part.at(group.key).get<std::string>();
        if (part.contains("reason")) out << ": " << part["reason"].get<std::string>();
        out << '\n';
    };
    for (const auto& part : comparison["removed"]) print('-', part);
    for (const auto& part : comparison["added"]) print('+', part);
    for (const auto& [name, changes] : comparison["changed"].items()) {
        out << "  ~ " << name << '\n';
        for (const auto& [field, change] : changes.items())
            out << "      " << field << ": " << change["old"].dump() << " -> "
                << change["new"].dump() << '\n';
    }
}

}  // namespace

int diff_command(const Arguments& arguments, Streams& streams) {
    po::options_description described;
    described.add_options()("json", "as one JSON object");
    const auto options =
        parse_options(kDiffUsage, described, {{"OLD"}, {"NEW"}}, arguments, streams);
    if (!options) return options.error();
    const auto before = load_policy((*options)["OLD"].as<std::string>());
    const auto after = load_policy((*options)["NEW"].as<std::string>());
    if (!before) print_diagnostics(before.error(), streams.err);
    if (!after) print_diagnostics(after.error(), streams.err);
    if (!before || !after) return kUsage;

    const bool as_json = options->count("json") > 0;
    bool all_same = true;
    Json json = {{"same", true}};
    for (const auto& group : kGroups) {
        auto comparison = compare(group.parts(*before), group.parts(*after));
        const bool group_same = same(comparison);
        all_same = all_same && group_same;
        if (!as_json && !group_same) print_group(group, comparison, streams.out);
        json[group.name] = std::move(comparison);
    }
    json["same"] = all_same;
    if (as_json)
        streams.out << json.dump(2) << '\n';
    else if (all_same)
        streams.out << "the same policy\n";
    return all_same ? kOk : kNegative;
}

}  // namespace portcullis::control::cli
