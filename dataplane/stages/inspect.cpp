// inspect: do the first bytes of a session speak the protocol that its rule is for?
//
// Asked about undecided sessions only; a session that has been judged never comes here
// (Sessions::track_established). In mode watch nothing is dropped, and a session that speaks another
// protocol is logged and judged. In mode enforce such a session is ended, TCP with a reset to both
// sides, and TCP passes only what comes in order meanwhile.
//
// A UDP session that was refused stays in the table, and nothing of it passes, until its time is over
// (Sessions::expired): else its next datagram would be the first of another session, with all the
// patience that media needs.
//
// Exits here (enforce only):
//   drop  not_conformant   another protocol, sequence numbers at odds with what was looked at, or a
//                          packet of a session that was ended or refused for it, or an ICMP error
//                          about one
//         bad_l4_checksum  its receiver would throw it away: it must not speak for the session
//         inspection_hold  TCP that is to come again: out of order, or in a form that its receiver
//                          may read differently from us
#include "dataplane/stages/inspect.h"

#include <algorithm>
#include <span>

#include "dataplane/nat/transport_checksum.h"
#include "dataplane/session/tcp.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

constexpr unsigned kUdpHeader = 8;

ConformanceCounts& counts_of(const Session& session, Context& context) {
    return context.conformance->of(context.worker, context.policy->rule(session.rule).conformance);
}

void report(const Session& session, const inspect::Outcome& outcome, Context& context) {
    if (context.denies->full()) return context.denies->suppress();
    DenySample sample;
    sample.key = session.key[index_of(Direction::initiator)];
    sample.when = context.now;
    sample.generation = session.generation;
    sample.rule = session.rule;
    sample.reason = DropReason::not_conformant;
    sample.violation = outcome.why;
    sample.passed = outcome.forward;
    const std::size_t kept = std::min(outcome.first_bytes.size(), sample.first_bytes.size());
    sample.first_count = static_cast<std::uint8_t>(kept);
    std::copy_n(outcome.first_bytes.data(), kept, sample.first_bytes.data());
    context.denies->record(sample);
}

void drop_session(Burst& burst, unsigned i, Context& context) {
    Session& session = *burst.hit[i].session;
    context.answers->session_resets(session);
    context.sessions->end(session, context.now);
    burst.drop(i, DropReason::not_conformant);
}

// What the inspector has said about the packet becomes of its session. False: not to be forwarded.
bool follow(const inspect::Outcome& outcome, inspect::Inspection record, Session& session,
            Context& context) {
    ConformanceCounts& counts = counts_of(session, context);
    if (outcome.matched) counts.matched.add();
    if (outcome.reported) {
        (outcome.forward ? counts.watched : counts.refused).add();
        report(session, outcome, context);
    }
    if (record != inspect::kNoInspection || outcome.done) {
        session.inspection = record;
        session.clear_aside(kAsideUnheard);
    }
    if (outcome.done) leave_inspection(session, context);
    return outcome.forward;
}

TcpSide& sender_of(const SessionHit& hit) {
    return hit.session->protocol.tcp[index_of(hit.direction)];
}

// lookup has noted every segment of the burst as sent. What does not leave has not been: the next
// segments are judged, and resets made, by what the receiver has got.
void take_back(const Burst& burst, unsigned i, const TcpSegment& segment) {
    TcpSide& sender = sender_of(burst.hit[i]);
    std::uint32_t sent = burst.sent_before[i];
    // What a SYN opened has no payload here (inspect_later), and another changes nothing.
    if (segment.is_syn()) return;
    if (segment.has(kTcpSyn) && sender.end != sent) sent = segment.sequence + 1;
    if (tcp_before(sent, sender.end)) sender.end = sent;
}

// What leaves has, whatever was taken back before it.
void pass(const SessionHit& hit, const TcpSegment& segment) {
    if (!segment.has(kTcpSyn) && !segment.has(kTcpRst))
        tcp_raise(sender_of(hit).end, segment.end());
}

