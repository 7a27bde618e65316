#include "dataplane/stages/readmit.h"

#include <algorithm>

#include "dataplane/owner.h"
#include "dataplane/stages/inspect.h"

namespace portcullis::dataplane {

using policy::NatKind;

namespace {

bool is_service_port(const policy::Policy& policy, const IpAddress& vip, std::uint8_t protocol,
                     std::uint16_t port) {
    return std::ranges::any_of(policy.services, [&](const policy::Service& service) {
        return service.vip == vip && static_cast<std::uint8_t>(service.transport) == protocol &&
               service.port == port;
    });
}

// The rule that the session goes on under, kNoRule where nothing allows it any more. Always judged
// on the tuple as its initiator emits it.
std::uint32_t rule_now(const Session& session, const RuntimePolicy& policy) {
    const std::uint32_t carried = policy.carry(session.rule, session.generation);
    if (carried != kJudgeAgain) return carried;
    FlowKey first = session.key[0];
    const Attachment ingress = attachment_of(first.interface);
    first.interface = policy.interface_of(ingress.device, ingress.vlan);
    if (first.interface == kNoInterface) return policy::kNoRule;
    Judgement judgement;
    policy.judge(&first, 1, 1, &judgement);
    return judgement.allow ? judgement.rule : policy::kNoRule;
}

// The responder's packets must still arrive where its key expects them.
bool responder_is_where_it_was(const Session& session, const RuntimePolicy& policy) {
    const std::uint16_t interface = policy.route(session.key[1].source).interface;
    return interface != kNoInterface &&
           session.key[1].interface ==
               wire_id({policy.egress(interface).device, policy.egress(interface).vlan});
}

std::optional<DropReason> refuse(const Session& session, std::uint32_t rule,
                                 const RuntimePolicy& policy) {
    if (rule == policy::kNoRule) return DropReason::policy_changed;
    if (!binding_is_valid(session, policy.rule(rule), policy.policy()) ||
        !responder_is_where_it_was(session, policy))
        return DropReason::binding_gone;
    return std::nullopt;
}

}  // namespace

bool binding_is_valid(const Session& session, const policy::Rule& rule,
                      const policy::Policy& policy) {
    if (rule.nat != session.nat) return false;
    if (rule.nat == NatKind::none) return true;
    const policy::Service& service = policy.services[rule.service];
    const FlowKey& outer = session.key[0];
    const FlowKey& inner = session.key[1];
    if (rule.nat != NatKind::snat) {
        const bool node_is_there = std::ranges::any_of(
            service.nodes, [&](const policy::Node& node) { return node.address == inner.source; });
        if (service.vip != outer.destination || service.port != outer.destination_port ||
            !node_is_there)
            return false;
    }
    if (rule.nat == NatKind::dnat) return true;
    return service.vip == inner.destination &&
           !is_service_port(policy, service.vip, inner.protocol, inner.destination_port);
}

bool end_if_moved(Session& session, Context& context) {
    if (context.workers == 1 ||
        owner_of(*context.policy, session.key[0], context.workers) == context.worker)
        return false;
    context.answers->session_resets(session);
    context.sessions->end(session, context.now);
    return true;
}

std::optional<DropReason> readmit(Session& session, Context& context) {
    const RuntimePolicy& policy = *context.policy;
    const std::uint32_t rule = rule_now(session, policy);
    if (const auto refused = refuse(session, rule, policy)) {
        context.answers->session_resets(session);
        context.sessions->end(session, context.now);
        return refused;
    }
    const policy::Rule& now = policy.rule(rule);
    if (!is_inspected(now, context)) leave_inspection(session, context);
    session.rule = rule;
    session.generation = policy.generation();
    session.av_path = now.av_path;
    if (session.undecided()) enter_inspection(session, context);
    session.idle_ms = idle_milliseconds(now.idle_seconds);
    session.egress[0] = session.egress[1] = kNoInterface;
    session.neighbour[0] = session.neighbour[1] = kNoNeighbour;
    context.counters->readmitted.add();
    return std::nullopt;
}

}  // namespace portcullis::dataplane
