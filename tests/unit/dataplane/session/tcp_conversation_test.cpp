// Two TCP ends that keep to RFC 793 and RFC 7323 talk past the tracker over a network that loses,
// repeats and reorders: nothing that its receiver could still use may be dropped, and at the end
// the session is closing.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>

#include "dataplane/session/tcp.h"

namespace portcullis::dataplane {
namespace {

using Offset = std::uint64_t;  // in the stream: 0 is the SYN, data starts at 1, then the FIN
constexpr std::uint32_t kMss = 1000;

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine_() % n); }
    bool one_in(std::uint32_t n) { return below(n) == 0; }

  private:
    std::mt19937_64 engine_;
};

struct Queued {
    TcpSegment segment;
    unsigned overtaken = 0;
};
using Queue = std::deque<Queued>;

// Overtakes up to two others, none of which has been overtaken twice already.
void reorder(Queue& queue, const TcpSegment& segment, Random& random) {
    auto at = queue.end();
    for (unsigned ahead = random.below(3); ahead > 0 && at != queue.begin(); --ahead) {
        if ((at - 1)->overtaken == 2) break;
        ++(--at)->overtaken;
    }
    queue.insert(at, {segment});
}

// One end. It sends when told to; what it sends goes into `out`.
struct End {
    std::uint32_t isn = 0;
    bool active = false;  // the initiator
    Offset total = 0;     // bytes to send
    bool offers_scale = false;
    std::uint8_t offered_scale = 0;
    Offset capacity = 0;  // of the receive buffer
    Queue out;
    Random* random = nullptr;
    void queue(const TcpSegment& segment) { reorder(out, segment, *random); }

    Offset una = 0;
    Offset next = 0;
    Offset grant = 0;
    std::uint32_t peer_isn = 0;
    Offset received = 0;  // in order
    Offset taken = 1;     // read by the application
    std::map<Offset, Offset> early;
    bool peer_seen = false;
    bool peer_fin = false;
    std::uint8_t my_scale = 0;
    std::uint8_t peer_scale = 0;

    bool established() const { return peer_seen && una >= 1; }
    Offset fin() const { return 1 + total; }
    bool done() const { return una > fin() && peer_fin; }

    std::uint16_t window(bool syn) const {
        const Offset edge = taken + capacity;
        const Offset open = edge > received ? edge - received : 0;
        return static_cast<std::uint16_t>(std::min<Offset>(open >> (syn ? 0 : my_scale), 0xffff));
    }
    TcpSegment segment(Offset at, std::uint32_t bytes, std::uint8_t flags) {
        TcpSegment s;
        s.sequence = isn + static_cast<std::uint32_t>(at);
        s.payload = static_cast<std::uint16_t>(bytes);
        s.flags = flags;
        if (peer_seen) {
            s.flags |= kTcpAck;
            s.ack = peer_isn + static_cast<std::uint32_t>(received);
        }
        s.length = bytes + (s.has(kTcpSyn) ? 1 : 0) + (s.has(kTcpFin) ? 1 : 0);
        s.window = window(s.has(kTcpSyn));
        if (s.has(kTcpSyn) && offers_scale) {
            s.has_scale = true;
            s.scale = offered_scale;
        }
        return s;
    }
    void send_syn() {
        queue(segment(0, 0, kTcpSyn));
        next = std::max<Offset>(next, 1);
    }
    void send_new() {
        if (!established()) return;
        if (next < fin() && next < grant) {
            const Offset bytes = std::min({Offset{kMss}, fin() - next, grant - next});
            queue(segment(next, static_cast<std::uint32_t>(bytes), kTcpPsh));
            next += bytes;
        } else if (next == fin()) {
            queue(segment(next, 0, kTcpFin));
            ++next;
        }
    }
    void retransmit() {
        if (una == next) return;
        if (una == 0) return send_syn();
        if (una == fin()) return queue(segment(una, 0, kTcpFin));
        const Offset end = std::min({una + kMss, next, fin()});
        queue(segment(una, static_cast<std::uint32_t>(end - una), 0));
    }
    void probe() {  // of a window of zero, or of an idle connection
        if (!established() || una != next) return;
        if (next < fin() && next == grant && random->one_in(2)) {
            queue(segment(next, 1, 0));
            ++next;
        } else {
            queue(segment(next - 1, random->below(2) != 0 && next > 1 ? 1 : 0, 0));
        }
    }
    void send_ack() {
        if (established()) queue(segment(next, 0, 0));
    }
    void read(Offset bytes) { taken = std::min(taken + bytes, std::max<Offset>(received, 1)); }

