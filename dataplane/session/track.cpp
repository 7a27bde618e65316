#include "dataplane/session/sessions.h"
#include "dataplane/session/stun.h"
#include "dataplane/session/tcp.h"

namespace portcullis::dataplane {
namespace {

bool is_protocol(const Session& session, policy::Transport transport) {
    return session.key[0].protocol == static_cast<std::uint8_t>(transport);
}

}  // namespace

Session* Sessions::twin_of(Session& session) {
    return session.has_twin() ? &sessions_[session.link] : nullptr;
}

TrackResult Sessions::track(const SessionHit& hit, const PacketView& packet, Millis now) {
    SessionHit live = hit;
    while (live.session->state != SessionState::free && expired(*live.session, now)) {
        // The twin inherits the key they shared, and with it this packet.
        Session* twin = twin_of(*live.session);
        const bool inherits =
            twin != nullptr && dataplane::index_of(live.direction) == live.session->shared_key;
        end(*live.session, now);
        if (!inherits) return {Track::start_new, {}, nullptr};
        live = {twin, static_cast<Direction>(twin->shared_key)};
    }
    if (live.session->state == SessionState::free) return {Track::start_new, {}, nullptr};
    return is_protocol(*live.session, policy::Transport::tcp)
               ? track_tcp(*live.session, live.direction, packet, now)
               : track_datagram(*live.session, live.direction, packet, now);
}

// A connection that has a source port of ours is never picked up.
void Sessions::note_begun(const Session& session, Millis now) {
    if (now > kPickUpWindow || session.holds_port) return;
    begun_.add(session.key[dataplane::index_of(Direction::responder)]);
}

TrackResult Sessions::track_tcp(Session& session, Direction direction, const PacketView& packet,
                                Millis now) {
    const auto drop = [&](DropReason reason) {
        return TrackResult{Track::drop, reason, &session, direction};
    };
    TcpSegment segment;
    if (!read_tcp_segment(packet, segment)) return drop(DropReason::bad_l4_header);
    if (!valid_tcp_flags(segment.flags)) return drop(DropReason::bad_tcp_flags);
    const SessionState before = session.state;
    const bool was_embryonic = is_embryonic(before);
    const bool was_unanswered = is_unanswered(before);
    switch (tcp_track(session, direction, segment)) {
        case TcpVerdict::out_of_window:
            return drop(DropReason::tcp_out_of_window);
        case TcpVerdict::closed:
            return drop(DropReason::tcp_closed);
        case TcpVerdict::start_new:
            end(session, now);
            return {Track::start_new, {}, nullptr};
        case TcpVerdict::pass:
            session.seen(now);
            break;
        case TcpVerdict::pass_unproven:
            break;
    }
    if (before == SessionState::syn_sent && session.state == SessionState::syn_received)
        note_begun(session, now);
    if (was_embryonic && !is_embryonic(session.state)) {
        embryonic_.remove(session.link);
        session.link = kNoSession;
    }
    unanswered_ -= was_unanswered && !is_unanswered(session.state);
    session.count(direction, packet.l3_bytes);
    return {Track::pass, {}, &session, direction};
}

// A packet from the client's side on the path of `session`.
void Sessions::note_inbound(Session& session, const PacketView& packet) {
    Session* twin = twin_of(session);
    if (twin != nullptr) {
        session.twin_last = false;
        twin->twin_last = true;
    }
    if (twin == nullptr && !session.av_path) return;
    if (!is_protocol(session, policy::Transport::udp)) return;
    const StunMessage message = read_stun(packet);
    if (message.kind != StunMessage::Kind::request) return;
    // The same id on both paths would leave the answer ambiguous: the later request has it.
    if (twin != nullptr) stun_forget(*twin, message.fingerprint);
    stun_remember(session, message.fingerprint);
}

TrackResult Sessions::track_datagram(Session& session, Direction direction,
                                     const PacketView& packet, Millis now) {
    SessionHit by{&session, direction};
    Session* twin = twin_of(session);
    if (dataplane::index_of(direction) != session.shared_key) {
        note_inbound(session, packet);
    } else if (is_protocol(session, policy::Transport::udp) &&
               (twin != nullptr || session.av_path)) {
        by = path_of(by);
        const StunMessage message = read_stun(packet);
        if (message.kind == StunMessage::Kind::response) {
            const bool here = stun_outstanding(session, message.fingerprint);
            const bool there = twin != nullptr && stun_outstanding(*twin, message.fingerprint);
            if (here != there)
                by = here ? SessionHit{&session, direction}
                          : SessionHit{twin, static_cast<Direction>(twin->shared_key)};
            stun_answered(*by.session, message.fingerprint);
        }
    }
    Session& path = *by.session;
    if (path.state == SessionState::one_way && by.direction == Direction::responder) {
        path.state = SessionState::established;
        --unanswered_;
    }
    path.seen(now);
    path.count(by.direction, packet.l3_bytes);
    return {Track::pass, {}, &path, by.direction};
}

SessionHit Sessions::path_of(const SessionHit& hit) {
    Session* twin = twin_of(*hit.session);
    if (twin == nullptr || dataplane::index_of(hit.direction) != hit.session->shared_key ||
        !hit.session->twin_last)
        return hit;
    return {twin, static_cast<Direction>(twin->shared_key)};
}

}  // namespace portcullis::dataplane
