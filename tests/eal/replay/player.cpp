#include "tests/eal/replay/player.h"

#include <algorithm>
#include <array>

namespace portcullis::dataplane::test {

namespace {

constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10;
constexpr std::size_t kMostOfASegment = 1400;  // of payload: what a NIC was to cut, is cut
constexpr std::size_t kMtu = 1500;

// One segment or datagram to be sent, all of a recorded packet or a part of one.
struct Piece {
    std::size_t packet = 0;  // index in RecordedFlow::packets
    Bytes segment;
    std::uint32_t sequence() const { return get32(segment, 4); }
    std::size_t header() const { return segment[12] / 16U * 4; }
    std::uint32_t end() const {
        return sequence() + static_cast<std::uint32_t>(segment.size() - header());
    }
};

bool before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

class Player {
  public:
    Player(Stage& stage, const RecordedFlow& flow, const Scene& scene, unsigned burst)
        : rig_(stage.rig()),
          flow_(flow),
          scene_(scene),
          burst_(burst),
          next_(flow.flow.first_sequence) {
        played_.fates.resize(flow.packets.size());
        for (unsigned i = 0; i < kDropReasonCount; ++i)
            drops_[i] = rig_.dropped(static_cast<DropReason>(i));
    }

    Played play() {
        std::vector<Piece> burst;
        bool from_initiator = true;
        for (std::size_t i = 0; i < flow_.packets.size(); ++i) {
            const RecordedPacket& packet = flow_.packets[i];
            const bool alone = tcp() && (packet.segment[13] & (kFin | kSyn | kRst)) != 0;
            if (packet.from_initiator != from_initiator || burst.size() >= burst_ || alone)
                flush(burst, from_initiator);
            from_initiator = packet.from_initiator;
            if (syn_payload_ && answered_ && from_initiator &&
                (packet.segment[13] & (kSyn | kAck)) == kAck)
                send_syn_payload(get32(packet.segment, 8));
            for (auto& piece : pieces_of(i)) burst.push_back(std::move(piece));
        }
        flush(burst, from_initiator);
        return std::move(played_);
    }

  private:
    bool tcp() const { return scene_.transport == policy::Transport::tcp; }

    // What is longer than the path takes is cut, as its sender's NIC did after the capture.
    std::vector<Piece> pieces_of(std::size_t packet) {
        const Bytes& whole = flow_.packets[packet].segment;
        if (!tcp()) {
            const std::size_t ip = scene_.initiator.is_v4() ? 20 : 40;
            if (whole.size() + ip <= kMtu) return {{packet, whole}};
            played_.fates[packet].what = Fate::What::too_long;
            return {};
        }
        Piece piece{packet, whole};
        const std::size_t header = piece.header();
        const bool syn = (whole[13] & (kSyn | kAck)) == kSyn;
        if (syn && whole.size() > header) return {without_payload(piece)};
        if (whole.size() - header <= kMostOfASegment) return {piece};
        std::vector<Piece> pieces;
        for (std::size_t at = header; at < whole.size(); at += kMostOfASegment) {
            const std::size_t end = std::min(whole.size(), at + kMostOfASegment);
            piece.segment.assign(whole.begin(),
                                 whole.begin() + static_cast<std::ptrdiff_t>(header));
            piece.segment.insert(piece.segment.end(),
                                 whole.begin() + static_cast<std::ptrdiff_t>(at),
                                 whole.begin() + static_cast<std::ptrdiff_t>(end));
            put32(piece.segment, 4, get32(whole, 4) + static_cast<std::uint32_t>(at - header));
            if (end < whole.size()) piece.segment[13] &= 0xf6;  // neither FIN nor PSH
            pieces.push_back(piece);
        }
        return pieces;
    }

    Piece without_payload(const Piece& syn) {
        Piece bare = syn;
        bare.segment.resize(syn.header());
        syn_payload_ = syn;
        put32(syn_payload_->segment, 4, syn.sequence() + 1);
        syn_payload_->segment[13] = kAck;
        return bare;
    }
    // Before what the initiator sends first on the connection.
    void send_syn_payload(std::uint32_t ack) {
        std::vector<Piece> one{std::move(*syn_payload_)};
        syn_payload_.reset();
        put32(one[0].segment, 8, ack);
        send(one, true);
    }

    void flush(std::vector<Piece>& burst, bool from_initiator) {
        if (burst.empty()) return;
        send(burst, from_initiator);
        burst.clear();
        if (from_initiator && tcp()) send_held_again();
    }

    // In order, and while that helps.
    void send_held_again() {
        for (bool more = true; more;) {
            more = false;
            std::ranges::stable_sort(held_, [](const Piece& a, const Piece& b) {
                return before(a.sequence(), b.sequence());
            });
            for (std::size_t i = 0; i < held_.size() && !more; ++i) {
                if (before(next_, held_[i].sequence())) break;
                std::vector<Piece> one{held_[i]};
                held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
                const std::size_t left = held_.size();
                send(one, true);
                more = held_.size() == left;  // it did not come back
            }
        }
    }

    void send(std::vector<Piece>& pieces, bool from_initiator) {
        std::vector<Bytes> expected(pieces.size());
        bool sent = false;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            Fate& fate = played_.fates[pieces[i].packet];
            fate.step = ++step_;
            if (fate.first_step == 0) fate.first_step = step_;
            if (!from_initiator && !answer_to_) continue;
            sent = true;
            TestPacket packet = make(pieces[i], from_initiator, static_cast<unsigned>(i + 1));
            expected[i] = slice_behind_ports(packet);
            const bool to_wan = (scene_.initiator_device == kWan) == from_initiator;
            if (to_wan)
                rig_.from_wan(packet);
            else
                rig_.from_dmz(packet);
        }
        if (!sent) return;
        rig_.pump();
        settle(pieces, from_initiator, expected);
    }

