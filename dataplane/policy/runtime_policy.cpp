#include "dataplane/policy/runtime_policy.h"

#include <algorithm>

#include "dataplane/policy/rendezvous.h"

namespace portcullis::dataplane {

using policy::AddressKind;

RuntimePolicy::~RuntimePolicy() = default;

std::size_t RuntimePolicy::ServicePortHash::operator()(const ServicePort& key) const {
    return hash_address(static_cast<std::uint64_t>(key.protocol) << 16 | key.port, key.vip);
}

bool RuntimePolicy::is_service_port(const IpAddress& vip, std::uint8_t protocol,
                                    std::uint16_t port) const {
    return service_ports_.contains({vip, protocol, port});
}

RouteResult RuntimePolicy::route(const IpAddress& destination) const {
    const RouteEntry& entry = route_entries_[routes_.find(destination)];
    return {entry.interface, entry.on_link ? destination : entry.gateway};
}

std::optional<DropReason> RuntimePolicy::source_refused(std::uint16_t interface,
                                                        const IpAddress& source) const {
    return source_refused(interface, info(source).entry);
}

// policy::source_refused().
std::optional<DropReason> RuntimePolicy::source_refused(std::uint16_t interface,
                                                        const policy::AddressClass& source) const {
    if (source.kind == AddressKind::own) return DropReason::own_source;
    const policy::ZoneSet zones = policy_.interfaces[interface].zones;
    const bool member = source.kind == AddressKind::member;
    if (member && zones.contains(source.zone)) return std::nullopt;
    const bool bogon = !member && zones.contains(policy::Zone::internet);
    return bogon ? DropReason::bogon_source : DropReason::spoofed_source;
}

// Everything that policy::match asks before the rules. Returns the rules to ask with `query`, or nullptr
// where `out` is the judgement already.
const RuleTable* RuntimePolicy::prepare(const FlowKey& key, RuleQuery& query,
                                        Judgement& out) const {
    out = {};
    const auto refuse = [&out](DropReason reason) {
        out.reason = reason;
        return nullptr;
    };
    if (key.interface >= policy_.interfaces.size()) return refuse(DropReason::unknown_interface);
    const bool is_v4 = key.source.is_v4();
    if (key.destination.is_v4() != is_v4) return refuse(DropReason::mixed_family);
    const policy::AddressClass& source = infos_[classes_.find(key.source, is_v4)].entry;
    if (const auto refused = source_refused(key.interface, source)) return refuse(*refused);
    const policy::AddressClass& destination = infos_[classes_.find(key.destination, is_v4)].entry;
    if (destination.kind == AddressKind::bogon) return nullptr;  // no rule reaches a bogon
    query.fill(key, is_v4, source.zone, destination.zone, destination.kind == AddressKind::own);
    return rules_of(key.interface, is_v4);
}

void RuntimePolicy::decide(std::uint32_t result, Judgement& out) const {
    if (result == 0) return;  // nothing matched: no_rule
    out.rule = result - 1;
    out.allow = policy_.rules[out.rule].action == policy::Action::allow;
    if (!out.allow) out.reason = DropReason::site_rule;
}

void RuntimePolicy::judge(const FlowKey* keys, unsigned count, std::uint64_t wanted,
                          Judgement* out) const {
    RuleQuery queries[64];
    const RuleTable* tables[64];
    std::uint64_t open = 0;  // bit i: the rules are still to be asked about packet i
    if (count < 64) wanted &= (std::uint64_t{1} << count) - 1;
    for (std::uint64_t left = wanted; left != 0; left &= left - 1) {
        const auto i = static_cast<unsigned>(std::countr_zero(left));
        tables[i] = prepare(keys[i], queries[i], out[i]);
        if (tables[i] != nullptr) open |= std::uint64_t{1} << i;
    }
    // One classification for all packets of an interface and family.
    while (open != 0) {
        const RuleTable* table = tables[std::countr_zero(open)];
        const std::uint8_t* pointers[64];
        unsigned packet[64];
        std::uint32_t results[64];
        unsigned found = 0;
        for (std::uint64_t left = open; left != 0; left &= left - 1) {
            const auto i = static_cast<unsigned>(std::countr_zero(left));
            if (tables[i] != table) continue;
            pointers[found] = &queries[i].class_byte;
            packet[found++] = i;
            open &= ~(std::uint64_t{1} << i);
        }
        table->classify(pointers, found, results);
        for (unsigned i = 0; i < found; ++i) decide(results[i], out[packet[i]]);
    }
}

std::optional<std::uint32_t> RuntimePolicy::choose_node(std::uint32_t service,
                                                        const IpAddress& source) const {
    const auto& nodes = policy_.services[service].nodes;
    const Liveness& live = liveness_[service];
    std::optional<std::uint32_t> best;
    double best_score = 0;
    for (std::uint32_t node = 0; node < nodes.size(); ++node) {
        if (!node_up(service, node)) continue;
        const double draw = rendezvous_draw(live.seeds[node], source);
        const double score = live.even_weights ? draw : rendezvous_score(draw, nodes[node].weight);
        if (best && score <= best_score) continue;
        best = node;
        best_score = score;
    }
    return best;
}

void RuntimePolicy::set_node_up(std::uint32_t service, std::uint32_t node, bool up) {
    std::atomic<std::uint64_t>& word = liveness_[service].up[node / 64];
    const std::uint64_t bit = std::uint64_t{1} << node % 64;
    if (up)
        word.fetch_or(bit, std::memory_order_relaxed);
    else
        word.fetch_and(~bit, std::memory_order_relaxed);
}

}  // namespace portcullis::dataplane
