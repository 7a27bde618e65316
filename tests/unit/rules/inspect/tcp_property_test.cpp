// Random TCP against the Inspector: genuine first messages always get through, decoys never do.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "tests/unit/rules/inspect/rig.h"

namespace portcullis::inspect {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;

struct Case {
    policy::Conformance service;
    Message message;
    Message tunnel;  // same length or more, another protocol
};

std::vector<Case> cases(ConformanceMode mode) {
    Hello wide;
    wide.padding = 1700;
    wide.records = 3;
    const Message ssh = text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n") + Message(2500, 0x53);
    const Message turn = ms_turn_framed(ms_turn_allocate());
    return {
        {service_of(ProtocolClass::sip_tls, mode), client_hello(), ssh},
        {service_of(ProtocolClass::https, mode, {"*.example.com"}), client_hello(), ssh},
        {service_of(ProtocolClass::https, mode, {"meet.example.com"}), client_hello(wide), ssh},
        {service_of(ProtocolClass::turn_tcp, mode), turn, ssh},
        {service_of(ProtocolClass::turn_tcp, mode), pseudo_hello() + turn, pseudo_hello() + ssh},
        {service_of(ProtocolClass::turn_tcp, mode), stun_binding(), ssh},
        {service_of(ProtocolClass::media_tcp, mode), rfc4571(stun_binding()), ssh},
        {service_of(ProtocolClass::http, mode), http_request(), ssh},
        {service_of(ProtocolClass::xmpp, mode), xmpp_stream(), ssh},
        {service_of(ProtocolClass::dns_tcp, mode), dns_over_tcp(dns_query()), ssh},
        {service_of(ProtocolClass::custom, mode), text("abcdefghijx"), ssh},
    };
}

// The responder: bytes by offset, an acknowledgement of all without a gap.
class Receiver {
  public:
    explicit Receiver(bool first_wins) : first_wins_(first_wins) {}
    void take(std::uint32_t offset, Bytes bytes) {
        for (std::uint32_t i = 0; i < bytes.size(); ++i) {
            if (offset + i < acked_) continue;
            if (first_wins_)
                pieces_.emplace(offset + i, bytes[i]);
            else
                pieces_[offset + i] = bytes[i];
        }
        while (pieces_.contains(acked_)) stream_.push_back(pieces_[acked_++]);
    }
    std::uint32_t acked() const { return acked_; }
    const Message& stream() const { return stream_; }

  private:
    bool first_wins_;
    std::map<std::uint32_t, std::uint8_t> pieces_;
    std::uint32_t acked_ = 0;
    Message stream_;
};

class TcpProperty : public testing::Test {
  protected:
    std::size_t below(std::size_t n) { return random_() % n; }

    struct Flight {
        std::uint32_t offset;
        std::uint32_t size;
    };
    // Up to ten segments from the first byte that is not acknowledged, cut anew each time, and
    // some of them twice, with bytes before them, or late.
    std::deque<Flight> send(std::uint32_t from, std::uint32_t end, std::size_t longest) {
        std::deque<Flight> flights;
        while (from < end && flights.size() < 10) {
            const auto size =
                static_cast<std::uint32_t>(std::min<std::size_t>(1 + below(longest), end - from));
            Flight flight{from, size};
            if (below(4) == 0) {
                const auto back = static_cast<std::uint32_t>(below(std::min(from + 1, 20U)));
                flight = {from - back, size + back};
            }
            flights.push_back(flight);
            if (below(6) == 0) flights.push_back(flight);
            from += size;
        }
        if (below(2) == 0)
            for (std::size_t i = flights.size(); i > 1; --i)
                if (below(2) == 0) std::swap(flights[i - 1], flights[below(i)]);
        return flights;
    }

