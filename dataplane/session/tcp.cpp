#include "dataplane/session/tcp.h"

#include <algorithm>

namespace portcullis::dataplane {
namespace {

constexpr std::uint8_t kUnknownScale = 14;  // picked up: the largest there is (RFC 7323 2.3)
constexpr std::uint32_t kUnknownWindow = 0xffffU << kUnknownScale;
// In units of that scale: windows granted before the restart may have been larger than later ones
// say (a SYN's is not scaled, scaling rounds down), by less than an unscaled window.
constexpr std::uint16_t kUnknownMinWindow = (kTcpAckSlack >> kUnknownScale) + 1;

// The window of a segment, in bytes. That of a SYN is never scaled (RFC 7323 2.2).
std::uint32_t granted_by(const TcpSide& side, const TcpSegment& segment) {
    const unsigned scale = segment.has(kTcpSyn) ? 0 : side.window_scale;
    return std::uint32_t{segment.window} << scale;
}

void remember_window(TcpSide& side, const TcpSegment& segment) {
    std::uint32_t units = segment.window;
    if (segment.has(kTcpSyn))  // rounded up to the units of later segments
        units = (units + (1U << side.window_scale) - 1) >> side.window_scale;
    side.max_window = std::max(side.max_window, static_cast<std::uint16_t>(units));
}

bool in_window(const TcpSide& sender, const TcpSide& receiver, const TcpSegment& segment) {
    if (tcp_before(sender.max_end + 1, segment.end())) return false;                     // I
    if (tcp_before(segment.end(), sender.end - tcp_window(receiver) - 1)) return false;  // II
    if (!segment.has(kTcpAck)) return true;
    if (tcp_before(receiver.end, segment.ack)) return false;                            // III
    return !tcp_before(segment.ack, receiver.end - tcp_window(sender) - kTcpAckSlack);  // IV
}

// Takes over what an accepted segment says.
void learn(TcpSide& sender, TcpSide& receiver, const TcpSegment& segment) {
    remember_window(sender, segment);
    tcp_raise(sender.end, segment.end());
    if (!segment.has(kTcpAck)) return;
    tcp_raise(receiver.acked, segment.ack);
    tcp_raise(receiver.max_end, segment.ack + granted_by(sender, segment));
}

// `side` as its SYN or SYN-ACK describes it.
TcpSide from_syn(const TcpSegment& segment) {
    TcpSide side;
    side.end = side.max_end = segment.end();
    side.acked = segment.sequence + 1;
    side.flags = kTcpSideSeen;
    if (segment.has_scale) {
        side.window_scale = segment.scale;
        side.flags |= kTcpSideScale;
    }
    remember_window(side, segment);
    return side;
}

bool is_exact_reset(const TcpSide& sender, const TcpSegment& segment) {
    return segment.sequence == sender.end || segment.sequence == sender.acked;
}

TcpVerdict reset(Session& session, TcpSide& sender) {
    sender.flags |= kTcpSideReset;
    session.state = SessionState::closing;
    return TcpVerdict::pass;
}

TcpVerdict track_syn_sent_initiator(Session& session, const TcpSegment& segment) {
    TcpSide& initiator = session.protocol.tcp[0];
    if (segment.is_syn()) {
        // The same SYN again, or the next connection of a client that has had no answer to this
        // one.
        if (segment.sequence + 1 != initiator.acked) tcp_open(session, segment);
        return TcpVerdict::pass;
    }
    if (!segment.has(kTcpRst)) return TcpVerdict::out_of_window;
    // Given up: the client will send no more of this connection.
    if (tcp_between(initiator.acked, segment.sequence, initiator.end))
        return reset(session, initiator);
    const TcpSide& responder = session.protocol.tcp[1];
    if ((responder.flags & kTcpSideChallenged) != 0 && segment.sequence == responder.acked)
        return TcpVerdict::pass_unproven;
    return TcpVerdict::out_of_window;
}

TcpVerdict track_syn_sent_responder(Session& session, const TcpSegment& segment) {
    TcpSide& initiator = session.protocol.tcp[0];
    TcpSide& responder = session.protocol.tcp[1];
    if (!segment.has(kTcpAck)) return TcpVerdict::out_of_window;
    const bool acks_syn = tcp_between(initiator.acked, segment.ack, initiator.end);
    if (segment.has(kTcpRst))
        return acks_syn ? reset(session, responder) : TcpVerdict::out_of_window;
    if (segment.has(kTcpSyn)) {
        if (!acks_syn) return TcpVerdict::out_of_window;
        responder = from_syn(segment);
        // RFC 7323 2.2: scaling only if both have offered it.
        if (((initiator.flags & responder.flags) & kTcpSideScale) == 0) {
            for (TcpSide* side : {&initiator, &responder}) {
                if (side->window_scale == 0) continue;
                side->max_window =
                    static_cast<std::uint16_t>(std::min(std::uint32_t{0xffff}, tcp_window(*side)));
                side->window_scale = 0;
            }
        }
        // What the SYN's own window granted: data may follow the SYN-ACK at once (RFC 7413).
        responder.max_end = segment.end() + tcp_window(initiator);
        initiator.acked = segment.ack;
        initiator.max_end = initiator.end;
        tcp_raise(initiator.max_end, segment.ack + segment.window);
        session.state = SessionState::syn_received;
        return TcpVerdict::pass;
    }
    // An ACK of an older connection that the responder still has: pass it once the client is to
    // answer with the RST that ends it. It carries no data and says nothing about this connection.
    if (segment.length != 0) return TcpVerdict::out_of_window;
    responder.flags |= kTcpSideChallenged;
    responder.acked = segment.ack;
    return TcpVerdict::pass_unproven;
}

// Another answer to the SYN whose first one is not acknowledged yet. How it scales its windows must
// not differ: that of the first has been reckoned with.
TcpVerdict track_other_answer(Session& session, const TcpSegment& segment) {
    TcpSide& initiator = session.protocol.tcp[0];
    TcpSide& responder = session.protocol.tcp[1];
    const bool twice = (responder.flags & kTcpSideTwice) != 0;
    const bool scales = (initiator.flags & responder.flags & kTcpSideScale) != 0;
    if (segment.ack != initiator.acked || segment.length != 1 ||
        segment.has_scale != ((responder.flags & kTcpSideScale) != 0) ||
        (scales && segment.scale != responder.window_scale) ||
        (!twice && responder.acked != responder.end))
        return TcpVerdict::out_of_window;
    remember_window(responder, segment);
    tcp_raise(initiator.max_end, segment.ack + segment.window);
    responder.acked = segment.end();
    responder.flags |= kTcpSideTwice;
    return TcpVerdict::pass_unproven;
}

// The initiator's first segment behind the handshake. False where it is of neither answer.
bool choose_answer(const TcpSide& initiator, TcpSide& responder, const TcpSegment& segment) {
    if (segment.ack != responder.end && segment.ack != responder.acked) return false;
    TcpSide chosen = responder;
    chosen.end = chosen.acked = segment.ack;
    chosen.max_end = segment.ack + tcp_window(initiator);
    chosen.flags = static_cast<std::uint8_t>(chosen.flags & ~kTcpSideTwice);
    if (!in_window(initiator, chosen, segment)) return false;
    responder = chosen;
    return true;
}

TcpVerdict track_syn(Session& session, Direction direction, const TcpSegment& segment) {
    const TcpSide& sender = session.protocol.tcp[index_of(direction)];
    if (segment.is_syn_ack()) {
        if (direction == Direction::initiator) return TcpVerdict::out_of_window;
        // Sent again because it was lost behind us, or the ACK was.
        if (segment.end() == sender.end && in_window(sender, session.protocol.tcp[0], segment))
            return TcpVerdict::pass_unproven;
        if (session.state == SessionState::syn_received)
            return track_other_answer(session, segment);
        // It would open another connection within this session, whose first bytes nobody would look at.
        return TcpVerdict::out_of_window;
    }
    if (session.state == SessionState::closing) return TcpVerdict::start_new;
    if (direction == Direction::responder) return TcpVerdict::out_of_window;
    // Its sender has finished, so this may be its next connection; but a sequence from the past is
    // more likely the old SYN, late. If it is not, the challenge ACK of the other end, which has
    // not finished, leads to a reset and to the next SYN.
    if (session.state == SessionState::fin_wait && (sender.flags & kTcpSideFin) != 0)
        return tcp_before(segment.sequence, sender.acked) ? TcpVerdict::pass_unproven
                                                          : TcpVerdict::start_new;
    if (tcp_between(sender.acked, segment.sequence, sender.max_end))
        return TcpVerdict::out_of_window;
    return TcpVerdict::pass_unproven;
}

void settle(Session& session) {
    const TcpSide(&side)[2] = session.protocol.tcp;
    const unsigned fins =
        ((side[0].flags & kTcpSideFin) != 0) + ((side[1].flags & kTcpSideFin) != 0);
    session.state = fins == 2   ? SessionState::closing
                    : fins == 1 ? SessionState::fin_wait
                                : SessionState::established;
}

// The other end has sent a RST, and what this side sends may have been under way: it gets another RST
// for an answer. Not while the session is undecided: the RST may have been for us alone.
bool may_cross_reset(const Session& session, const TcpSide& sender) {
    return (sender.flags & kTcpSideReset) == 0 && !session.undecided();
}

bool near(std::uint32_t known, std::uint32_t x) {
    return tcp_between(known - kUnknownWindow, x, known + kUnknownWindow);
}

// Until the responder has been seen, only the initiator's word is known, and both may have sent
// more than has passed here since the restart.
TcpVerdict track_picked_up(Session& session, Direction direction, const TcpSegment& segment) {
    TcpSide& sender = session.protocol.tcp[index_of(direction)];
    TcpSide& receiver = session.protocol.tcp[index_of(opposite(direction))];
    if (!near(sender.end, segment.end())) return TcpVerdict::out_of_window;
    if (segment.has(kTcpAck) && !near(receiver.end, segment.ack)) return TcpVerdict::out_of_window;
    if (segment.has(kTcpRst))
        return is_exact_reset(sender, segment) ? reset(session, sender) : TcpVerdict::pass_unproven;
    tcp_raise(receiver.end, segment.ack);
    if (direction == Direction::responder) {
        sender.flags |= kTcpSideSeen;
        // Was a guess; from here on it is what the responder grants.
        receiver.max_end = receiver.end + kTcpAckSlack;
    }
    learn(sender, receiver, segment);
    if (segment.has(kTcpFin)) sender.flags |= kTcpSideFin;
    if (direction == Direction::responder) settle(session);
    return TcpVerdict::pass;
}

}  // namespace

bool read_tcp_segment(const PacketView& packet, TcpSegment& segment) {
    constexpr unsigned kFixedHeader = 20;
    const unsigned bytes = packet.l4_bytes();
    if (bytes < kFixedHeader) return false;
    const std::uint8_t* tcp = packet.l4();
    const unsigned header = static_cast<unsigned>(tcp[12] >> 4) * 4;
    if (header < kFixedHeader || header > bytes) return false;
    const auto be32 = [tcp](unsigned at) {
        return std::uint32_t{tcp[at]} << 24 | std::uint32_t{tcp[at + 1]} << 16 |
               std::uint32_t{tcp[at + 2]} << 8 | tcp[at + 3];
    };
    segment = {};
    segment.sequence = be32(4);
    segment.ack = be32(8);
    segment.flags = tcp[13];
    segment.window = static_cast<std::uint16_t>(tcp[14] << 8 | tcp[15]);
    segment.payload = static_cast<std::uint16_t>(bytes - header);
    segment.length =
        segment.payload + (segment.has(kTcpSyn) ? 1U : 0U) + (segment.has(kTcpFin) ? 1U : 0U);
    if (!segment.has(kTcpSyn)) return true;
    for (unsigned at = kFixedHeader; at < header;) {
        const std::uint8_t kind = tcp[at];
        if (kind == 0) break;  // end of options
        if (kind == 1) {       // no operation
            ++at;
            continue;
        }
        if (at + 1 >= header || tcp[at + 1] < 2 || at + tcp[at + 1] > header) break;
        if (kind == 3 && tcp[at + 1] == 3) {
            segment.has_scale = true;
            segment.scale = std::min(tcp[at + 2], std::uint8_t{14});
        }
        at += tcp[at + 1];
    }
    return true;
}

bool valid_tcp_flags(std::uint8_t flags) {
    switch (flags & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck | kTcpUrg)) {
        case kTcpSyn:
        case kTcpSyn | kTcpAck:
        case kTcpRst:
        case kTcpRst | kTcpAck:
        case kTcpAck:
        case kTcpAck | kTcpUrg:
        case kTcpAck | kTcpFin:
        case kTcpAck | kTcpFin | kTcpUrg:
            return true;
        default:
            return false;
    }
}

