#include "control/cli/describe.h"

namespace portcullis::control::cli {

using namespace policy;

std::string text(const std::vector<Prefix>& prefixes, std::string_view separator) {
    std::string joined;
    for (const auto& prefix : prefixes) {
        if (!joined.empty()) joined += separator;
        joined += prefix.to_string();
    }
    return joined;
}

std::string text(const PortRange& ports) {
    if (ports.is_any()) return "any";
    if (ports.first == ports.last) return std::to_string(ports.first);
    return std::to_string(ports.first) + "-" + std::to_string(ports.last);
}

std::string text(ZoneSet zones) {
    std::string joined;
    for (unsigned i = 0; i < kZoneCount; ++i) {
        if (!zones.contains(static_cast<Zone>(i))) continue;
        if (!joined.empty()) joined += ", ";
        joined += to_string(static_cast<Zone>(i));
    }
    return joined;
}

std::string text(const Interface& interface) {
    if (interface.vlan == 0) return interface.device;
    return interface.device + " vlan " + std::to_string(interface.vlan);
}

std::string endpoint(const IpAddress& address, std::uint16_t port) {
    const auto number = std::to_string(port);
    if (address.is_v4()) return address.to_string() + ":" + number;
    return "[" + address.to_string() + "]:" + number;
}

std::string_view text(Action action) {
    return action == Action::allow ? "allow" : "deny";
}
std::string_view text(Origin origin) {
    return origin == Origin::site ? "site" : "matrix";
}
std::string_view text(Family family) {
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}
std::string_view text(ProbeKind kind) {
    return kind == ProbeKind::tcp ? "tcp" : kind == ProbeKind::stun ? "stun" : "none";
}

namespace {

Json to_json(const std::vector<Prefix>& prefixes) {
    auto json = Json::array();
    for (const auto& prefix : prefixes) json.push_back(prefix.to_string());
    return json;
}

Json to_json(const PortRange& ports) {
    return {{"first", ports.first}, {"last", ports.last}};
}

// An operator's class by its own name, which its patterns carry.
std::string class_name(const Policy& policy, const Conformance& service) {
    return service.protocol == ProtocolClass::custom && service.database != kNoDatabase
               ? policy.databases.at(service.database).name
               : std::string(to_string(service.protocol));
}

}  // namespace

std::string held_to(const Policy& policy, const Rule& rule) {
    if (rule.conformance == kNoConformance) return "";
    const auto& service = policy.conformance.at(rule.conformance);
    auto out = class_name(policy, service) + " by service " + service.name + ", " +
               std::string(to_string(service.mode));
    if (!service.names.empty()) {
        out += "; names ";
        for (std::size_t i = 0; i < service.names.size(); ++i)
            out += (i == 0 ? "" : ", ") + service.names[i];
    }
    if (!service.names.empty() || service.missing_name == MissingName::refuse)
        out += service.missing_name == MissingName::allow ? ", without a name allowed"
                                                          : ", without a name refused";
    return out;
}

Json to_json(const Policy& policy, const Conformance& service) {
    Json json;
    json["service"] = service.name;
    json["class"] = class_name(policy, service);
    json["transport"] = service.stream ? "tcp" : "udp";
    json["mode"] = to_string(service.mode);
    json["names"] = service.names;
    json["missing_name"] = to_string(service.missing_name);
    return json;
}

Json to_json(const Policy& policy, const Rule& rule) {
    Json json;
    json["id"] = rule.id;
    json["origin"] = text(rule.origin);
    json["action"] = text(rule.action);
    json["from"] = to_string(rule.from);
    json["to"] = to_string(rule.to);
    json["family"] = text(rule.family);
    json["transport"] = to_string(rule.transport);
    json["sources"] = to_json(rule.sources);
    json["destinations"] = to_json(rule.destinations);
    json["covers_own"] = rule.covers_own;
    json["source_ports"] = to_json(rule.source_ports);
    json["destination_ports"] = to_json(rule.destination_ports);
    json["nat"] = to_string(rule.nat);
    json["service"] =
        rule.service == kNoService ? Json() : Json(policy.services.at(rule.service).name);
    json["av_path"] = rule.av_path;
    json["idle_seconds"] = rule.idle_seconds;
    json["conformance"] = rule.conformance == kNoConformance
                              ? Json()
                              : Json(policy.conformance.at(rule.conformance).name);
    json["rows"] = rule.rows;
    json["reason"] = rule.reason;
    return json;
}

Json to_json(const Service& service) {
    Json json;
    json["name"] = service.name;
    json["vip"] = service.vip.to_string();
    json["transport"] = to_string(service.transport);
    json["port"] = service.port;
    json["nat"] = to_string(service.nat);
    json["nodes"] = Json::array();
    for (const auto& node : service.nodes)
        json["nodes"].push_back(
            {{"name", node.name}, {"address", node.address.to_string()}, {"weight", node.weight}});
    json["probe"] = text(service.probe);
    json["probe_ports"] = service.probe_ports;
    return json;
}

Json to_json(const Interface& interface) {
    Json json;
    json["name"] = interface.name;
    json["device"] = interface.device;
    json["vlan"] = interface.vlan;
    json["mtu"] = interface.mtu;
    json["zones"] = Json::array();
    for (unsigned i = 0; i < kZoneCount; ++i)
        if (interface.zones.contains(static_cast<Zone>(i)))
            json["zones"].push_back(to_string(static_cast<Zone>(i)));
    json["addresses"] = Json::array();
    for (const auto& entry : interface.addresses)
        json["addresses"].push_back(entry.address.to_string() + "/" +
                                    std::to_string(entry.prefix_length));
    json["answered"] = Json::array();
    for (const auto& address : interface.answered) json["answered"].push_back(address.to_string());
    return json;
}

Json to_json(const Route& route, const Policy& policy) {
    return {{"to", route.prefix.to_string()},
            {"via", route.gateway.to_string()},
            {"interface", policy.interfaces.at(route.interface).name}};
}

Json to_json(const Settings& settings) {
    Json json;
    json["strict_bogons"] = settings.strict_bogons;
    json["tcp_embryonic_seconds"] = settings.tcp_embryonic_seconds;
    json["tcp_closing_seconds"] = settings.tcp_closing_seconds;
    json["embryonic_per_source"] = settings.embryonic_per_source;
    json["embryonic_total"] = settings.embryonic_total;
    json["icmp_echo_per_second"] = settings.icmp_echo_per_second;
    json["icmp_error_per_second"] = settings.icmp_error_per_second;
    json["probe_interval_ms"] = settings.probe_interval_ms;
    json["probe_rise"] = settings.probe_rise;
    json["probe_fall"] = settings.probe_fall;
    return json;
}

}  // namespace portcullis::control::cli
