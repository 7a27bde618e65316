// TCP state and window tracking of a session (RFC 793, RFC 7323, RFC 5961).
//
// A segment passes if, as seen half way between the ends (van Rooij, "Real Stateful TCP Packet
// Filtering in IP Filter", 2001),
//
// clang-format off
//   I    it is not beyond what the receiver has granted:   end <= sender.max_end + 1
//   II   it is not older than the receiver's window:       end >= sender.end - window(receiver) - 1
//   III  it acknowledges nothing that was not sent:        ack <= receiver.end
//   IV   nor what was acknowledged long ago:               ack >= receiver.end - window(sender) - 66000
// clang-format on
//
// The one byte beyond in I lets zero-window probes and a FIN behind a full window pass, the one in
// II keepalives (sequence = end - 1), the 66000 in IV acknowledgements that newer ones have
// overtaken. Whatever fails changes no state.
//
// RST changes the state only where its sequence is exactly what the receiver expects, as far as can
// be told here: all that has been sent, or all that has been acknowledged. Another one inside the
// window passes: an end of today answers with a challenge ACK (RFC 5961 3.2), and an old one that
// believes it goes away, which the next SYN repairs. What the other side has under way when a RST
// changes the state passes, as far as its window goes, and is answered by a RST.
//
// SYN on a synchronised session: a receiver answers one outside of its window with an ACK, in RFC
// 793 as in RFC 5961 section 4; an old one resets its connection for one inside. So a SYN outside
// passes and changes nothing: a client that has lost its connection gets the challenge ACK, answers
// with an exact RST, and its next SYN starts a new session. A SYN inside the window is dropped.
//
// A SYN that is sent again may get another answer, with a sequence number of its own: from behind SYN
// cookies, or from a server that has forgotten the first. Either may be lost behind us, so both pass,
// and the initiator's ACK says which connection this is.
#pragma once

#include <cstdint>

#include "dataplane/packet.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrg = 0x20;

// TcpSide::flags
inline constexpr std::uint8_t kTcpSideSeen = 0x01;   // it has sent something: `end` is its own
inline constexpr std::uint8_t kTcpSideScale = 0x02;  // its SYN offered window scaling
inline constexpr std::uint8_t kTcpSideFin = 0x04;    // its FIN has passed; `end` includes it
inline constexpr std::uint8_t kTcpSideReset = 0x08;  // its RST has passed and ended the session
// The other end has answered this side's SYN with an ACK of an older connection; `acked` is what
// that ACK acknowledged, and a RST with this sequence will be the answer (RFC 793 3.4, half-open).
inline constexpr std::uint8_t kTcpSideChallenged = 0x10;
// Until the initiator has said which it has taken: its SYN has had two answers, with different sequence
// numbers. The first stands in `end`, the latest other one in `acked`; no byte has followed either.
inline constexpr std::uint8_t kTcpSideTwice = 0x20;

// What tracking needs of a segment, in host order.
struct TcpSegment {
    std::uint32_t sequence = 0;
    std::uint32_t ack = 0;      // only with kTcpAck
    std::uint32_t length = 0;   // in sequence numbers: payload, SYN and FIN
    std::uint16_t payload = 0;  // bytes
    std::uint16_t window = 0;   // as sent
    std::uint8_t flags = 0;
    bool has_scale = false;  // of a SYN: RFC 7323 option present
    std::uint8_t scale = 0;  // at most 14
    std::uint32_t end() const { return sequence + length; }
    bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
    bool is_syn() const { return (flags & (kTcpSyn | kTcpAck)) == kTcpSyn; }
    bool is_syn_ack() const { return (flags & (kTcpSyn | kTcpAck)) == (kTcpSyn | kTcpAck); }
};

// Sequence arithmetic modulo 2^32 (RFC 793 3.3).
constexpr bool tcp_before(std::uint32_t a, std::uint32_t b) {
    return ((a - b) >> 31) != 0;
}
constexpr bool tcp_between(std::uint32_t low, std::uint32_t x, std::uint32_t high) {
    return !tcp_before(x, low) && !tcp_before(high, x);
}

