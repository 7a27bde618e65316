// A policy's parts as text for people and as JSON: one spelling for all commands.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "rules/policy/policy.h"

namespace portcullis::control::cli {

using Json = nlohmann::ordered_json;

std::string text(const std::vector<policy::Prefix>& prefixes, std::string_view separator);
std::string text(const policy::PortRange& ports);      // "443", "50000-59999", "any"
std::string text(policy::ZoneSet zones);               // "edge-external, rp-external"
std::string text(const policy::Interface& interface);  // "dmz vlan 10": device and VLAN
std::string endpoint(const policy::IpAddress& address, std::uint16_t port);  // "[2001:db8::1]:443"
std::string_view text(policy::Action action);
std::string_view text(policy::Origin origin);
std::string_view text(policy::Family family);
std::string_view text(policy::ProbeKind kind);

// "sip-tls by service access-443, watch; names sip.example.com, without a name refused": what the
// rule's sessions are held to; "" where it is nothing.
std::string held_to(const policy::Policy& policy, const policy::Rule& rule);

Json to_json(const policy::Policy& policy, const policy::Rule& rule);
Json to_json(const policy::Policy& policy, const policy::Conformance& service);
Json to_json(const policy::Service& service);
Json to_json(const policy::Interface& interface);
Json to_json(const policy::Route& route, const policy::Policy& policy);
Json to_json(const policy::Settings& settings);

}  // namespace portcullis::control::cli