    TestPacket make(Piece& piece, bool from_initiator, unsigned number) {
        Bytes& segment = piece.segment;
        const RecordedPacket& recorded = flow_.packets[piece.packet];
        IpAddress source = scene_.initiator, destination = scene_.target;
        if (from_initiator) {
            put16(segment, 0, scene_.initiator_port);
            put16(segment, 2, scene_.target_port);
        } else {
            source = answer_to_->to();
            destination = answer_to_->from();
            put16(segment, 0, answer_to_->destination_port());
            put16(segment, 2, answer_to_->source_port());
            if (tcp() && (segment[13] & kSyn) != 0 && syn_payload_ &&
                get32(segment, 8) == syn_payload_->end())
                put32(segment, 8, flow_.flow.first_sequence);
        }
        TestPacket packet = make_ip(source, destination, tcp() ? 6 : 17, segment);
        // By which it is known again.
        put16(packet.bytes, packet.family == Family::ipv4 ? 4 : 2, number);
        const bool without_sum = !tcp() && get16(segment, 6) == 0;
        packet.finish();
        if (without_sum) put16(packet.bytes, packet.checksum_at(), 0);
        if (recorded.decoy) packet.bytes[packet.checksum_at()] ^= 0x55;
        return packet;
    }

    // All that must stay as it is; the checksum aside.
    static Bytes slice_behind_ports(const TestPacket& packet) {
        Bytes rest(packet.bytes.begin() + packet.l4 + 4, packet.bytes.end());
        const unsigned sum = packet.checksum_at() - packet.l4 - 4;
        rest[sum] = rest[sum + 1] = 0;
        return rest;
    }

    void settle(std::vector<Piece>& pieces, bool from_initiator,
                const std::vector<Bytes>& expected) {
        std::vector<bool> arrived(pieces.size());
        const std::uint16_t ahead =
            from_initiator ? scene_.responder_device() : scene_.initiator_device;
        for (const std::uint16_t device : {kWan, kDmz}) {
            for (const Sent& sent : rig_.sent(device)) {
                const unsigned number =
                    get16(sent.packet.bytes, sent.packet.family == Family::ipv4 ? 4 : 2);
                if (number == 0 || number > pieces.size() || device != ahead) {
                    note_ours(sent, device);
                    continue;
                }
                arrived[number - 1] = true;
                Piece& piece = pieces[number - 1];
                came_out(piece, from_initiator, sent, expected[number - 1]);
            }
        }
        const auto why = what_was_dropped();
        for (std::size_t i = 0; i < pieces.size(); ++i)
            if (!arrived[i]) was_lost(pieces[i], from_initiator, why);
        if (std::ranges::find(arrived, false) != arrived.end()) (void)rig_.punted();
    }

    void came_out(const Piece& piece, bool from_initiator, const Sent& sent,
                  const Bytes& expected) {
        Fate& fate = played_.fates[piece.packet];
        const bool decoy = flow_.packets[piece.packet].decoy;
        const bool without_sum = !tcp() && get16(piece.segment, 6) == 0 && scene_.initiator.is_v4();
        const bool same = slice_behind_ports(sent.packet) == expected &&
                          (decoy || without_sum || sent.packet.checksums_right());
        // Where one part of a packet was lost, all of it was.
        if (fate.what != Fate::What::dropped || fate.was_held)
            fate.what = same ? Fate::What::arrived : Fate::What::altered;
        answered_ |= !from_initiator;
        if (!from_initiator) return;
        if (!answer_to_) answer_to_ = sent;
        if (!tcp()) return;
        if ((piece.segment[13] & kSyn) != 0) answer_to_ = sent;  // perhaps of another session
        if (!before(next_, piece.sequence()) && before(next_, piece.end())) next_ = piece.end();
    }

    void was_lost(Piece& piece, bool from_initiator, const std::optional<DropReason>& why) {
        Fate& fate = played_.fates[piece.packet];
        fate.what = Fate::What::dropped;
        fate.why = why;
        if (!from_initiator || why != DropReason::inspection_hold) return;
        fate.was_held = true;
        held_.push_back(std::move(piece));
    }

    void note_ours(const Sent& sent, std::uint16_t device) {
        if (sent.packet.protocol == 6 && (sent.tcp_flags() & kRst) != 0)
            ++played_.resets[device == scene_.initiator_device ? 1 : 0];
        else
            ++played_.surprises;
    }

    // Since the last call.
    std::optional<DropReason> what_was_dropped() {
        std::optional<DropReason> why;
        bool several = false;
        for (unsigned i = 0; i < kDropReasonCount; ++i) {
            const auto reason = static_cast<DropReason>(i);
            const std::uint64_t now = rig_.dropped(reason);
            if (now == drops_[i]) continue;
            drops_[i] = now;
            several |= why.has_value();
            why = reason;
        }
        return several ? std::nullopt : why;
    }

    Rig& rig_;
    const RecordedFlow& flow_;
    const Scene scene_;
    const unsigned burst_;
    Played played_;
    unsigned step_ = 0;
    std::uint32_t next_;  // of the initiator's bytes, in order, that have come out
    std::vector<Piece> held_;
    std::optional<Piece> syn_payload_;
    bool answered_ = false;
    std::optional<Sent> answer_to_;  // the initiator's first packet, as it came out
    std::array<std::uint64_t, kDropReasonCount> drops_{};
};

}  // namespace

Played play(Stage& stage, const RecordedFlow& flow, const Scene& scene, unsigned burst) {
    Played played = Player(stage, flow, scene, burst).play();
    stage.clear(scene);
    return played;
}

}  // namespace portcullis::dataplane::test