// The largest window that a side has ever offered, in bytes.
constexpr std::uint32_t tcp_window(const TcpSide& side) {
    const std::uint32_t bytes = std::uint32_t{side.max_window} << side.window_scale;
    return bytes == 0 ? 1 : bytes;
}
constexpr void tcp_raise(std::uint32_t& sequence, std::uint32_t to) {
    if (tcp_before(sequence, to)) sequence = to;
}
inline constexpr std::uint32_t kTcpAckSlack = 66000;  // of IV: a full unscaled window and a segment

// A segment with ACK, none of SYN, RST, FIN, between two ends that have sent neither FIN nor RST.
// Its header is known to fit. True: it has passed, and the windows have moved. False: nothing has
// changed; read_tcp_segment() and tcp_track() say what to do with it.
bool tcp_track_established(Session& session, Direction direction, const PacketView& packet);

// False where the header does not fit into the packet.
bool read_tcp_segment(const PacketView& packet, TcpSegment& segment);

// Exactly the combinations that RFC 793 stacks send; PSH, ECE, CWR and NS do not matter.
bool valid_tcp_flags(std::uint8_t flags);

// Puts a new session into syn_sent. `segment` is a SYN without ACK.
void tcp_open(Session& session, const TcpSegment& segment);
// Puts a new session into picked_up. `segment` is from the initiator, with ACK, without SYN or RST.
void tcp_pick_up(Session& session, const TcpSegment& segment);

enum class TcpVerdict : std::uint8_t {
    pass,
    pass_unproven,  // let the receiver judge it; must not keep the session alive
    out_of_window,
    closed,     // new data of the side that has sent a reset, or of a session that is undecided
    start_new,  // a SYN that starts the next connection
};
// Judges a segment with valid flags and moves session.state.
TcpVerdict tcp_track(Session& session, Direction direction, const TcpSegment& segment);

// RFC 5927 4.1: can a segment with this sequence number, sent by `sender`, still be on its way?
// ICMP errors whose quote says otherwise are forged. True where the windows are not known.
bool tcp_sequence_in_flight(const Session& session, Direction sender, std::uint32_t sequence);

inline bool tcp_track_established(Session& session, Direction direction, const PacketView& packet) {
    const std::uint8_t* tcp = packet.l4();
    if ((tcp[13] & (kTcpFin | kTcpSyn | kTcpRst | kTcpAck | kTcpUrg)) != kTcpAck) return false;
    TcpSide& sender = session.protocol.tcp[index_of(direction)];
    TcpSide& receiver = session.protocol.tcp[index_of(opposite(direction))];
    if (((sender.flags | receiver.flags) & (kTcpSideFin | kTcpSideReset)) != 0) return false;
    const auto be32 = [tcp](unsigned at) {
        std::uint32_t word;
        __builtin_memcpy(&word, tcp + at, sizeof(word));
        return __builtin_bswap32(word);
    };
    const std::uint32_t ack = be32(8);
    const std::uint32_t end =
        be32(4) + packet.l4_bytes() - static_cast<std::uint32_t>(tcp[12] >> 4) * 4;
    const bool inside = !tcp_before(sender.max_end + 1, end) &&                              // I
                        !tcp_before(end, sender.end - tcp_window(receiver) - 1) &&           // II
                        !tcp_before(receiver.end, ack) &&                                    // III
                        !tcp_before(ack, receiver.end - tcp_window(sender) - kTcpAckSlack);  // IV
    if (!inside) return false;
    const auto window = static_cast<std::uint16_t>(tcp[14] << 8 | tcp[15]);
    if (window > sender.max_window) sender.max_window = window;
    tcp_raise(sender.end, end);
    tcp_raise(receiver.acked, ack);
    tcp_raise(receiver.max_end, ack + (std::uint32_t{window} << sender.window_scale));
    return true;
}

}  // namespace portcullis::dataplane
