#include "tests/eal/replay/onlooker.h"

#include <algorithm>

namespace portcullis::dataplane::test {

std::string_view to_string(Excuse excuse) {
    static constexpr std::string_view kNames[kExcuses] = {
        "none",
        "wrong checksum",
        "too long",
        "nobody to answer",
        "bad flags",
        "after the end",
        "not captured",
        "beyond the window",
        "stray handshake",
        "no handshake",
        "old",
        "ahead of its turn",
        "urgent",
    };
    return kNames[static_cast<unsigned>(excuse)];
}

TcpSegment read(const RecordedPacket& packet) {
    auto bytes = packet.segment;
    PacketView view;
    view.l3 = bytes.data();
    view.l3_bytes = static_cast<std::uint16_t>(bytes.size());
    TcpSegment segment;
    (void)read_tcp_segment(view, segment);  // longer ones have been cut for the player only
    return segment;
}

Excuse Onlooker::look(const RecordedPacket& packet) {
    if (packet.decoy) return Excuse::wrong_checksum;
    const TcpSegment segment = read(packet);
    End& sender = ends_[packet.from_initiator ? 0 : 1];
    End& receiver = ends_[packet.from_initiator ? 1 : 0];
    if (packet.from_initiator && segment.has(kTcpAck) && !chosen_) choose_answer(segment);
    const Excuse found = excuse(segment, sender, receiver, packet.from_initiator);
    if (found == Excuse::none || found == Excuse::old || found == Excuse::ahead ||
        found == Excuse::urgent)
        learn(segment, sender, receiver);
    return found;
}

void Onlooker::choose_answer(const TcpSegment& segment) {
    for (const End& answer : answers_) {
        if (answer.first + 1 != segment.ack) continue;
        ends_[1] = answer;
        chosen_ = true;
    }
}

Excuse Onlooker::excuse(const TcpSegment& segment, const End& sender, const End& receiver,
                        bool from_initiator) const {
    if (!valid_tcp_flags(segment.flags)) return Excuse::bad_flags;
    if (ended_) return Excuse::after_the_end;
    const bool opens = from_initiator ? segment.is_syn() : segment.is_syn_ack();
    const bool other = sender.seen && sender.first != segment.sequence;
    const bool may_answer = !from_initiator && !chosen_;
    if (segment.has(kTcpSyn) && (!opens || (other && !may_answer))) return Excuse::stray_handshake;
    if (segment.has(kTcpAck) && receiver.seen &&
        !tcp_between(receiver.first + 1, segment.ack, receiver.end))
        return segment.has(kTcpSyn) ? Excuse::stray_handshake : Excuse::not_captured;
    const bool gives_up = segment.has(kTcpRst) &&
                          (from_initiator ? segment.sequence == sender.end : segment.has(kTcpAck));
    if (!opens && !has_handshake() && !gives_up) return Excuse::no_handshake;
    if (opens) return sender.seen ? Excuse::old : Excuse::none;
    if (!has_handshake()) return Excuse::none;
    // A receiver takes one byte more, to say that its window is closed.
    if (tcp_before(sender.granted + 1, segment.end())) return Excuse::beyond_window;
    if (segment.length != 0 && !tcp_before(sender.end, segment.end())) return Excuse::old;
    if (segment.payload != 0 && tcp_before(sender.next, segment.sequence)) return Excuse::ahead;
    return segment.has(kTcpUrg) ? Excuse::urgent : Excuse::none;
}

void Onlooker::learn(const TcpSegment& segment, End& sender, End& receiver) {
    const bool answers = segment.is_syn_ack() && !chosen_;
    if (!sender.seen || answers) {
        sender.first = segment.sequence;
        sender.next = sender.end = segment.end();
        sender.granted = segment.end();
        sender.scales = segment.has_scale;
        sender.scale = segment.scale;
        sender.seen = true;
        if (answers) answers_.push_back(sender);
    }
    tcp_raise(sender.end, segment.end());
    if (!tcp_before(sender.next, segment.sequence)) tcp_raise(sender.next, segment.end());
    if (segment.has(kTcpAck)) {
        const bool scaled = sender.scales && receiver.scales && !segment.has(kTcpSyn);
        tcp_raise(receiver.granted,
                  segment.ack + (std::uint32_t{segment.window} << (scaled ? sender.scale : 0)));
    }
    sender.fin |= segment.has(kTcpFin);
    ended_ |= segment.has(kTcpRst) || (ends_[0].fin && ends_[1].fin);
}

}  // namespace portcullis::dataplane::test
