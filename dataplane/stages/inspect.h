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
// What its receiver throws away is a decoy: judged, it would speak for a session in which the
// receiver then hears something else. The device's word is taken, also that whoever sent has not
// left the host yet (checksum not filled in).
bool is_intact(const rte_mbuf& mbuf, const PacketView& view);
// Nor does it leave us to die at once.
bool is_delivered(const rte_mbuf& mbuf, const PacketView& view);
// Whether what the first bytes of the session are not will end it.
bool is_enforced(const Session& session, const Context& context);

// Of a session in syn_sent. Enforcing holds a SYN that has payload, so the responder cannot
// acknowledge it: what acknowledges another SYN must not look as if it did.
void forget_syn_payload(Session& session, const Context& context);

// Before the next packet is tracked. `sent_before`: sent_by() before this one was.
inline void inspect_later(Burst& burst, unsigned i, std::uint32_t sent_before,
                          const Context& context) {
    Session& session = *burst.hit[i].session;
    if (session.state == SessionState::syn_sent) forget_syn_payload(session, context);
    burst.undecided |= std::uint64_t{1} << i;
    burst.sent_before[i] = sent_before;
}

// Counts a session among the undecided ones of its rule's service.
void enter_inspection(const Session& session, Context& context);

// The session is not asked about any more; its record, if it has one, is given back. Nothing for a
// session that has left already.
void leave_inspection(Session& session, Context& context);

}  // namespace portcullis::dataplane
