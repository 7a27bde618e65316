#include "rules/policy/match.h"

#include <algorithm>

namespace portcullis::policy {
namespace {

bool any_contains(const std::vector<Prefix>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool covers_source(const Rule& rule, const IpAddress& address, const AddressClass& source) {
    if (source.kind != AddressKind::member || source.zone != rule.from) return false;
    return rule.sources.empty() || any_contains(rule.sources, address);
}

// A member of `to` is covered by an empty list or by a prefix that holds it. An address of ours is
// covered where it is named as itself (a VIP), never because a partner's or a site's prefix happens
// to hold it; a site deny (covers_own) reaches ours like any other address. A bogon is no
// destination.
bool covers_destination(const Rule& rule, const IpAddress& address,
                        const AddressClass& destination) {
    if (destination.kind == AddressKind::bogon || destination.zone != rule.to) return false;
    const bool own = destination.kind == AddressKind::own;
    if (rule.destinations.empty()) return !own || rule.covers_own;
    if (!own || rule.covers_own) return any_contains(rule.destinations, address);
    return std::find(rule.destinations.begin(), rule.destinations.end(), Prefix::host(address)) !=
           rule.destinations.end();
}

TranslatedTuple translate(const Policy& policy, const Rule& rule, const FirstPacket& packet) {
    TranslatedTuple out{
        packet.source, packet.source_port, packet.destination, packet.destination_port, {}};
    if (rule.nat == NatKind::none) return out;
    const auto& service = policy.services.at(rule.service);
    if (rule.nat == NatKind::full || rule.nat == NatKind::snat) {
        out.source = service.vip;
        out.source_port.reset();
    }
    if (rule.nat == NatKind::dnat || rule.nat == NatKind::full) {
        for (const auto& node : service.nodes) out.candidates.push_back(node.address);
        std::sort(out.candidates.begin(), out.candidates.end());
        out.destination.reset();
        if (out.candidates.size() == 1) out.destination = out.candidates.front();
    }
    return out;
}

}  // namespace

std::string_view to_string(DenyReason reason) {
    switch (reason) {
        case DenyReason::none:
            return "none";
        case DenyReason::no_rule:
            return "no-rule";
        case DenyReason::site_rule:
            return "site-rule";
        case DenyReason::spoofed_source:
            return "spoofed-source";
        case DenyReason::own_source:
            return "own-source";
        case DenyReason::bogon_source:
            return "bogon-source";
        case DenyReason::mixed_family:
            return "mixed-family";
    }
    return "unknown";
}

std::string_view explain(DenyReason reason) {
    switch (reason) {
        case DenyReason::none:
            return "it is allowed";
        case DenyReason::no_rule:
            return "nothing in the matrix opens this";
        case DenyReason::site_rule:
            return "a site rule denies it";
        case DenyReason::spoofed_source:
            return "the source address does not live behind this interface";
        case DenyReason::own_source:
            return "the source is an address of ours, which nobody else may use";
        case DenyReason::bogon_source:
            return "the source address can have no host on the Internet";
        case DenyReason::mixed_family:
            return "source and destination are of different address families";
    }
    return "unknown";
}

std::optional<DenyReason> source_refused(const Policy& policy, std::uint32_t interface,
                                         const AddressClass& source) {
    if (source.kind == AddressKind::own) return DenyReason::own_source;
    const auto zones = policy.interfaces.at(interface).zones;
    if (source.kind == AddressKind::member && zones.contains(source.zone)) return std::nullopt;
    if (source.kind == AddressKind::bogon && zones.contains(Zone::internet))
        return DenyReason::bogon_source;
    return DenyReason::spoofed_source;
}

bool covers(const Rule& rule, const FirstPacket& packet, const AddressClass& source,
            const AddressClass& destination) {
    return rule.transport == packet.transport && rule.family == packet.source.family() &&
           rule.family == packet.destination.family() &&
           rule.source_ports.contains(packet.source_port) &&
           rule.destination_ports.contains(packet.destination_port) &&
           covers_source(rule, packet.source, source) &&
           covers_destination(rule, packet.destination, destination);
}

Verdict match(const Policy& policy, const FirstPacket& packet) {
    Verdict verdict;
    if (packet.source.family() != packet.destination.family()) {
        verdict.reason = DenyReason::mixed_family;
        return verdict;
    }
    const auto source = classify(policy, packet.source);
    if (const auto refused = source_refused(policy, packet.interface, source)) {
        verdict.reason = *refused;
        return verdict;
    }
    verdict.from = source.zone;
    const auto destination = classify(policy, packet.destination);
    for (std::uint32_t i = 0; i < policy.rules.size(); ++i) {
        const auto& rule = policy.rules[i];
        if (!covers(rule, packet, source, destination)) continue;
        verdict.rule = i;
        verdict.allow = rule.action == Action::allow;
        verdict.reason = verdict.allow ? DenyReason::none : DenyReason::site_rule;
        if (verdict.allow) {
            verdict.nat = rule.nat;
            verdict.translated = translate(policy, rule, packet);
        }
        return verdict;
    }
    return verdict;
}

std::optional<NextHop> route(const Policy& policy, const IpAddress& destination) {
    std::optional<NextHop> best;
    unsigned best_length = 0;
    // Connected networks first: they win over a static route of the same length.
    for (std::uint32_t i = 0; i < policy.interfaces.size(); ++i) {
        for (const auto& address : policy.interfaces[i].addresses) {
            const auto network = address.network();
            if (!network.contains(destination) || (best && network.length() <= best_length))
                continue;
            best = NextHop{i, destination};
            best_length = network.length();
        }
    }
    for (const auto& entry : policy.routes) {
        if (!entry.prefix.contains(destination) || (best && entry.prefix.length() <= best_length))
            continue;
        best = NextHop{entry.interface, entry.gateway};
        best_length = entry.prefix.length();
    }
    return best;
}

}  // namespace portcullis::policy
