#include "control/views.h"

#include <array>
#include <cstdio>

#include "rules/inspect/violation.h"
#include "rules/policy/image.h"
#include "rules/policy/match.h"

namespace portcullis::control {
namespace {

using namespace policy;

constexpr std::uint16_t kMainThread = 0xffff;

std::string mac_text(const std::uint8_t (&mac)[6]) {
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                  mac[3], mac[4], mac[5]);
    return text.data();
}

std::string_view neighbour_state(peer::NeighbourState state) {
    static constexpr std::array<std::string_view, 4> kNames = {"incomplete", "reachable", "stale",
                                                               "failed"};
    const auto index = static_cast<unsigned>(state);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view session_state(std::uint8_t state) {
    return state < peer::kSessionStates.size() ? peer::kSessionStates[state] : "unknown";
}

Json session_conformance(peer::SessionConformance said) {
    switch (said) {
        case peer::SessionConformance::none:
            return nullptr;
        case peer::SessionConformance::undecided:
            return "undecided";
        case peer::SessionConformance::refused:
            return "refused";
    }
    return "unknown";
}

Json tuple(const peer::Address& source, std::uint16_t source_port, const peer::Address& destination,
           std::uint16_t destination_port) {
    return {{"src", address_text(source)},
            {"sport", source_port},
            {"dst", address_text(destination)},
            {"dport", destination_port}};
}

std::string hex(const peer::DenyRecord& record) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    const auto count = std::min<std::size_t>(record.first_count, record.first_bytes.size());
    for (std::size_t i = 0; i < count; ++i) {
        text += kDigits[record.first_bytes[i] >> 4];
        text += kDigits[record.first_bytes[i] & 15];
    }
    return text;
}

}  // namespace

std::string address_text(const peer::Address& address) {
    return IpAddress::from_bytes(address).to_string();
}

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
        case 6:
            return "tcp";
        case 17:
            return "udp";
        case 1:
        case 58:
            return "icmp";
        default:
            return std::to_string(protocol);
    }
}

std::optional<std::uint8_t> parse_protocol(const std::string& text) {
    if (text == "any") return 0;
    if (text == "tcp") return 6;
    if (text == "udp") return 17;
    if (text == "icmp") return 1;
    if (text == "icmpv6") return 58;
    return std::nullopt;
}

std::string hash_text(const peer::Hash& hash) {
    return hash == peer::Hash{} ? std::string() : policy::to_string(hash);
}

Json interface_name(const PolicyPtr& policy, std::uint32_t index) {
    if (!policy || index >= policy->interfaces.size()) return nullptr;
    return policy->interfaces[index].name;
}

const Rule* rule_of(const PolicyPtr& policy, std::uint32_t index) {
    return policy && index < policy->rules.size() ? &policy->rules[index] : nullptr;
}

Json rule_id(const PolicyPtr& policy, std::uint32_t index) {
    const auto* rule = rule_of(policy, index);
    return rule == nullptr ? Json(nullptr) : Json(rule->id);
}

Json session_view(const peer::SessionRecord& record, const PolicyPtr& policy) {
    Json view = {{"protocol", protocol_name(record.protocol)},
                 {"state", session_state(record.state)},
                 {"interface", interface_name(policy, record.interface)}};
    view.update(
        tuple(record.source, record.source_port, record.destination, record.destination_port));
    view["nat"] = record.nat <= static_cast<std::uint8_t>(NatKind::snat)
                      ? policy::to_string(static_cast<NatKind>(record.nat))
                      : "unknown";
    view["translated"] = tuple(record.translated_source, record.translated_source_port,
                               record.translated_destination, record.translated_destination_port);
    view["rule"] = rule_id(policy, record.rule);
    view["worker"] = record.worker;
    view["conformance"] = session_conformance(record.conformance);
    view["age_seconds"] = record.age_seconds;
    view["idle_seconds"] = record.idle_seconds;
    view["expires_seconds"] = record.expires_seconds;
    view["initiator"] = {{"packets", record.packets[0]}, {"bytes", record.bytes[0]}};
    view["responder"] = {{"packets", record.packets[1]}, {"bytes", record.bytes[1]}};
    return view;
}

Json neighbour_view(const peer::NeighbourRecord& record, const PolicyPtr& policy) {
    return {{"interface", interface_name(policy, record.interface)},
            {"address", address_text(record.address)},
            {"mac", mac_text(record.mac)},
            {"state", neighbour_state(record.state)},
            {"age_seconds", record.age_seconds}};
}