    void receive(const TcpSegment& s) {
        if (s.has(kTcpSyn)) {
            if (!peer_seen) {
                if (active != s.is_syn_ack()) return;
                peer_seen = true;
                peer_isn = s.sequence;
                received = 1;
                if (offers_scale && s.has_scale) {
                    my_scale = offered_scale;
                    peer_scale = s.scale;
                }
            }
            if (!active) return send_syn();
        }
        if (!peer_seen) return;
        if (s.has(kTcpAck)) {
            const Offset ack =
                una + static_cast<std::uint32_t>(s.ack - (isn + static_cast<std::uint32_t>(una)));
            if (ack - una < (1U << 31)) {
                EXPECT_LE(ack, next);
                una = std::max(una, ack);
                grant =
                    std::max(grant, ack + (Offset{s.window} << (s.has(kTcpSyn) ? 0 : peer_scale)));
            }
        }
        const auto signed_at = static_cast<std::int32_t>(
            s.sequence - (peer_isn + static_cast<std::uint32_t>(received)));
        const std::int64_t at = static_cast<std::int64_t>(received) + signed_at;
        const std::int64_t end = at + s.length;
        if (s.length == 0 || end <= static_cast<std::int64_t>(received)) {
            if (s.length != 0) send_ack();
            return;
        }
        if (end > static_cast<std::int64_t>(taken + capacity) && !s.has(kTcpFin)) return send_ack();
        Offset& known = early[static_cast<Offset>(at)];
        known = std::max(known, static_cast<Offset>(end) << 1 | (s.has(kTcpFin) ? 1U : 0U));
        while (!early.empty() && early.begin()->first <= received) {
            const Offset upto = early.begin()->second;
            if (upto >> 1 > received) {
                received = upto >> 1;
                peer_fin = peer_fin || (upto & 1) != 0;
            }
            early.erase(early.begin());
        }
        send_ack();
    }
};

struct Outcome {
    bool finished = false;
    unsigned judged = 0;
    unsigned stale = 0;
};