void hold(Burst& burst, unsigned i, const TcpSegment& segment) {
    take_back(burst, i, segment);
    burst.drop(i, DropReason::inspection_hold);
}

// A receiver may take payload of a SYN or leave it, and takes an urgent byte out of the stream: what
// it will have read cannot be known. A genuine client sends the payload of a SYN again without one
// (RFC 7413 4.1.3.1), and nothing here begins with urgent data.
bool is_ambiguous(const TcpSegment& segment) {
    return segment.has(kTcpSyn) || segment.has(kTcpUrg);
}

// Does the responder have something of the initiator, before its first byte, that nobody has looked
// at? Where the session is watched it may: bytes that were in a SYN. Its FIN is nothing, but then
// there must be no bytes any more: the responder would not read them at the place where we do.
bool is_out_of_step(const Session& session, const TcpSegment& segment, bool initiator) {
    const TcpSide& side = session.protocol.tcp[0];
    const std::uint32_t unseen = side.acked - session.inspection;
    const bool its_fin = unseen == 1 && (side.flags & kTcpSideFin) != 0;
    return unseen != 0 && (!its_fin || (initiator && segment.payload != 0));
}

// The session ends, in a way that the inspector has not seen.
void refuse(Burst& burst, unsigned i, const TcpSegment& segment, inspect::Violation why,
            Context& context) {
    inspect::Outcome outcome;
    outcome.forward = false;
    outcome.done = outcome.reported = true;
    outcome.why = why;
    follow(outcome, inspect::kNoInspection, *burst.hit[i].session, context);
    take_back(burst, i, segment);
    drop_session(burst, i, context);
}

void inspect_segment(Burst& burst, unsigned i, const inspect::Protocol& protocol,
                     Context& context) {
    const SessionHit hit = burst.hit[i];
    Session& session = *hit.session;
    TcpSegment segment;
    (void)read_tcp_segment(burst.view[i], segment);       // lookup and admit have done so: it fits
    if (!session.undecided()) return pass(hit, segment);  // judged earlier in this burst
    if (!is_intact(*burst.mbuf[i], burst.view[i])) {
        if (!protocol.enforces()) return pass(hit, segment);
        take_back(burst, i, segment);
        return burst.drop(i, DropReason::bad_l4_checksum);
    }
    const bool initiator = hit.direction == Direction::initiator;
    const bool unheard = (session.aside & kAsideUnheard) != 0;
    if (unheard && is_out_of_step(session, segment, initiator)) {
        if (protocol.enforces())
            return refuse(burst, i, segment, inspect::Violation::bad_sequence, context);
        leave_inspection(session, context);
        return pass(hit, segment);
    }
    // The data of a RST is no part of the stream. Acknowledgements matter once there is a record.
    if (segment.has(kTcpRst) || (segment.payload == 0 && (initiator || unheard)))
        return pass(hit, segment);
    if (initiator && is_ambiguous(segment))
        return protocol.enforces() ? hold(burst, i, segment) : pass(hit, segment);

    const PacketView& view = burst.view[i];
    inspect::Segment seen;
    seen.sequence = segment.sequence + (segment.has(kTcpSyn) ? 1 : 0);
    seen.ack = segment.ack;
    seen.has_ack = segment.has(kTcpAck);
    seen.payload = {view.l3 + view.l3_bytes - segment.payload, segment.payload};
    inspect::Inspection record = unheard ? inspect::kNoInspection : session.inspection;
    const inspect::Outcome outcome =
        initiator ? context.inspector->initiator_segment(record, session.inspection, protocol,
                                                         *context.scratch, seen,
                                                         session.key[0].source, context.now)
                  : context.inspector->responder_segment(record, protocol, *context.scratch, seen,
                                                         context.now);
    if (follow(outcome, record, session, context)) return pass(hit, segment);
    if (!outcome.done) return hold(burst, i, segment);
    take_back(burst, i, segment);
    drop_session(burst, i, context);
}

