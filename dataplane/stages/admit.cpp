// admit: first packets. Anti-spoofing and rules (RuntimePolicy::judge), then the service's NAT
// plan, then the session.
//
// Exits here:
//   punt  icmp_own, probe_reply
//   drop  what judge() denies (no_rule, site_rule, spoofed_source, own_source, bogon_source,
//         mixed_family, unknown_interface), host_rate_limit, not_a_syn, restart_reset,
//         icmp_no_session (an echo reply), host_unhandled, no_live_node, no_route, and what
//         Sessions::start() refuses
#include <algorithm>
#include <optional>

#include "dataplane/stages/context.h"
#include "dataplane/stages/inspect.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

using policy::NatKind;
using policy::Transport;

namespace {

bool is(const FlowKey& key, Transport transport) {
    return key.protocol == static_cast<std::uint8_t>(transport);
}

// TCP that does not open a connection.
bool is_mid_stream(const Burst& burst, unsigned i) {
    return is(burst.key[i], Transport::tcp) &&
           (tcp_flags(burst.view[i].l4()) & (kSyn | kAck | kRst)) != kSyn;
}

// An answer to one of main's node probes: from a host of the perimeter, to the address of the
// interface it came by. Main knows which probes are under way.
bool is_probe_reply(const FlowKey& key, const FlowKey& indexed, const Context& context) {
    if (is(key, Transport::icmp) || !kProbePorts.contains(key.destination_port)) return false;
    const policy::Zone zone = context.policy->classify(key.source).zone;
    if (zone == policy::Zone::internet || zone == policy::Zone::corporate) return false;
    const auto& own = context.policy->policy().interfaces[indexed.interface].addresses;
    return std::ranges::any_of(
        own, [&](const auto& address) { return address.address == key.destination; });
}

// Told by its type: a reply with identifier 0 has the key of a request.
bool is_echo_reply(const Burst& burst, unsigned i) {
    constexpr std::uint8_t kReplyV4 = 0, kReplyV6 = 129;
    const PacketView& view = burst.view[i];
    return is(burst.key[i], Transport::icmp) &&
           view.l4()[0] == (view.family == Family::ipv4 ? kReplyV4 : kReplyV6);
}

bool is_echo_request_to_us(const Burst& burst, unsigned i, const Context& context) {
    return is(burst.key[i], Transport::icmp) && !is_echo_reply(burst, i) &&
           context.policy->is_own(burst.key[i].destination);
}

// The far side's packet of a full-NAT connection from before a restart: nobody knows whose it was.
bool was_translated(const FlowKey& key, const RuntimePolicy& policy) {
    return policy.is_full_nat(key.destination) &&
           !policy.is_service_port(key.destination, key.protocol, key.destination_port);
}

void deny(Burst& burst, unsigned i, const Judgement& judgement, Context& context) {
    if (context.denies->full()) {
        context.denies->suppress();
    } else {
        DenySample sample;
        sample.key = burst.key[i];
        sample.when = context.now;
        sample.generation = context.policy->generation();
        sample.rule = judgement.rule;
        sample.reason = judgement.reason;
        context.denies->record(sample);
    }
    context.hits->hit(context.worker, judgement.rule);
    burst.drop(i, judgement.reason);
}

void answer_echo(Burst& burst, unsigned i, Context& context) {
    if (context.echo_limit->take(context.policy->policy().settings.icmp_echo_per_second,
                                 context.now))
        return burst.punt(i, NoteKind::icmp_own, burst.ingress[i]);
    burst.drop(i, DropReason::host_rate_limit);
}

void reset(Burst& burst, unsigned i, Context& context) {
    context.answers->tcp_reset(burst.view[i]);
    burst.drop(i, DropReason::restart_reset);
}

// What no rule allows, but our own functions may want.
void refuse(Burst& burst, unsigned i, const FlowKey& indexed, const Judgement& judgement,
            bool after_restart, Context& context) {
    const bool spoofed =
        judgement.reason != DropReason::no_rule && judgement.reason != DropReason::site_rule;
    // Replies never need a rule, and main's probes have no session.
    if (!spoofed && is_probe_reply(burst.key[i], indexed, context))
        return burst.punt(i, NoteKind::probe_reply, burst.ingress[i]);
    if (judgement.reason == DropReason::no_rule) {
        if (is_echo_request_to_us(burst, i, context)) return answer_echo(burst, i, context);
        if (is_mid_stream(burst, i)) {
            if (after_restart && was_translated(burst.key[i], *context.policy))
                return reset(burst, i, context);
            return burst.drop(i, DropReason::not_a_syn);
        }
    }
    deny(burst, i, judgement, context);
}

// The NAT plan, or why there is none.
std::optional<DropReason> plan_nat(const RuntimePolicy& policy, const policy::Rule& rule,
                                   SessionPlan& plan) {
    plan.translated_source = plan.initiator.source;
    plan.translated_source_port = plan.initiator.source_port;
    plan.translated_destination = plan.initiator.destination;
    plan.translated_destination_port = plan.initiator.destination_port;
    if (rule.nat != NatKind::none) {
        const policy::Service& service = policy.service(rule.service);
        if (rule.nat != NatKind::snat) {
            const auto node = policy.choose_node(rule.service, plan.initiator.source);
            if (!node) return DropReason::no_live_node;
            plan.translated_destination = service.nodes[*node].address;
        }
        if (rule.nat != NatKind::dnat) plan.translated_source = service.vip;
    }
    const RouteResult route = policy.route(plan.translated_destination);
    if (route.interface == kNoInterface) return DropReason::no_route;
    const Egress& egress = policy.egress(route.interface);
    plan.responder_interface = wire_id({egress.device, egress.vlan});
    return std::nullopt;
}

void start(Burst& burst, unsigned i, std::uint32_t rule_index, bool after_restart,
           Context& context) {
    const RuntimePolicy& policy = *context.policy;
    const policy::Rule& rule = policy.rule(rule_index);
    SessionPlan plan;
    plan.initiator = burst.key[i];
    plan.nat = rule.nat;
    if (is_mid_stream(burst, i)) {
        if (!after_restart) return burst.drop(i, DropReason::not_a_syn);
        // Without its source port a full-NAT connection cannot go on.
        if (rule.nat == NatKind::full || rule.nat == NatKind::snat) return reset(burst, i, context);
        plan.pick_up = true;
    }
    if (is_echo_reply(burst, i)) return burst.drop(i, DropReason::icmp_no_session);
    // A site rule that names an address of ours. No host has it: whoever else answered ARP for it
    // would get the packets.
    if ((rule.nat == NatKind::none || rule.nat == NatKind::snat) &&
        policy.is_own(plan.initiator.destination)) {
        context.hits->hit(context.worker, rule_index);
        if (is(plan.initiator, Transport::icmp)) return answer_echo(burst, i, context);
        return burst.drop(i, DropReason::host_unhandled);
    }
    if (const auto refused = plan_nat(policy, rule, plan)) return burst.drop(i, *refused);

    plan.av_path = rule.av_path;
    plan.rule = rule_index;
    plan.generation = policy.generation();
    plan.idle_seconds = rule.idle_seconds;
    const inspect::Protocol* protocol = context.protocols->find(rule.conformance);
    plan.undecided = protocol != nullptr;
    plan.enforced = protocol != nullptr && protocol->enforces();
    plan.from_inside = rule.from != policy::Zone::internet;
    const StartResult started = context.sessions->start(plan, burst.view[i], context.now);
    if (started.session == nullptr) return burst.drop(i, started.reason);
    burst.hit[i] = {started.session, started.direction};
    burst.missed &= ~(std::uint64_t{1} << i);
    if (started.session->concerns_inspect() && started.session->generation == policy.generation()) {
        if (started.is_new) enter_inspection(*started.session, context);
        inspect_later(burst, i, sent_by(burst.hit[i]), context);
    }
    context.hits->hit(context.worker, rule_index);
    context.counters->sessions_started.add();
}

}  // namespace

void admit(Burst& burst, Context& context) {
    if (burst.missed == 0) return;
    const bool after_restart = context.now <= kPickUpWindow;
    for_each(burst.missed, [&](unsigned i) {
        // Floods of segments without a connection are not worth a judgement, once nothing is picked
        // up.
        if (!after_restart && is_mid_stream(burst, i) &&
            !kProbePorts.contains(burst.key[i].destination_port))
            return burst.drop(i, DropReason::not_a_syn);
        burst.judged_key[i] = burst.key[i];
        burst.judged_key[i].interface =
            context.policy->interface_of(burst.ingress[i].device, burst.ingress[i].vlan);
    });
    context.policy->judge(burst.judged_key.data(), burst.count, burst.missed,
                          burst.judgement.data());
    for_each(burst.missed, [&](unsigned i) {
        const Judgement& judgement = burst.judgement[i];
        if (judgement.allow)
            start(burst, i, judgement.rule, after_restart, context);
        else
            refuse(burst, i, burst.judged_key[i], judgement, after_restart, context);
    });
}

}  // namespace portcullis::dataplane