Outcome converse(unsigned seed, bool restarted) {
    Random random(seed);
    Session session;
    End ends[2];
    for (End& end : ends) {
        end.random = &random;
        end.isn = random.one_in(3) ? 0xffffff00U + random.below(300) : random.below(0xffffffff);
        end.total = random.one_in(4) ? 0 : random.below(200'000);
        end.offers_scale = !random.one_in(3);
        end.offered_scale = static_cast<std::uint8_t>(random.below(15));
        end.capacity = 5 * kMss + random.below(random.one_in(2) ? 300'000 : 10'000);
    }
    ends[0].active = true;
    const std::uint32_t loss = 5 + random.below(40);
    Queue behind[2];  // between the tracker and the receiver
    bool open = false;
    Outcome outcome;
    ends[0].send_syn();

    for (unsigned step = 0; step < 200'000; ++step) {
        const unsigned d = random.below(2);
        End& end = ends[d];
        switch (random.below(14)) {
            case 0:
                if (random.one_in(6)) end.retransmit();
                break;
            case 1:
                if (random.one_in(6)) end.probe();
                break;
            case 2:
                end.read(random.below(50'000));
                if (random.one_in(4)) end.send_ack();  // a window update
                break;
            case 3:
            case 4:
            case 5:
                end.send_new();
                break;
            case 6:
            case 7:
            case 8:
            case 9: {  // reaches the tracker
                if (end.out.empty()) break;
                const TcpSegment s = end.out.front().segment;
                if (!random.one_in(loss)) end.out.pop_front();  // else it is repeated
                if (random.one_in(loss)) break;                 // lost before
                const auto direction = static_cast<Direction>(d);
                if (!open) {
                    if (restarted ? !ends[0].established() || ends[0].next < 2 : false) {
                        reorder(behind[d], s, random);  // before the restart
                        break;
                    }
                    if (restarted && d == 1) break;  // only the initiator is picked up
                    if (restarted && (s.has(kTcpSyn) || !s.has(kTcpAck))) break;
                    restarted ? tcp_pick_up(session, s) : tcp_open(session, s);
                    open = true;
                    reorder(behind[d], s, random);
                    break;
                }
                ++outcome.judged;
                const TcpVerdict verdict = tcp_track(session, direction, s);
                if (verdict != TcpVerdict::pass && verdict != TcpVerdict::pass_unproven) {
                    // Older than a whole window: its receiver has all of it, or an acknowledgement
                    // that says more has passed.
                    const auto ahead = static_cast<std::int32_t>(
                        s.end() - (ends[d].isn + static_cast<std::uint32_t>(ends[1 - d].received)));
                    const bool old_data = s.length > 0 && ahead <= 0;
                    const bool old_ack =
                        s.length == 0 && tcp_before(s.ack, session.protocol.tcp[1 - d].acked);
                    if (verdict == TcpVerdict::out_of_window && (old_data || old_ack)) {
                        ++outcome.stale;
                        break;
                    }
                    // Both have sent FIN and a copy of the first SYN comes late.
                    if (verdict == TcpVerdict::start_new && s.sequence == ends[0].isn &&
                        session.state == SessionState::closing)
                        break;
                    ADD_FAILURE() << "seed " << seed << " step " << step << " verdict "
                                  << static_cast<int>(verdict) << " from " << d << " flags "
                                  << int{s.flags} << " seq " << s.sequence - ends[d].isn << " +"
                                  << s.length << " ack " << s.ack - ends[1 - d].isn << " state "
                                  << static_cast<int>(session.state) << " side end "
                                  << session.protocol.tcp[d].end - ends[d].isn << " max_end "
                                  << session.protocol.tcp[d].max_end - ends[d].isn << " other end "
                                  << session.protocol.tcp[1 - d].end - ends[1 - d].isn << " total "
                                  << ends[1 - d].total << " window "
                                  << session.protocol.tcp[1 - d].max_window << "<<"
                                  << int{session.protocol.tcp[1 - d].window_scale};
                    return outcome;
                }
                if (!random.one_in(loss)) reorder(behind[d], s, random);  // else lost behind
                break;
            }
            default: {
                if (behind[d].empty()) break;
                const TcpSegment s = behind[d].front().segment;
                behind[d].pop_front();
                ends[1 - d].receive(s);
                break;
            }
        }
        if (ends[0].una == 0 && random.one_in(50)) ends[0].send_syn();
        if (ends[0].done() && ends[1].done()) {
            outcome.finished = true;
            if (!restarted) {
                EXPECT_EQ(session.state, SessionState::closing) << "seed " << seed;
            }
            break;
        }
    }
    return outcome;
}

TEST(TcpConversation, NoSegmentOfAProperConversationIsDropped) {
    unsigned finished = 0;
    unsigned judged = 0;
    unsigned stale = 0;
    for (unsigned seed = 0; seed < 600 && !HasFailure(); ++seed) {
        const Outcome outcome = converse(seed, false);
        finished += outcome.finished;
        judged += outcome.judged;
        stale += outcome.stale;
    }
    EXPECT_GT(finished, 500U);
    EXPECT_GT(judged, 100'000U);
    EXPECT_LT(stale, judged / 1000);
}

TEST(TcpConversation, NorOfOneThatIsPickedUpInTheMiddle) {
    unsigned finished = 0;
    unsigned judged = 0;
    unsigned stale = 0;
    for (unsigned seed = 0; seed < 600 && !HasFailure(); ++seed) {
        const Outcome outcome = converse(seed, true);
        finished += outcome.finished;
        judged += outcome.judged;
        stale += outcome.stale;
    }
    EXPECT_GT(finished, 400U);
    EXPECT_GT(judged, 50'000U);
    EXPECT_LT(stale, judged / 1000);
}

}  // namespace
}  // namespace portcullis::dataplane
