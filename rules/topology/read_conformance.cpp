// Section `conformance`, and what site rules say of the protocol that they open.
#include <algorithm>
#include <set>

#include "rules/signatures/compile.h"
#include "rules/signatures/signatures.h"
#include "rules/topology/inspected_services.h"
#include "rules/topology/reading.h"

namespace portcullis::topology {
namespace {

using policy::ConformanceMode;
using policy::MissingName;
using policy::ProtocolClass;

constexpr std::size_t kMostClasses = policy::kMostDatabases - policy::kProtocolClassCount;

std::string why_not_enforced(ProtocolClass protocol) {
    const auto* known = signatures::find(protocol);
    if (known == nullptr) return "there is nothing to hold it to";
    return std::string(known->watch_only) + ", so genuine traffic could be refused";
}

std::optional<ConformanceMode> read_mode(const Field& field, ProtocolClass protocol,
                                         Reading& reading) {
    const auto word = read_word(field, keys::kModes, reading.errors);
    if (!word) return std::nullopt;
    const auto mode = static_cast<ConformanceMode>(*word);
    if (mode != ConformanceMode::enforce || policy::may_be_enforced(protocol)) return mode;
    reading.errors.add(field.node->where,
                       field.path + ": class " + std::string(to_string(protocol)) +
                           " cannot be enforced: " + why_not_enforced(protocol),
                       "write watch (counted and logged, never refused) or off");
    return std::nullopt;
}

// Nothing where the class has no names; then that has been said.
bool takes_names(const Field& field, ProtocolClass protocol, Reading& reading) {
    if (policy::carries_server_name(protocol)) return true;
    reading.errors.add(field.where,
                       field.path + ": clients of class " + std::string(to_string(protocol)) +
                           " name no server that could be compared",
                       "remove the key; names are for sip-tls, psom-tls and https");
    return false;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::vector<std::string> read_names(const Field& field, Reading& reading) {
    std::vector<std::string> names;
    const auto items = items_of(field, reading.errors, policy::kMostNames);
    if (items.empty())
        reading.errors.add(field.where, field.path + ": the list is empty",
                           "list the names, or remove the key: then any name passes");
    for (const auto& item : items) {
        const auto text = read_text(item, "a host name", reading.errors);
        if (!text) continue;
        auto name = lower(*text);
        if (policy::is_published_name(name))
            names.push_back(std::move(name));
        else
            reading.errors.add(
                item.node->where, item.path + ": " + quote(*text) + " is not a host name",
                "write a name such as sip.example.com, or \"*.example.com\" for all names with one "
                "label in place of the star; no address, no final dot, other letters as xn--");
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void read_services(const Field& field, Reading& reading) {
    const MapReader map(field, inspected_service_words(), reading.errors);
    for (const auto& service : inspected_services()) {
        const auto value = map.get(service.name);
        if (!value) continue;
        ServiceConformance read;
        read.where = value->where;
        if (value->node->kind == TreeNode::Kind::map) {
            const MapReader one(*value, keys::kServiceConformance, reading.errors);
            read = read_service_conformance(one, value->where, service.protocol, reading);
        } else {
            read.mode = read_mode(*value, service.protocol, reading);
        }
        reading.topology.conformance.services.emplace(service.name, std::move(read));
    }
}

bool is_pattern_text(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// What can be seen without compiling it; the rest is said by the compiler.
bool read_pattern(const Field& item, CustomClass& made, Reading& reading) {
    const auto text = read_text(item, "a regular expression", reading.errors);
    if (!text) return false;
    const auto wrong = [&](std::string what, std::string hint) {
        reading.errors.add(item.node->where, item.path + ": " + std::move(what), std::move(hint));
        return false;
    };
    if (text->size() > signatures::kMaxPatternCharacters)
        return wrong(quote(*text) + " is longer than 512 characters",
                     "shorten it, or write several patterns");
    if (!is_pattern_text(*text))
        return wrong(quote(*text) + " has characters beside printable ASCII",
                     "write other bytes as \\xHH");
    made.patterns.emplace_back(*text);
    made.pattern_places.push_back(item.node->where);
    const auto checked = signatures::check_custom(std::span(made.patterns).last(1));
    return checked || wrong(checked.error().message, checked.error().hint);
}

bool read_class(const Field& field, CustomClass& made, Reading& reading) {
    const MapReader map(field, keys::kCustomClass, reading.errors);
    const auto transport = map.require("transport", "write transport: tcp or transport: udp");
    const auto word =
        transport ? read_word(*transport, keys::kClassTransports, reading.errors) : std::nullopt;
    if (word) made.transport = *word == 0 ? Transport::tcp : Transport::udp;
    const auto patterns =
        map.require("patterns", "list what the client's first bytes look like, as \"^BKP1\"");
    if (!patterns) return false;
    const auto items = items_of(*patterns, reading.errors, signatures::kMaxCustomPatterns);
    if (items.empty())
        reading.errors.add(patterns->where, patterns->path + ": the list is empty",
                           "list what the client's first bytes look like, as \"^BKP1\"");
    bool good = word.has_value() && !items.empty();
    for (const auto& item : items) good = read_pattern(item, made, reading) && good;
    return good;
}

void read_classes(const Field& field, Reading& reading) {
    for (const auto& entry : named_entries(field, "a class", reading.errors, kMostClasses)) {
        CustomClass made;
        made.where = entry.where;
        made.name = entry.path.substr(field.path.size() + 1);
        if (policy::parse_protocol_class(made.name)) {
            reading.errors.add(entry.where, entry.path + ": there is a class of this name already",
                               "give it another name");
            continue;
        }
        if (read_class(entry, made, reading))
            reading.topology.conformance.classes.push_back(std::move(made));
        else
            reading.broken_classes.insert(made.name);
    }
}

struct KnownClass {
    ProtocolClass protocol = ProtocolClass::none;
    std::size_t custom = 0;
    bool broken = false;
};

std::optional<KnownClass> read_class_name(const Field& field, Reading& reading) {
    const auto text = read_text(field, "the name of a class", reading.errors);
    if (!text) return std::nullopt;
    const auto& classes = reading.topology.conformance.classes;
    for (std::size_t i = 0; i < classes.size(); ++i)
        if (classes[i].name == *text) return KnownClass{ProtocolClass::custom, i, false};
    if (reading.broken_classes.contains(*text)) return KnownClass{ProtocolClass::custom, 0, true};
    const auto built_in = class_words();
    if (std::ranges::find(built_in, *text) != built_in.end())
        return KnownClass{*policy::parse_protocol_class(*text), 0, false};

    std::vector<std::string_view> words(built_in.begin(), built_in.end());
    for (const auto& made : classes) words.push_back(made.name);
    reading.errors.add(field.node->where,
                       field.path + ": there is no class " + quote(*text) + " here",
                       "the nearest is `" + std::string(nearest(*text, words)) + "`; write " +
                           alternatives(words) + "; conformance.classes adds your own");
    return std::nullopt;
}

}  // namespace

ServiceConformance read_service_conformance(const MapReader& map, Location where,
                                            ProtocolClass protocol, Reading& reading) {
    ServiceConformance read;
    read.where = where;
    if (const auto mode = map.get("mode")) read.mode = read_mode(*mode, protocol, reading);
    if (const auto names = map.get("names"))
        if (takes_names(*names, protocol, reading)) read.names = read_names(*names, reading);
    if (const auto missing = map.get("missing-name"))
        if (takes_names(*missing, protocol, reading))
            if (const auto word = read_word(*missing, keys::kMissingName, reading.errors))
                read.missing_name = static_cast<MissingName>(*word);
    return read;
}

std::optional<SiteConformance> read_site_conformance(const MapReader& map, const SiteRule& rule,
                                                     Reading& reading) {
    const auto name = map.get("class");
    const bool deny = rule.action == policy::Action::deny;
    if (deny && name)
        reading.errors.add(name->where, name->path + ": what is denied is held to no protocol",
                           "remove the key, or write an allow");
    if (!name)
        for (const auto key : keys::kServiceConformance)
            if (const auto field = map.get(key))
                reading.errors.add(field->where, field->path + ": says nothing without a class",
                                   deny ? "remove the key: what is denied is held to no protocol"
                                        : "add class: with the protocol that the rule is open for");
    if (!name || deny) return std::nullopt;
    const auto known = read_class_name(*name, reading);
    if (!known || known->broken) return std::nullopt;
    const auto protocol = known->protocol;
    if (protocol != ProtocolClass::none && !rule.transports.empty()) {
        const bool custom = protocol == ProtocolClass::custom;
        const auto transport =
            custom ? reading.topology.conformance.classes[known->custom].transport
                   : (policy::is_stream(protocol) ? Transport::tcp : Transport::udp);
        if (std::ranges::any_of(rule.transports, [=](auto given) { return given != transport; })) {
            const std::string word(policy::to_string(transport));
            reading.errors.add(
                name->node->where,
                name->path + ": this class is of " + word + ", but the rule is not, or not only",
                "write a rule for " + word + " alone");
        }
    }
    return SiteConformance{protocol, known->custom,
                           read_service_conformance(map, name->where, protocol, reading)};
}

void read_conformance(const Field& field, Reading& reading) {
    const MapReader map(field, keys::kConformance, reading.errors);
    if (const auto mode = map.get("default"))
        if (const auto word = read_word(*mode, keys::kModes, reading.errors))
            reading.topology.conformance.mode = static_cast<ConformanceMode>(*word);
    if (const auto services = map.get("services")) read_services(*services, reading);
    if (const auto classes = map.get("classes")) read_classes(*classes, reading);
}

}  // namespace portcullis::topology