void tcp_open(Session& session, const TcpSegment& segment) {
    session.protocol.tcp[0] = from_syn(segment);
    session.protocol.tcp[1] = TcpSide{};
    session.inspection = segment.sequence + 1;
    session.state = SessionState::syn_sent;
}

void tcp_pick_up(Session& session, const TcpSegment& segment) {
    TcpSide initiator;
    initiator.end = segment.end();
    initiator.max_end = segment.end() + kUnknownWindow;
    initiator.acked = segment.sequence;
    initiator.max_window = std::max(segment.window, kUnknownMinWindow);
    initiator.window_scale = kUnknownScale;
    initiator.flags = kTcpSideSeen;
    if (segment.has(kTcpFin)) initiator.flags |= kTcpSideFin;
    TcpSide responder;
    responder.end = responder.acked = segment.ack;
    responder.max_end = segment.ack + tcp_window(initiator);
    responder.max_window = kUnknownMinWindow;
    responder.window_scale = kUnknownScale;
    session.protocol.tcp[0] = initiator;
    session.protocol.tcp[1] = responder;
    session.state = SessionState::picked_up;
}

TcpVerdict tcp_track(Session& session, Direction direction, const TcpSegment& segment) {
    TcpSide& sender = session.protocol.tcp[index_of(direction)];
    TcpSide& receiver = session.protocol.tcp[index_of(opposite(direction))];
    if (session.state == SessionState::syn_sent)
        return direction == Direction::initiator ? track_syn_sent_initiator(session, segment)
                                                 : track_syn_sent_responder(session, segment);
    if (segment.has(kTcpSyn)) return track_syn(session, direction, segment);
    if (session.state == SessionState::picked_up)
        return track_picked_up(session, direction, segment);
    // Between two answers nothing follows either, and the initiator's ACK chooses.
    if ((sender.flags & kTcpSideTwice) != 0 && segment.length != 0)
        return TcpVerdict::out_of_window;
    if ((receiver.flags & kTcpSideTwice) != 0 && segment.has(kTcpAck) &&
        !choose_answer(sender, receiver, segment))
        return TcpVerdict::out_of_window;
    if (!in_window(sender, receiver, segment)) return TcpVerdict::out_of_window;
    if (segment.has(kTcpRst))
        return is_exact_reset(sender, segment) ? reset(session, sender) : TcpVerdict::pass_unproven;
    if (((sender.flags | receiver.flags) & kTcpSideReset) != 0)
        return tcp_before(sender.end, segment.end()) && !may_cross_reset(session, sender)
                   ? TcpVerdict::closed
                   : TcpVerdict::pass_unproven;

    if (session.state == SessionState::syn_received && direction == Direction::initiator) {
        if (tcp_before(segment.ack, receiver.acked)) return TcpVerdict::out_of_window;
        session.state = SessionState::established;
    }
    learn(sender, receiver, segment);
    if (segment.has(kTcpFin)) sender.flags |= kTcpSideFin;
    if (session.state != SessionState::syn_received) settle(session);
    return TcpVerdict::pass;
}

bool tcp_sequence_in_flight(const Session& session, Direction sender, std::uint32_t sequence) {
    if (session.state == SessionState::picked_up) return true;
    const TcpSide& side = session.protocol.tcp[index_of(sender)];
    const TcpSide& peer = session.protocol.tcp[index_of(opposite(sender))];
    return tcp_between(side.end - tcp_window(peer) - 1, sequence, side.end);
}

}  // namespace portcullis::dataplane