    std::mt19937 random_{20130};
};

TEST_F(TcpProperty, GenuineSendersAlwaysGetThrough) {
    for (const auto mode : {ConformanceMode::enforce, ConformanceMode::watch}) {
        for (const Case& one : cases(mode)) {
            Rig rig(one.service);
            unsigned matched = 0;
            for (int round = 0; round < 150; ++round) {
                Conversation talk(rig, static_cast<std::uint32_t>(
                                           below(2) == 0 ? 0xffffffff - below(100) : below(1000)));
                Receiver receiver(true);
                const Message stream = one.message + Message(below(3) * 700, 0xdd);
                const auto end = static_cast<std::uint32_t>(stream.size());
                const std::size_t longest = below(3) == 0 ? 1 : 1 + below(1460);
                bool done = false;
                bool recognised = false;
                for (int turns = 0; receiver.acked() < end && turns < 5000; ++turns) {
                    for (const Flight& flight : send(receiver.acked(), end, longest)) {
                        const Bytes bytes = Bytes(stream).subspan(flight.offset, flight.size);
                        bool forward = true;
                        if (!done) {
                            const Outcome outcome = talk.client(flight.offset, bytes);
                            ASSERT_FALSE(outcome.reported) << to_string(outcome.why);
                            forward = outcome.forward;
                            recognised |= outcome.matched;
                            done = outcome.done;
                        }
                        ASSERT_TRUE(forward || rig.protocol().enforces());
                        // The network loses some of them behind us.
                        if (forward && (below(20) != 0)) receiver.take(flight.offset, bytes);
                        if (!done && below(2) == 0) {
                            const Outcome outcome = talk.server(receiver.acked());
                            ASSERT_FALSE(outcome.reported) << to_string(outcome.why);
                            done = outcome.done;
                        }
                    }
                    if (!done) done = talk.server(receiver.acked()).done;
                }
                ASSERT_EQ(receiver.stream(), stream);
                ASSERT_TRUE(done);
                matched += recognised ? 1U : 0U;
                ASSERT_EQ(rig.inspector().undecided(), 0U);
            }
            if (mode == ConformanceMode::enforce)
                EXPECT_EQ(matched, 150U);
            else
                EXPECT_GT(matched, 100U);  // the others had too many gaps
        }
    }
}

// An attacker who mixes genuine bytes and his own, some of which never arrive, whatever the responder
// makes of overlaps: a session that is done was judged by bytes that the responder has.
TEST_F(TcpProperty, DecoysAreNeverJudgedInPlaceOfWhatArrives) {
    unsigned passed = 0;
    unsigned refused = 0;
    for (const Case& one : cases(ConformanceMode::enforce)) {
        Rig rig(one.service);
        for (int round = 0; round < 4000; ++round) {
            Conversation talk(rig, static_cast<std::uint32_t>(random_()));
            Receiver receiver(below(2) == 0);
            const std::size_t size = one.message.size();
            for (int step = 0; step < 60; ++step) {
                const std::uint32_t near = receiver.acked();
                std::uint32_t offset =
                    below(2) == 0 ? near : static_cast<std::uint32_t>(below(near + 4));
                if (offset >= size) offset = 0;
                const std::size_t length = below(3) == 0 ? size - offset : 1 + below(size - offset);
                const bool genuine = below(3) != 0;
                Message bytes(length);
                for (std::size_t i = 0; i < length; ++i)
                    bytes[i] = genuine || offset + i >= one.tunnel.size() ? one.message[offset + i]
                                                                          : one.tunnel[offset + i];
                if (below(10) == 0) bytes[below(length)] ^= 0x20;
                const Outcome outcome = talk.client(offset, bytes);
                if (outcome.done && !outcome.forward) {
                    ++refused;
                    break;
                }
                if (outcome.forward && below(3) != 0) receiver.take(offset, bytes);
                const bool done = outcome.done || talk.server(receiver.acked()).done;
                if (!done) continue;
                ++passed;
                ASSERT_FALSE(receiver.stream().empty());
                const Judgement judged =
                    judge_stream(rig.protocol(), rig.scratch(), receiver.stream());
                ASSERT_EQ(static_cast<int>(judged.kind), static_cast<int>(Judgement::Kind::match));
                break;
            }
            talk.close();
        }
    }
    EXPECT_GT(passed, 1000U);
    EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace portcullis::inspect
