// How a session goes on under its rule's protocol, and how it leaves inspection; for the stages that
// start, take over and end sessions.
#pragma once

#include "dataplane/stages/context.h"

namespace portcullis::dataplane {

// Whether the first bytes of the sessions of `rule` are looked at.
inline bool is_inspected(const policy::Rule& rule, const Context& context) {
    return context.protocols->find(rule.conformance) != nullptr;
}

// The highest sequence number sent in this direction; of an undecided TCP session, else 0.
inline std::uint32_t sent_by(const SessionHit& hit) {
    const Session& session = *hit.session;
    const bool tcp = session.key[0].protocol == static_cast<std::uint8_t>(policy::Transport::tcp);
    return session.undecided() && tcp ? session.protocol.tcp[index_of(hit.direction)].end : 0;
}
// `sent_before`: sent_by() before the packet was tracked.
inline void inspect_later(Burst& burst, unsigned i, std::uint32_t sent_before) {
    burst.undecided |= std::uint64_t{1} << i;
    burst.sent_before[i] = sent_before;
}

// Counts a session among the undecided ones of its rule's service.
void enter_inspection(const Session& session, Context& context);

// The session is not asked about any more; its record, if it has one, is given back. Nothing for a
// session that has left already.
void leave_inspection(Session& session, Context& context);

}  // namespace portcullis::dataplane
