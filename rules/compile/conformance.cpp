// Passes: the services whose protocol is known, with the topology's mode and names for each; which
// of them a flow belongs to; and the removal of those that no rule leads to.
#include "rules/compile/conformance.h"

#include <algorithm>
#include <utility>

#include "rules/compile/text.h"
#include "rules/topology/inspected_services.h"

namespace portcullis::compile {
namespace {

using policy::Conformance;
using policy::ConformanceMode;
using policy::PortRange;
using policy::ProtocolClass;
using policy::Transport;
using policy::Zone;
using topology::ServiceConformance;

// One end of a flow. Where an end is nobody's of the perimeter, its zone tells who it is.
enum class End : std::uint8_t {
    anybody,
    internet,
    corporate,
    access,
    web_conferencing,
    av,
    internal,
    reverse_proxy,
};

bool is(End end, Side side, Zone zone) {
    switch (end) {
        case End::anybody:
            return true;
        case End::internet:
            return side == Side::elsewhere && zone == Zone::internet;
        case End::corporate:
            return side == Side::elsewhere && zone == Zone::corporate;
        case End::access:
            return side == Side::access;
        case End::web_conferencing:
            return side == Side::web_conferencing;
        case End::av:
            return side == Side::av;
        case End::internal:
            return side == Side::internal;
        case End::reverse_proxy:
            return side == Side::reverse_proxy;
    }
    return false;
}

struct Known {
    std::string_view service;
    End from;
    End to;
    Transport transport;
    PortRange ports;
    PortRange source_ports{};  // any
};

constexpr Transport kTcp = Transport::tcp;
constexpr Transport kUdp = Transport::udp;
constexpr PortRange kMedia{50000, 59999};
constexpr PortRange kLogging[] = {{50001, 50001}, {50002, 50002}, {50003, 50003}};
constexpr PortRange one(std::uint16_t port) {
    return {port, port};
}

// The first that fits. Ports are compared as they stand: a rule for a wider range is open for other
// protocols too.
constexpr Known kKnown[] = {
    {"access-443", End::anybody, End::access, kTcp, one(443)},
    {"access-5061", End::anybody, End::access, kTcp, one(5061)},
    {"access-5269", End::anybody, End::access, kTcp, one(5269)},
    {"web-conferencing-443", End::anybody, End::web_conferencing, kTcp, one(443)},
    {"av-443", End::anybody, End::av, kTcp, one(443)},
    {"av-3478", End::anybody, End::av, kUdp, one(3478)},
    {"media-tcp", End::anybody, End::av, kTcp, kMedia},
    {"media-udp", End::anybody, End::av, kUdp, kMedia},
    {"av-3478", End::av, End::internet, kUdp, one(3478)},
    {"media-tcp", End::av, End::internet, kTcp, one(443)},
    {"media-tcp", End::av, End::internet, kTcp, {}, kMedia},
    {"media-udp", End::av, End::internet, kUdp, {}, kMedia},
    {"sip-out", End::access, End::internet, kTcp, one(5061)},
    {"xmpp-out", End::access, End::internet, kTcp, one(5269)},
    {"crl", End::access, End::internet, kTcp, one(80)},
    {"dns-tcp", End::access, End::internet, kTcp, one(53)},
    {"dns-udp", End::access, End::internet, kUdp, one(53)},
    {"reverse-proxy-443", End::internet, End::reverse_proxy, kTcp, one(443)},
    {"reverse-proxy-80", End::internet, End::reverse_proxy, kTcp, one(80)},
    {"proxied-https", End::reverse_proxy, End::corporate, kTcp, one(4443)},
    {"proxied-http", End::reverse_proxy, End::corporate, kTcp, one(8080)},
    {"internal-443", End::anybody, End::internal, kTcp, one(443)},
    {"internal-3478", End::anybody, End::internal, kUdp, one(3478)},
    {"internal-5061", End::anybody, End::internal, kTcp, one(5061)},
    {"internal-5062", End::anybody, End::internal, kTcp, one(5062)},
    {"edge-psom", End::corporate, End::internal, kTcp, one(8057)},
    {"edge-replication", End::corporate, End::internal, kTcp, one(4443)},
    {"edge-xmpp-gateway", End::corporate, End::internal, kTcp, one(23456)},
    {"edge-logging", End::corporate, End::internal, kTcp, kLogging[0]},
    {"edge-logging", End::corporate, End::internal, kTcp, kLogging[1]},
    {"edge-logging", End::corporate, End::internal, kTcp, kLogging[2]},
    {"edge-sip-in", End::internal, End::corporate, kTcp, one(5061)},
    {"corporate-sip", End::corporate, End::corporate, kTcp, one(5061)},
    {"corporate-https", End::corporate, End::corporate, kTcp, one(443)},
    {"corporate-https", End::corporate, End::corporate, kTcp, one(4443)},
    {"corporate-http", End::corporate, End::corporate, kTcp, one(80)},
    {"corporate-http", End::corporate, End::corporate, kTcp, one(8080)},
    {"corporate-psom", End::corporate, End::corporate, kTcp, one(8057)},
    {"corporate-psom", End::corporate, End::corporate, kTcp, one(8058)},
    {"corporate-sba", End::corporate, End::corporate, kTcp, one(444)},
    {"corporate-logging", End::corporate, End::corporate, kTcp, kLogging[0]},
    {"corporate-logging", End::corporate, End::corporate, kTcp, kLogging[1]},
    {"corporate-logging", End::corporate, End::corporate, kTcp, kLogging[2]},
};

// `default: enforce` is for what may be enforced; the loader refuses to have others named.
ConformanceMode mode_of(const topology::Conformance& section, const ServiceConformance& how,
                        ProtocolClass protocol) {
    const auto mode = how.mode.value_or(section.mode);
    const bool too_strict = mode == ConformanceMode::enforce && !policy::may_be_enforced(protocol);
    return too_strict ? ConformanceMode::watch : mode;
}

Conformance made(const topology::Conformance& section, const ServiceConformance& how,
                 std::string name, ProtocolClass protocol, bool stream) {
    Conformance out;
    out.name = std::move(name);
    out.protocol = protocol;
    out.mode = mode_of(section, how, protocol);
    out.stream = stream;
    out.names = how.names;
    out.missing_name = how.missing_name;
    return out;
}

}  // namespace

std::string_view inspected_service(const Flow& flow, Zone from, Zone to) {
    const auto found = std::ranges::find_if(kKnown, [&](const Known& known) {
        return known.transport == flow.transport && known.ports == flow.destination_ports &&
               known.source_ports == flow.source_ports && is(known.from, flow.source, from) &&
               is(known.to, flow.destination, to);
    });
    return found == std::end(kKnown) ? std::string_view() : found->service;
}

std::uint32_t find_conformance(const policy::Policy& policy, const Flow& flow, Zone from, Zone to) {
    const auto name = inspected_service(flow, from, to);
    if (name.empty()) return policy::kNoConformance;
    const auto found = std::ranges::find(policy.conformance, name, &Conformance::name);
    return found == policy.conformance.end()
               ? policy::kNoConformance
               : static_cast<std::uint32_t>(found - policy.conformance.begin());
}

std::uint32_t add_site_conformance(Draft& draft, const topology::SiteRule& rule) {
    const auto& asked = *rule.conformance;
    if (asked.protocol == ProtocolClass::none) return policy::kNoConformance;
    auto& list = draft.policy.conformance;
    list.push_back(made(draft.topology.conformance, asked.how, concat("site.", rule.name),
                        asked.protocol, rule.transports.front() == Transport::tcp));
    if (asked.protocol == ProtocolClass::custom)
        draft.custom_classes.emplace(list.back().name, asked.custom);
    return static_cast<std::uint32_t>(list.size() - 1);
}

void add_conformance(Draft& draft) {
    const auto& section = draft.topology.conformance;
    for (const auto& service : topology::inspected_services()) {
        const auto named = section.services.find(service.name);
        const auto how = named == section.services.end() ? ServiceConformance{} : named->second;
        draft.policy.conformance.push_back(made(section, how, std::string(service.name),
                                                service.protocol,
                                                policy::is_stream(service.protocol)));
    }
}

void drop_unused_conformance(Draft& draft) {
    auto& policy = draft.policy;
    std::vector<bool> used(policy.conformance.size());
    for (const auto& rule : policy.rules)
        if (rule.conformance != policy::kNoConformance) used[rule.conformance] = true;
    std::vector<std::uint32_t> moved(policy.conformance.size(), policy::kNoConformance);
    std::vector<Conformance> kept;
    for (std::size_t i = 0; i < used.size(); ++i) {
        if (!used[i]) continue;
        moved[i] = static_cast<std::uint32_t>(kept.size());
        kept.push_back(std::move(policy.conformance[i]));
    }
    policy.conformance = std::move(kept);
    for (auto& rule : policy.rules)
        if (rule.conformance != policy::kNoConformance) rule.conformance = moved[rule.conformance];
    if (policy.conformance.size() > policy::kMostConformance)
        draft.errors.push_back({std::string(draft.file_name),
                                {},
                                concat("site-rules: ", std::to_string(policy.conformance.size()),
                                       " services to hold to a protocol are too many"),
                                concat("let at most ", std::to_string(policy::kMostConformance),
                                       " name a class: one rule can have many sources")});
}

}  // namespace portcullis::compile
