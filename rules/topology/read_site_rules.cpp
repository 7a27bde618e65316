// Section `site-rules`.
#include <algorithm>
#include <map>

#include "rules/topology/reading.h"
#include "rules/topology/utf8.h"

namespace portcullis::topology {
namespace {

constexpr std::size_t kLongestReason = 200;
constexpr std::size_t kMostSiteRules = 16384;

std::optional<Zone> read_zone(const std::optional<Field>& field, Reading& reading) {
    if (!field) return std::nullopt;
    const auto word = read_word(*field, keys::kZones, reading.errors);
    if (!word) return std::nullopt;
    const auto zone = *policy::parse_zone(keys::kZones[*word]);
    reading.site_zones.push_back({zone, field->path, field->node->where});
    return zone;
}

std::vector<PortRange> read_port_list(const Field& field, Reading& reading) {
    std::vector<PortRange> ports;
    const auto items = items_of(field, reading.errors);
    if (items.empty())
        reading.errors.add(field.where, field.path + ": the list is empty",
                           "list ports, or write any");
    for (const auto& item : items)
        if (const auto range = read_ports(item, reading.errors)) ports.push_back(*range);
    std::sort(ports.begin(), ports.end());
    ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
    return ports;
}

void read_transports(const MapReader& map, const Field& field, SiteRule& rule, Reading& reading) {
    auto& errors = reading.errors;
    const auto tcp = map.get("tcp");
    const auto udp = map.get("udp");
    const auto icmp = map.get("icmp");
    const bool echo = icmp && read_switch(*icmp, errors).value_or(true);
    if (echo && (tcp || udp)) {
        errors.add(icmp->where, field.path + ": icmp stands beside tcp or udp in one rule",
                   "icmp has no ports: write a second rule for it");
        return;
    }
    if (echo) rule.transports = {Transport::icmp};
    if (tcp) {
        rule.transports.push_back(Transport::tcp);
        rule.ports = read_port_list(*tcp, reading);
    }
    if (udp) {
        rule.transports.push_back(Transport::udp);
        auto ports = read_port_list(*udp, reading);
        if (tcp && !ports.empty() && !rule.ports.empty() && ports != rule.ports)
            errors.add(udp->where, field.path + ": tcp and udp name different ports in one rule",
                       "write one rule for tcp and one for udp");
        if (!tcp) rule.ports = std::move(ports);
    }
    if (rule.ports.empty()) rule.ports = {PortRange{}};
    if (!rule.transports.empty()) return;
    if (rule.action == policy::Action::allow)
        errors.add(field.where, field.path + ": names no transport",
                   "add tcp: or udp: with ports (or any), or icmp: on");
    rule.transports = {Transport::tcp, Transport::udp, Transport::icmp};
}

std::vector<Prefix> read_ends(const std::optional<Field>& field, std::optional<Zone> zone,
                              Reading& reading) {
    std::vector<Prefix> prefixes;
    if (!field) return prefixes;
    const auto items = items_of(*field, reading.errors);
    if (items.empty())
        reading.errors.add(field->where, field->path + ": the list is empty",
                           "list networks or addresses, or remove the key for the whole zone");
    for (const auto& item : items) {
        const auto prefix = read_prefix(item, reading.errors);
        if (!prefix) continue;
        if (zone)
            reading.site_prefixes.push_back({{*prefix, field->path, item.node->where}, *zone});
        prefixes.push_back(*prefix);
    }
    std::sort(prefixes.begin(), prefixes.end());
    prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
    return prefixes;
}

std::string read_reason(const MapReader& map, Reading& reading) {
    const auto field =
        map.require("reason", "say in one sentence why the rule exists: the next engineer asks");
    const auto text = field ? read_text(*field, "a sentence", reading.errors) : std::nullopt;
    if (!text) return "";
    if (text->find_first_not_of(" \t\n\r") == std::string_view::npos) {
        reading.errors.add(field->node->where, field->path + ": the reason is empty",
                           "say in one sentence why the rule exists: the next engineer asks");
        return "";
    }
    bool printable = text->size() <= kLongestReason;
    for (auto rest = *text; printable && !rest.empty();) {
        const auto length = utf8_sequence(rest);
        const auto byte = static_cast<unsigned char>(rest.front());
        printable = length > 0 && byte >= 0x20 && byte != 0x7f;
        rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    if (!printable)
        reading.errors.add(field->node->where,
                           field->path + ": the reason is not one line of at most " +
                               std::to_string(kLongestReason) + " bytes of text",
                           "shorten it and remove line ends and control characters");
    return std::string(*text);
}

bool families_meet(const std::vector<Prefix>& a, const std::vector<Prefix>& b) {
    const auto has = [](const std::vector<Prefix>& list, policy::Family family) {
        return list.empty() || std::any_of(list.begin(), list.end(),
                                           [&](const Prefix& p) { return p.family() == family; });
    };
    return (has(a, policy::Family::ipv4) && has(b, policy::Family::ipv4)) ||
           (has(a, policy::Family::ipv6) && has(b, policy::Family::ipv6));
}

void read_site_rule(const Field& field, policy::Action action, std::string default_name,
                    Reading& reading) {
    const MapReader map(field, keys::kSiteRule, reading.errors);
    if (!map.valid()) return;
    SiteRule rule;
    rule.action = action;
    rule.where = field.where;
    rule.name = std::move(default_name);
    if (const auto name = map.get("name"))
        if (auto text = read_name(*name, reading.errors)) rule.name = std::move(*text);
    const std::string zones = "write one of " + alternatives(keys::kZones);
    const auto from = read_zone(map.require("from", zones), reading);
    const auto to = read_zone(map.require("to", zones), reading);
    rule.from = from.value_or(Zone::internet);
    rule.to = to.value_or(Zone::internet);
    read_transports(map, field, rule, reading);
    rule.sources = read_ends(map.get("sources"), from, reading);
    rule.destinations = read_ends(map.get("destinations"), to, reading);
    if (!families_meet(rule.sources, rule.destinations))
        reading.errors.add(
            field.where, field.path + ": sources and destinations have no address family in common",
            "name networks of the same family; NAT never crosses families");
    rule.conformance = read_site_conformance(map, rule, reading);
    rule.reason = read_reason(map, reading);
    reading.topology.site_rules.push_back(std::move(rule));
}

}  // namespace

void read_site_rules(const Field& field, Reading& reading) {
    std::size_t number = 0;
    for (const auto& item : items_of(field, reading.errors, kMostSiteRules)) {
        ++number;
        const MapReader map(item, keys::kSiteAction, reading.errors);
        if (!map.valid()) continue;
        const auto allow = map.get("allow");
        const auto deny = map.get("deny");
        if ((allow && deny) || item.node->entries.empty())
            reading.errors.add(
                item.where, item.path + ": a rule is one allow or one deny",
                "write `- allow: {...}` or `- deny: {...}`, in the order of judging");
        const std::string name = "site-" + std::to_string(number);
        if (allow) read_site_rule(*allow, policy::Action::allow, name, reading);
        if (deny) read_site_rule(*deny, policy::Action::deny, name, reading);
    }
    std::map<std::string_view, Location> names;
    for (const auto& rule : reading.topology.site_rules) {
        const auto [first, added] = names.emplace(rule.name, rule.where);
        if (!added)
            reading.errors.add(rule.where,
                               "site-rules: the name " + quote(rule.name) +
                                   " is taken by the rule in line " +
                                   std::to_string(first->second.line),
                               "give each rule its own name");
    }
}

}  // namespace portcullis::topology
