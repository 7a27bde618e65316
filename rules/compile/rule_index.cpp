#include "rules/compile/rule_index.h"

#include <algorithm>
#include <string_view>
#include <type_traits>

namespace portcullis::compile {

using policy::Family;
using policy::FirstPacket;
using policy::Policy;
using policy::Prefix;
using policy::Rule;
using policy::Transport;
using policy::Zone;

std::size_t RuleIndex::NameHash::operator()(const Name& name) const {
    static_assert(std::has_unique_object_representations_v<Name>);
    // A Name is nothing but its bytes.
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&name), sizeof name});
}

std::size_t RuleIndex::slot(Transport transport, Family family, Zone from, Zone to) {
    const std::size_t transport_slot =
        transport == Transport::icmp ? 0 : (transport == Transport::tcp ? 1 : 2);
    const std::size_t family_slot = family == Family::ipv4 ? 0 : 1;
    return ((transport_slot * 2 + family_slot) * policy::kZoneCount +
            static_cast<std::size_t>(from)) *
               policy::kZoneCount +
           static_cast<std::size_t>(to);
}

RuleIndex::Name RuleIndex::name_of(Kind kind, const Prefix& prefix) {
    return {prefix.address().bytes(), static_cast<std::uint8_t>(prefix.length()), kind};
}

RuleIndex::Name RuleIndex::name_of(std::uint16_t port) {
    Name name;
    name.bytes[0] = static_cast<std::uint8_t>(port >> 8);
    name.bytes[1] = static_cast<std::uint8_t>(port);
    name.kind = Kind::port;
    return name;
}

// A rule that covers another names a prefix around each of the other's, the first one's included.
RuleIndex::Around RuleIndex::around(const Rule& rule) {
    Around out;
    if (!rule.sources.empty()) out.source = rule.sources.front();
    if (!rule.destinations.empty()) out.destination = rule.destinations.front();
    if (rule.destination_ports.first == rule.destination_ports.last)
        out.port = rule.destination_ports.first;
    return out;
}

// The ways in which a rule can be listed; each is complete by itself.
std::vector<std::vector<RuleIndex::Name>> RuleIndex::names_of(const Rule& rule) {
    std::vector<std::vector<Name>> ways;
    const auto add = [&](Kind kind, const std::vector<Prefix>& prefixes) {
        if (prefixes.empty()) return;
        std::vector<Name>& names = ways.emplace_back();
        for (const Prefix& prefix : prefixes) names.push_back(name_of(kind, prefix));
    };
    add(Kind::source, rule.sources);
    add(Kind::destination, rule.destinations);
    if (rule.destination_ports.first == rule.destination_ports.last)
        ways.push_back({name_of(rule.destination_ports.first)});
    return ways;
}

RuleIndex::RuleIndex(const Policy& policy) {
    const auto bucket_of = [&](const Rule& rule) -> Bucket& {
        return buckets_[slot(rule.transport, rule.family, rule.from, rule.to)];
    };
    // How many rules name a thing, for each bucket.
    std::vector<std::unordered_map<Name, std::uint32_t, NameHash>> uses(buckets_.size());
    for (const Rule& rule : policy.rules)
        for (const auto& names : names_of(rule))
            for (const Name& name : names)
                ++uses[slot(rule.transport, rule.family, rule.from, rule.to)][name];

    for (std::uint32_t i = 0; i < policy.rules.size(); ++i) {
        const Rule& rule = policy.rules[i];
        Bucket& bucket = bucket_of(rule);
        const auto& counts = uses[slot(rule.transport, rule.family, rule.from, rule.to)];
        const auto crowd = [&](const std::vector<Name>& names) {
            std::uint32_t most = 0;
            for (const Name& name : names) most = std::max(most, counts.at(name));
            return most;
        };
        const auto ways = names_of(rule);
        const auto best = std::ranges::min_element(ways, {}, crowd);
        if (best == ways.end()) {
            bucket.others.push_back(i);
            continue;
        }
        for (const Name& name : *best) {
            bucket.named[name].push_back(i);
            if (name.kind == Kind::port) continue;
            auto& lengths =
                name.kind == Kind::source ? bucket.source_lengths : bucket.destination_lengths;
            if (std::ranges::find(lengths, name.length) == lengths.end())
                lengths.push_back(name.length);
        }
    }
}

policy::Witness Decider::decide(const FirstPacket& packet) const {
    policy::Witness out{
        packet.interface,   packet.transport,        packet.source, packet.destination,
        packet.source_port, packet.destination_port, false,         policy::kNoRule};
    if (packet.destination.family() != packet.source.family()) return out;
    const auto source = classify(policy_, packet.source);
    if (source_refused(policy_, packet.interface, source)) return out;
    const auto destination = classify(policy_, packet.destination);
    // A bogon has no zone; no rule covers it.
    const auto rule = index_.first_for(
        packet, source.zone, destination.zone, policy::kNoRule,
        [&](std::uint32_t i) { return covers(policy_.rules[i], packet, source, destination); });
    if (!rule) return out;
    out.allow = policy_.rules[*rule].action == policy::Action::allow;
    out.rule = *rule;
    return out;
}

}  // namespace portcullis::compile