void inspect_datagram(Burst& burst, unsigned i, const inspect::Protocol& protocol,
                      Context& context) {
    const SessionHit hit = burst.hit[i];
    Session& session = *hit.session;
    if (!session.undecided()) return;  // judged earlier in this burst
    const PacketView& view = burst.view[i];
    if (dies_here(view)) return;  // translate drops it: it must not speak for the session
    const std::span<const std::uint8_t> payload(view.l4() + kUdpHeader,
                                                view.l4_bytes() - kUdpHeader);
    if (payload.empty()) return;
    if (!is_intact(*burst.mbuf[i], view)) {
        if (protocol.enforces()) burst.drop(i, DropReason::bad_l4_checksum);
        return;
    }
    const bool initiator = hit.direction == Direction::initiator;
    inspect::Inspection record = session.inspection;
    const inspect::Outcome outcome =
        initiator ? context.inspector->initiator_datagram(record, protocol, *context.scratch,
                                                          payload, context.now)
                  : context.inspector->responder_datagram(record, protocol, *context.scratch,
                                                          payload, context.now);
    if (follow(outcome, record, session, context)) return;
    session.refuse(context.now);
    burst.drop(i, DropReason::not_conformant);
}

void inspect_one(Burst& burst, unsigned i, Context& context) {
    const Session& session = *burst.hit[i].session;
    const inspect::Protocol* protocol =
        context.protocols->find(context.policy->rule(session.rule).conformance);
    // Refused, or ended by an earlier packet of this burst: for what it said, or to make room for
    // another.
    if (session.refused() || session.state == SessionState::free) {
        if (protocol != nullptr && protocol->enforces()) burst.drop(i, DropReason::not_conformant);
        return;
    }
    if (burst.is_icmp_error(i)) return;  // says nothing of what the ends speak
    if (session.key[0].protocol == static_cast<std::uint8_t>(policy::Transport::tcp))
        inspect_segment(burst, i, *protocol, context);
    else
        inspect_datagram(burst, i, *protocol, context);
}

}  // namespace

bool is_intact(const rte_mbuf& mbuf, const PacketView& view) {
    const std::uint64_t word = mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    return word == RTE_MBUF_F_RX_L4_CKSUM_GOOD || word == RTE_MBUF_F_RX_L4_CKSUM_NONE ||
           transport_checksum_is_right(view);
}

bool is_delivered(const rte_mbuf& mbuf, const PacketView& view) {
    return !dies_here(view) && is_intact(mbuf, view);
}

bool is_enforced(const Session& session, const Context& context) {
    const inspect::Protocol* protocol =
        context.protocols->find(context.policy->rule(session.rule).conformance);
    return protocol != nullptr && protocol->enforces();
}

void forget_syn_payload(Session& session, const Context& context) {
    if (!is_enforced(session, context)) return;
    TcpSide& initiator = session.protocol.tcp[0];
    initiator.end = initiator.max_end = session.inspection;
}

void enter_inspection(const Session& session, Context& context) {
    counts_of(session, context).undecided.add();
}

void leave_inspection(Session& session, Context& context) {
    if (!session.undecided()) return;
    if ((session.aside & kAsideUnheard) == 0) {
        inspect::Inspection record = session.inspection;
        context.inspector->close(record);
    }
    session.clear_aside(kAsideUndecided | kAsideUnheard);
    // One that this policy has not taken over yet was counted by the policy before.
    if (context.policy != nullptr && session.generation == context.policy->generation())
        counts_of(session, context).undecided.take();
}

void inspect(Burst& burst, Context& context) {
    for_each(burst.undecided & burst.live, [&](unsigned i) { inspect_one(burst, i, context); });
}

}  // namespace portcullis::dataplane