Json interface_view(const peer::InterfaceRecord& record) {
    auto zones = Json::array();
    const auto set = ZoneSet::from_bits(record.zones);
    for (unsigned i = 0; i < kZoneCount; ++i)
        if (set.contains(static_cast<Zone>(i)))
            zones.push_back(policy::to_string(static_cast<Zone>(i)));
    const auto queues = std::min<std::size_t>(record.rx_queues, peer::kMaxWorkers);
    return {{"name", text_of(record.name)},
            {"device", text_of(record.device)},
            {"driver", text_of(record.driver)},
            {"promiscuous", record.promiscuous != 0},
            {"steering", text_of(record.steering)},
            {"queue_rx", std::vector<std::uint64_t>(record.queue_rx, record.queue_rx + queues)},
            {"vlan", record.vlan},
            {"mac", mac_text(record.mac)},
            {"mtu", record.mtu},
            {"link_up", record.link_up != 0},
            {"speed_mbps", record.speed_mbps},
            {"zones", std::move(zones)},
            {"rx_packets", record.rx_packets},
            {"rx_bytes", record.rx_bytes},
            {"rx_missed", record.rx_missed},
            {"tx_packets", record.tx_packets},
            {"tx_bytes", record.tx_bytes}};
}

Json rule_view(const peer::RuleRecord& record, const PolicyPtr& policy) {
    Json view = {
        {"index", record.rule}, {"rule", rule_id(policy, record.rule)}, {"hits", record.hits}};
    if (const auto* rule = rule_of(policy, record.rule)) {
        view["action"] = rule->action == Action::allow ? "allow" : "deny";
        view["from"] = policy::to_string(rule->from);
        view["to"] = policy::to_string(rule->to);
        view["reason"] = rule->reason;
    }
    return view;
}

Json node_view(const peer::NodeRecord& record) {
    return {{"service", text_of(record.service)},
            {"node", text_of(record.node)},
            {"address", address_text(record.address)},
            {"up", record.up != 0},
            {"since_seconds", record.since_seconds}};
}

Json signature_view(const peer::SignatureRecord& record) {
    const bool known = record.mode <= static_cast<std::uint8_t>(ConformanceMode::enforce);
    return {
        {"service", text_of(record.service)},
        {"class", text_of(record.protocol)},
        {"mode", known ? policy::to_string(static_cast<ConformanceMode>(record.mode)) : "unknown"},
        {"judged", record.matched + record.refused + record.watched},
        {"matched", record.matched},
        {"refused", record.refused},
        {"watched", record.watched},
        {"undecided", record.undecided}};
}

std::string deny_sentence(const peer::DenyRecord& record, const PolicyPtr& policy) {
    if (!text_of(record.service).empty()) {
        if (const auto violation = inspect::parse_violation(text_of(record.reason)))
            return inspect::explain(*violation, record.limit);
    }
    if (const auto* rule = rule_of(policy, record.rule); rule != nullptr && !rule->reason.empty())
        return rule->reason;
    const auto name = text_of(record.reason);
    for (unsigned i = 0; i <= static_cast<unsigned>(DenyReason::mixed_family); ++i) {
        const auto reason = static_cast<DenyReason>(i);
        if (policy::to_string(reason) == name) return std::string(explain(reason));
    }
    return "dropped by the data plane: " + name;
}

Json deny_view(const peer::DenyRecord& record, const PolicyPtr& policy) {
    Json view = {{"unix_ms", record.unix_ms},
                 {"interface", interface_name(policy, record.interface)},
                 {"protocol", protocol_name(record.protocol)}};
    view.update(
        tuple(record.source, record.source_port, record.destination, record.destination_port));
    view["reason"] = text_of(record.reason);
    view["rule"] = rule_id(policy, record.rule);
    view["text"] = deny_sentence(record, policy);
    view["suppressed"] = record.suppressed;
    view["dropped"] = record.passed == 0;
    if (auto service = text_of(record.service); !service.empty()) {
        view["service"] = std::move(service);
        view["first_bytes"] = hex(record);
    }
    return view;
}

Json counter_view(const peer::CounterRecord& record) {
    return {{"name", text_of(record.name)},
            {"worker", record.worker == kMainThread ? Json("main") : Json(record.worker)},
            {"value", record.value}};
}

}  // namespace portcullis::control
