#include "control/identify/judge.h"

#include <algorithm>

#include "rules/signatures/compile.h"
#include "rules/signatures/signatures.h"

namespace portcullis::control::identify {

namespace {

using policy::ProtocolClass;

// One flow at a time, so few of each kind; nobody else takes part in the quota.
inspect::Limits limits() {
    inspect::Limits made;
    made.records = 16;
    made.datagrams = 16;
    made.medium = 2;
    made.large = 2;
    return made;
}

inspect::Segment segment_of(const FlowPacket& packet) {
    inspect::Segment segment;
    segment.sequence = packet.sequence;
    segment.ack = packet.ack;
    segment.has_ack = packet.has_ack;
    segment.payload = packet.payload;
    return segment;
}

}  // namespace

std::string explain(inspect::Violation why) {
    return inspect::explain(why, limits());
}

const std::vector<ProtocolClass>& classes() {
    static const std::vector<ProtocolClass> known = [] {
        std::vector<ProtocolClass> order = {
            ProtocolClass::turn_udp, ProtocolClass::dns_udp,   ProtocolClass::media_udp,
            ProtocolClass::turn_tcp, ProtocolClass::media_tcp, ProtocolClass::https,
            ProtocolClass::sip_tls,  ProtocolClass::psom_tls,  ProtocolClass::http,
            ProtocolClass::xmpp,     ProtocolClass::dns_tcp,
        };
        // Whatever else can be enforced, behind them.
        for (const auto& signature : signatures::classes())
            if (signature.watch_only.empty() &&
                std::find(order.begin(), order.end(), signature.protocol) == order.end())
                order.push_back(signature.protocol);
        return order;
    }();
    return known;
}

tl::expected<Judge, std::string> Judge::create(const policy::Policy& policy) {
    auto protocols = inspect::Protocols::build(policy);
    if (!protocols) return tl::make_unexpected(protocols.error());
    auto scratch = protocols->make_scratch();
    if (!scratch) return tl::make_unexpected(scratch.error());
    auto inspector = inspect::Inspector::create(limits());
    if (!inspector) return tl::make_unexpected(inspector.error());
    return Judge(std::move(*protocols), std::move(*scratch), std::move(*inspector));
}

tl::expected<void, std::string> add_every_class(policy::Policy& policy) {
    for (const auto protocol : classes()) {
        auto database = signatures::compile(protocol);
        if (!database) return tl::make_unexpected(database.error());
        policy::Conformance conformance;
        conformance.name = to_string(protocol);
        conformance.protocol = protocol;
        conformance.mode = policy::ConformanceMode::enforce;
        conformance.stream = policy::is_stream(protocol);
        conformance.database = static_cast<std::uint32_t>(policy.databases.size());
        policy.databases.push_back(std::move(*database));
        policy.conformance.push_back(std::move(conformance));
    }
    return {};
}

tl::expected<Judge, std::string> Judge::create() {
    policy::Policy policy;
    if (auto added = add_every_class(policy); !added) return tl::make_unexpected(added.error());
    return create(policy);
}

Judgement Judge::judge(std::size_t index, const Flow& flow, const Order& order) {
    Judgement judgement;
    const auto* found = protocols_.find(number(index));
    if (found == nullptr || !flow.has_start) return judgement;
    inspect::Protocol protocol = *found;
    protocol.mode = policy::ConformanceMode::enforce;
    const bool tcp = flow.transport == policy::Transport::tcp;
    const auto& source = flow.initiator.address;
    auto record = inspect::kNoInspection;
    inspect::Millis now = clock_;
    for (const auto& step : order.steps) {
        const auto& packet = flow.packets[step.packet];
        // As the data plane does: acknowledgements matter once there is a record.
        if (packet.payload.empty() &&
            (!tcp || packet.from_initiator || record == inspect::kNoInspection))
            continue;
        now = std::max(now, clock_ + step.milliseconds);
        inspect::Outcome outcome;
        if (tcp)
            outcome = packet.from_initiator
                          ? inspector_->initiator_segment(record, flow.first_sequence, protocol,
                                                          scratch_, segment_of(packet), source, now)
                          : inspector_->responder_segment(record, protocol, scratch_,
                                                          segment_of(packet), now);
        else
            outcome = packet.from_initiator ? inspector_->initiator_datagram(
                                                  record, protocol, scratch_, packet.payload, now)
                                            : inspector_->responder_datagram(
                                                  record, protocol, scratch_, packet.payload, now);
        if (outcome.matched) judgement.passes = true;
        if (outcome.reported) judgement = {false, outcome.why, packet.number, false};
        if (outcome.done) break;
    }
    judgement.unanswered = judgement.passes && record != inspect::kNoInspection;
    if (record != inspect::kNoInspection) inspector_->close(record);
    clock_ = now + 1;
    return judgement;
}

}  // namespace portcullis::control::identify
