#include "rules/compile/rule_index.h"

#include "rules/compile/prefixes.h"

namespace portcullis::compile {

using policy::Family;
using policy::FirstPacket;
using policy::IpAddress;
using policy::Policy;
using policy::Prefix;
using policy::Transport;
using policy::Zone;

namespace {

// The lists are sorted and their prefixes disjoint: the last one ends last.
void bound(const std::vector<Prefix>& prefixes, Family family, RuleIndex::Key& first,
           RuleIndex::Key& last) {
    const auto all = Prefix::all(family);
    first = RuleIndex::key_of(prefixes.empty() ? all.address() : prefixes.front().address());
    last = RuleIndex::key_of(last_address(prefixes.empty() ? all : prefixes.back()));
}

}  // namespace

bool RuleIndex::Box::contains(const Box& other) const {
    return destination_ports.first <= other.destination_ports.first &&
           destination_ports.last >= other.destination_ports.last &&
           source_ports.first <= other.source_ports.first &&
           source_ports.last >= other.source_ports.last &&
           destination_first <= other.destination_first &&
           destination_last >= other.destination_last && source_first <= other.source_first &&
           source_last >= other.source_last;
}

RuleIndex::Key RuleIndex::key_of(const IpAddress& address) {
    Key key;
    for (unsigned i = 0; i < 8; ++i) {
        key.high = key.high << 8 | address.bytes()[i];
        key.low = key.low << 8 | address.bytes()[8 + i];
    }
    return key;
}

RuleIndex::Box RuleIndex::box_of(const Policy& policy, std::uint32_t rule) {
    const auto& given = policy.rules[rule];
    Box box;
    box.rule = rule;
    box.source_ports = given.source_ports;
    box.destination_ports = given.destination_ports;
    bound(given.sources, given.family, box.source_first, box.source_last);
    bound(given.destinations, given.family, box.destination_first, box.destination_last);
    return box;
}

RuleIndex::Box RuleIndex::box_of(const FirstPacket& packet) {
    const auto source = key_of(packet.source);
    const auto destination = key_of(packet.destination);
    return {policy::kNoRule,
            {packet.source_port, packet.source_port},
            {packet.destination_port, packet.destination_port},
            source,
            source,
            destination,
            destination};
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

void RuleIndex::add(const Policy& policy, std::uint32_t rule) {
    const auto& given = policy.rules[rule];
    buckets_[slot(given.transport, given.family, given.from, given.to)].push_back(
        box_of(policy, rule));
}

const RuleIndex::Bucket& RuleIndex::bucket(Transport transport, Family family, Zone from,
                                           Zone to) const {
    return buckets_[slot(transport, family, from, to)];
}

Decider::Decider(const Policy& policy) : policy_(policy) {
    for (std::uint32_t i = 0; i < policy.rules.size(); ++i) index_.add(policy, i);
}

policy::Witness Decider::decide(const FirstPacket& packet) const {
    policy::Witness out{
        packet.interface,   packet.transport,        packet.source, packet.destination,
        packet.source_port, packet.destination_port, false,         policy::kNoRule};
    const auto family = packet.source.family();
    if (packet.destination.family() != family) return out;
    const auto source = classify(policy_, packet.source);
    if (source_refused(policy_, packet.interface, source)) return out;
    const auto destination = classify(policy_, packet.destination);
    const auto point = RuleIndex::box_of(packet);
    for (const auto& box : index_.bucket(packet.transport, family, source.zone, destination.zone)) {
        if (!box.contains(point)) continue;
        const auto& rule = policy_.rules[box.rule];
        if (!covers(rule, packet, source, destination)) continue;
        out.allow = rule.action == policy::Action::allow;
        out.rule = box.rule;
        break;
    }
    return out;
}

}  // namespace portcullis::compile
