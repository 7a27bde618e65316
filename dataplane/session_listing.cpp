#include "dataplane/session_listing.h"

#include <algorithm>

namespace portcullis::dataplane {

namespace {

constexpr std::uint32_t kMaxRecords = 65536;
constexpr unsigned kSlice = 512;  // slots in one run

bool matches(const Session& session, const peer::SessionQuery& query) {
    const FlowKey& outer = session.key[0];
    const FlowKey& inner = session.key[1];
    if (query.protocol != 0 && query.protocol != outer.protocol) return false;
    if (query.port != 0 && query.port != outer.source_port &&
        query.port != outer.destination_port && query.port != inner.source_port &&
        query.port != inner.destination_port)
        return false;
    if (query.address == peer::Address{}) return true;
    const IpAddress wanted = IpAddress::from_bytes(query.address);
    return wanted == outer.source || wanted == outer.destination || wanted == inner.source ||
           wanted == inner.destination;
}

std::uint32_t seconds(Millis later, Millis earlier) {
    return later <= earlier ? 0 : static_cast<std::uint32_t>((later - earlier) / 1000);
}

// The rule of the running policy that the session goes on under. kNoRule where it is to be judged anew:
// nobody knows before its next packet comes.
std::uint32_t rule_of(const Session& session, const ActivePolicy* active) {
    if (active == nullptr) return policy::kNoRule;
    const std::uint32_t rule = active->policy->carry(session.rule, session.generation);
    return rule == kJudgeAgain ? policy::kNoRule : rule;
}

// What inspect would make of the next packet. Without a rule: as the session remembers.
peer::SessionConformance conformance_of(const Session& session, std::uint32_t rule,
                                        const ActivePolicy* active) {
    using enum peer::SessionConformance;
    if (!session.concerns_inspect()) return none;
    if (rule != policy::kNoRule) {
        const inspect::Protocol* protocol =
            active->protocols.find(active->policy->rule(rule).conformance);
        if (protocol == nullptr || (session.refused() && !protocol->enforces())) return none;
    }
    return session.refused() ? refused : undecided;
}

peer::SessionRecord record_of(const Session& session, Millis expires, const Worker& worker,
                              Millis now) {
    const FlowKey& outer = session.key[0];
    const FlowKey& inner = session.key[1];  // reversed: its destination is the translated source
    peer::SessionRecord record;
    record.source = outer.source.bytes();
    record.destination = outer.destination.bytes();
    record.translated_source = inner.destination.bytes();
    record.translated_destination = inner.source.bytes();
    record.source_port = outer.source_port;
    record.destination_port = outer.destination_port;
    record.translated_source_port = inner.destination_port;
    record.translated_destination_port = inner.source_port;
    record.protocol = outer.protocol;
    record.nat = static_cast<std::uint8_t>(session.nat);
    record.state = static_cast<std::uint8_t>(session.state);
    record.rule = rule_of(session, worker.active());
    record.conformance = conformance_of(session, record.rule, worker.active());
    record.worker = static_cast<std::uint16_t>(worker.index());
    record.interface = outer.interface;
    record.idle_seconds = session.idle_ms / 1000;
    record.expires_seconds = seconds(expires, now);
    record.age_seconds = seconds(now, session.started);
    for (unsigned d = 0; d < 2; ++d) {
        record.packets[d] = session.packets[d];
        record.bytes[d] = session.bytes(d);
    }
    return record;
}

}  // namespace

SessionListing::SessionListing(const peer::SessionQuery& query) : query_(query) {
    query_.limit = std::min(query_.limit, kMaxRecords);
    records_.reserve(query_.limit);
}

bool SessionListing::run(Worker& worker) {
    Sessions& sessions = worker.sessions();
    const Millis now = worker.now();
    next_slot_ = sessions.visit(next_slot_, kSlice, [&](const Session& session) {
        if (records_.size() < query_.limit && matches(session, query_))
            records_.push_back(record_of(session, sessions.expires(session, now), worker, now));
    });
    return next_slot_ == kNoSession || records_.size() == query_.limit;
}

}  // namespace portcullis::dataplane
