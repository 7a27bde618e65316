// What holds for every sound Policy, whoever made it. read_image() refuses a policy without it, so
// the data plane may rely on each of these; the compiler's tests ask the same function.
#include <algorithm>

#include "rules/policy/policy.h"

namespace portcullis::policy {
namespace {

using Defect = std::optional<std::string>;

template <typename Element>
bool strictly_increasing(const std::vector<Element>& elements) {
    return std::adjacent_find(elements.begin(), elements.end(), [](const auto& a, const auto& b) {
               return !(a < b);
           }) == elements.end();
}

// Longest first, as seen by each family on its own.
template <typename Entry>
bool longest_first(const std::vector<Entry>& entries) {
    unsigned shortest_v4 = 32;
    unsigned shortest_v6 = 128;
    for (const auto& entry : entries) {
        auto& shortest = entry.prefix.family() == Family::ipv4 ? shortest_v4 : shortest_v6;
        if (entry.prefix.length() > shortest) return false;
        shortest = entry.prefix.length();
    }
    return true;
}

template <typename Entry, typename Key>
Defect duplicate(const std::vector<Entry>& entries, Key key) {
    std::vector<decltype(key(entries.front()))> keys;
    keys.reserve(entries.size());
    for (const auto& entry : entries) keys.push_back(key(entry));
    std::sort(keys.begin(), keys.end());
    const auto found = std::adjacent_find(keys.begin(), keys.end());
    if (found == keys.end()) return std::nullopt;
    return std::string(*found);
}

Defect check(const Settings& settings) {
    if (settings.probe_interval_ms == 0 || settings.probe_rise == 0 || settings.probe_fall == 0)
        return "settings: a probe setting is 0";
    return std::nullopt;
}

Defect check(const Interface& interface) {
    const auto bad = [&](std::string_view what) {
        return "interface " + interface.name + ": " + std::string(what);
    };
    if (interface.name.empty() || interface.device.empty()) return bad("has no name or no device");
    if (interface.vlan > 4094) return bad("VLAN beyond 4094");
    const bool has_v6 = std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                    [](const auto& entry) { return !entry.address.is_v4(); });
    if (interface.mtu < (has_v6 ? 1280 : 68)) return bad("MTU below the protocol's least");
    if (!strictly_increasing(interface.answered)) return bad("answered addresses are not sorted");
    return std::nullopt;
}

Defect check(const Service& service) {
    const auto bad = [&](std::string_view what) {
        return "service " + service.name + ": " + std::string(what);
    };
    if (service.transport == Transport::icmp) return bad("ICMP has no service");
    for (const auto& node : service.nodes) {
        if (node.address.family() != service.vip.family()) return bad("a node of another family");
        if (node.weight < 1 || node.weight > 1000) return bad("a weight outside 1-1000");
    }
    switch (service.nat) {
        case NatKind::none:
            return bad("translates nothing");
        case NatKind::dnat:
        case NatKind::full:
            if (service.nodes.empty()) return bad("has no node");
            if (service.port == 0) return bad("has no port");
            return std::nullopt;
        case NatKind::snat:
            if (!service.nodes.empty() || service.port != 0) return bad("snat has node or port");
            return std::nullopt;
    }
    return std::nullopt;
}

Defect check_nat(const Policy& policy, const Rule& rule) {
    if (rule.nat == NatKind::none)
        return rule.service == kNoService ? Defect{} : Defect{"names a service without NAT"};
    if (rule.service >= policy.services.size()) return "names a service that does not exist";
    const auto& service = policy.services[rule.service];
    if (rule.action == Action::deny) return "denies and translates";
    if (service.nat != rule.nat || service.transport != rule.transport ||
        service.vip.family() != rule.family)
        return "disagrees with its service";
    if (rule.nat == NatKind::snat) return std::nullopt;
    const PortRange port{service.port, service.port};
    if (rule.destinations != std::vector{Prefix::host(service.vip)} ||
        rule.destination_ports != port)
        return "opens something else than its service";
    return std::nullopt;
}

Defect check_conformance(const Policy& policy, const Rule& rule) {
    if (rule.conformance == kNoConformance) return std::nullopt;
    if (rule.conformance >= policy.conformance.size())
        return "names a conformance that does not exist";
    if (rule.action == Action::deny) return "denies and holds to a protocol";
    if (rule.transport == Transport::icmp) return "holds ICMP to a protocol";
    if (policy.conformance[rule.conformance].stream != (rule.transport == Transport::tcp))
        return "disagrees with its conformance about the transport";
    return std::nullopt;
}

Defect check_rule(const Policy& policy, const Rule& rule) {
    if (rule.id.empty()) return "has no id";
    for (const auto* list : {&rule.sources, &rule.destinations}) {
        if (!strictly_increasing(*list)) return "has addresses out of order";
        for (const auto& prefix : *list)
            if (prefix.family() != rule.family) return "has an address of another family";
    }
    const bool site = rule.origin == Origin::site;
    if (rule.action == Action::deny && !site) return "denies, but is not a site rule";
    if (rule.transport == Transport::icmp && !site) return "opens ICMP, but is not a site rule";
    if (rule.covers_own && rule.action != Action::deny) return "opens all addresses of ours";
    if (auto defect = check_nat(policy, rule)) return defect;
    return check_conformance(policy, rule);
}

Defect check_witness(const Policy& policy, const Witness& witness) {
    if (witness.interface >= policy.interfaces.size()) return "names no interface";
    if (witness.rule == kNoRule) return witness.allow ? Defect{"allows by no rule"} : std::nullopt;
    if (witness.rule >= policy.rules.size()) return "names no rule";
    if (witness.allow != (policy.rules[witness.rule].action == Action::allow))
        return "contradicts its rule";
    return std::nullopt;
}

}  // namespace

std::optional<std::string> find_defect(const Policy& policy) {
    if (auto defect = check(policy.settings)) return defect;
    // 0xffff stands for "no interface" in the data plane.
    if (policy.interfaces.size() >= 0xffff) return "too many interfaces";
    for (const auto& interface : policy.interfaces)
        if (auto defect = check(interface)) return defect;
    if (const auto name = duplicate(policy.interfaces, [](const auto& interface) {
            return interface.device + "." + std::to_string(interface.vlan);
        }))
        return "two interfaces on " + *name;

    for (const auto& entry : policy.routes) {
        if (entry.interface >= policy.interfaces.size())
            return "route " + entry.prefix.to_string() + ": names no interface";
        if (entry.gateway.family() != entry.prefix.family())
            return "route " + entry.prefix.to_string() + ": gateway of another family";
    }
    if (!longest_first(policy.routes)) return "routes are not longest prefix first";
    if (!longest_first(policy.addresses)) return "addresses are not longest prefix first";
    if (const auto prefix =
            duplicate(policy.addresses, [](const auto& entry) { return entry.prefix.to_string(); }))
        return "address " + *prefix + " has two classes";

    for (const auto& service : policy.services)
        if (auto defect = check(service)) return defect;
    if (auto defect = find_defect(policy.conformance, policy.databases)) return defect;
    for (const auto& rule : policy.rules)
        if (const auto defect = check_rule(policy, rule)) return "rule " + rule.id + " " + *defect;
    if (const auto id =
            duplicate(policy.rules, [](const auto& rule) { return std::string_view(rule.id); }))
        return "two rules with the id " + *id;
    for (const auto& witness : policy.witnesses)
        if (const auto defect = check_witness(policy, witness)) return "a witness " + *defect;
    return std::nullopt;
}

}  // namespace portcullis::policy
