// UDP under the Inspector.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/unit/rules/inspect/rig.h"

namespace portcullis::inspect {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;
constexpr auto kEnforce = ConformanceMode::enforce;
constexpr auto kWatch = ConformanceMode::watch;
using Numbers = std::initializer_list<std::uint16_t>;

void expect_done(const Outcome& outcome) {
    EXPECT_TRUE(outcome.forward);
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.matched);
    EXPECT_FALSE(outcome.reported);
}
void expect_open(const Outcome& outcome) {
    EXPECT_TRUE(outcome.forward);
    EXPECT_FALSE(outcome.done);
    EXPECT_FALSE(outcome.matched);
    EXPECT_FALSE(outcome.reported);
}
// Enforced: passes, and is judged until the responder has answered.
void expect_recognised(const Outcome& outcome) {
    EXPECT_TRUE(outcome.forward);
    EXPECT_FALSE(outcome.done);
    EXPECT_TRUE(outcome.matched);
    EXPECT_FALSE(outcome.reported);
}
void expect_over(const Outcome& outcome) {
    EXPECT_TRUE(outcome.forward);
    EXPECT_TRUE(outcome.done);
    EXPECT_FALSE(outcome.matched);
    EXPECT_FALSE(outcome.reported);
}
void expect_refused(const Outcome& outcome, Violation why) {
    EXPECT_FALSE(outcome.forward);
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.reported);
    EXPECT_EQ(to_string(outcome.why), to_string(why));
}

class DatagramTest : public testing::Test {
  protected:
    Rig turn{service_of(ProtocolClass::turn_udp, kEnforce)};
    Rig media{service_of(ProtocolClass::media_udp, kEnforce)};
    Rig dns{service_of(ProtocolClass::dns_udp, kEnforce)};
};

TEST_F(DatagramTest, OneDatagramDecides) {
    for (const Message& message : {ms_turn_allocate(), ms_turn_allocate(8), stun_binding(),
                                   multiplexed(ms_turn_allocate()), multiplexed(stun_binding())})
        expect_recognised(Conversation(turn).client_datagram(message));
    expect_recognised(Conversation(media).client_datagram(stun_binding()));
    expect_recognised(Conversation(dns).client_datagram(dns_query()));
    expect_recognised(Conversation(dns).client_datagram(dns_query("example.com", 28, false)));
    for (Rig* rig : {&turn, &media, &dns}) {
        expect_refused(Conversation(*rig).client_datagram(text("hello, is this a tunnel?")),
                       Violation::wrong_protocol);
        EXPECT_EQ(rig->inspector().undecided(), 0U);
    }
}

// A message may have died behind us, before its receiver.
TEST_F(DatagramTest, TheInitiatorIsJudgedUntilItIsAnswered) {
    Conversation tunnel(turn);
    expect_recognised(tunnel.client_datagram(stun_binding()));
    expect_open(tunnel.client_datagram(stun_binding()));
    EXPECT_EQ(turn.inspector().undecided(), 0U) << "no record is needed for that";
    expect_refused(tunnel.client_datagram(text("SSH-2.0-OpenSSH")), Violation::wrong_protocol);
    EXPECT_EQ(tunnel.record, kNoInspection);

    Conversation answered(turn);
    expect_recognised(answered.client_datagram(stun_binding()));
    expect_open(answered.server_datagram({}));
    expect_over(answered.server_datagram(text("anything")));

    // With a record again.
    Conversation call(media);
    expect_recognised(call.client_datagram(stun_binding()));
    for (const std::uint16_t sequence : Numbers{1, 2, 3, 4})
        expect_open(call.client_datagram(rtp(1, sequence)));
    EXPECT_EQ(media.inspector().undecided(), 1U);
    expect_over(call.server_datagram(rtp(2, 1)));
    EXPECT_EQ(media.inspector().undecided(), 0U);

    Conversation noise(media);
    expect_recognised(noise.client_datagram(stun_binding()));
    for (std::uint32_t i = 0; i < 4; ++i) expect_open(noise.client_datagram(rtp(i, 9)));
    expect_refused(noise.client_datagram(rtp(5, 9)), Violation::no_continuity);
}

// A push may turn a service to watch while a session waits for its answer.
TEST_F(DatagramTest, WatchingWaitsForNoAnswer) {
    Rig watched(service_of(ProtocolClass::media_udp, kWatch));
    Conversation talk(media);
    expect_recognised(talk.client_datagram(stun_binding()));
    expect_open(talk.client_datagram(rtp(1, 1)));
    Outcome outcome = media.inspector().initiator_datagram(
        talk.record, watched.protocol(), watched.scratch(), text("anything"), media.now);
    expect_over(outcome);
    EXPECT_EQ(media.inspector().undecided(), 0U);
}

// What was recognised is remembered without its record.
TEST_F(DatagramTest, ARecognisedSessionMayLoseItsRecord) {
    Limits limits;
    limits.datagrams = 1;
    Rig rig(service_of(ProtocolClass::media_udp, kEnforce), limits);
    Conversation talk(rig), other(rig);
    expect_recognised(talk.client_datagram(stun_binding()));
    expect_open(talk.client_datagram(rtp(1, 1)));
    expect_open(other.client_datagram(rtp(2, 1)));
    expect_open(talk.client_datagram(stun_binding()));
    expect_over(talk.server_datagram(rtp(3, 1)));
}

TEST_F(DatagramTest, WatchingForwards) {
    Rig rig(service_of(ProtocolClass::turn_udp, kWatch));
    Conversation talk(rig);
    const Outcome outcome = talk.client_datagram(text("hello, is this a tunnel?"));
    EXPECT_TRUE(outcome.forward);
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.reported);
    EXPECT_EQ(outcome.first_bytes.size(), 24U);
    EXPECT_EQ(outcome.first_bytes[0], 'h');
}

TEST_F(DatagramTest, LengthsMustFillTheDatagram) {
    for (Message message : {ms_turn_allocate(), stun_binding(), multiplexed(stun_binding())}) {
        message.push_back(0);
        expect_refused(Conversation(turn).client_datagram(message), Violation::bad_length);
        message.resize(message.size() - 2);
        expect_refused(Conversation(turn).client_datagram(message), Violation::bad_length);
    }
    for (Message message : {dns_query(), dns_query("example.com", 1, false)}) {
        message.push_back(0);
        expect_refused(Conversation(dns).client_datagram(message), Violation::bad_length);
        message.resize(message.size() - 2);
        expect_refused(Conversation(dns).client_datagram(message), Violation::bad_length);
    }
}

TEST_F(DatagramTest, QuestionsOfTunnels) {
    for (const std::uint16_t type : Numbers{0, 10, 65280, 65399})
        expect_refused(Conversation(dns).client_datagram(dns_query("t.example.com", type)),
                       Violation::wrong_protocol);
    expect_refused(Conversation(dns).client_datagram(dns_query("\xbc\xbd.example.com")),
                   Violation::wrong_protocol);
    expect_refused(Conversation(dns).client_datagram(dns_query(
                       std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                       std::string(63, 'c') + "." + std::string(63, 'd') + ".example.com")),
                   Violation::bad_length);
    expect_recognised(Conversation(dns).client_datagram(
        dns_query(std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c'))));
}

// RFC 1035 2.3.4: 255 bytes, length bytes and the last 0 included.
TEST_F(DatagramTest, ANameHasAtMost255Bytes) {
    const auto name = [](std::size_t last) {
        return std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') +
               "." + std::string(last, 'd');
    };
    expect_recognised(Conversation(dns).client_datagram(dns_query(name(61))));
    for (const std::size_t last : {62, 63})
        expect_refused(Conversation(dns).client_datagram(dns_query(name(last))),
                       Violation::bad_length);
}

TEST_F(DatagramTest, RtpHasToGoOn) {
    Conversation stream(media);
    expect_open(stream.client_datagram(rtp(7, 65535)));
    expect_open(stream.client_datagram(rtp(7, 0)));
    EXPECT_EQ(media.inspector().undecided(), 1U);
    expect_recognised(stream.client_datagram(rtp(7, 3)));
    EXPECT_EQ(media.inspector().undecided(), 0U);

    Conversation chance(media);
    for (std::uint32_t i = 0; i < 4; ++i) expect_open(chance.client_datagram(rtp(i, 9)));
    expect_refused(chance.client_datagram(rtp(5, 9)), Violation::no_continuity);

    Conversation repeated(media);
    for (std::uint32_t i = 0; i < 4; ++i) expect_open(repeated.client_datagram(rtp(1, 9)));
    expect_refused(repeated.client_datagram(rtp(1, 9)), Violation::no_continuity);
}

TEST_F(DatagramTest, TwoSourcesMayTakeTurnsAndPacketsOvertakeEachOther) {
    Conversation two(media);
    for (std::uint16_t i = 0; i < 2; ++i) {
        expect_open(two.client_datagram(rtp(1, i)));
        expect_open(two.client_datagram(rtp(2, static_cast<std::uint16_t>(500 + i))));
    }
    expect_recognised(two.client_datagram(rtp(1, 2)));
    Conversation overtaking(media);
    for (const std::uint16_t sequence : Numbers{3, 1, 2, 4})
        expect_open(overtaking.client_datagram(rtp(1, sequence)));
    expect_recognised(overtaking.client_datagram(rtp(1, 5)));
}

TEST_F(DatagramTest, DirectionsProveThemselvesApart) {
    Conversation talk(media);
    expect_open(talk.client_datagram(rtp(1, 1)));
    expect_open(talk.server_datagram(rtp(1, 2)));
    expect_open(talk.client_datagram(rtp(1, 3)));
    expect_open(talk.server_datagram(rtp(1, 4)));
    expect_done(talk.server_datagram(rtp(1, 5)));
}

TEST_F(DatagramTest, AStunCheckOfEitherSideProves) {
    Conversation talk(media);
    expect_open(talk.client_datagram(rtp(1, 1)));
    expect_done(talk.server_datagram(stun_binding()));
    EXPECT_EQ(media.inspector().undecided(), 0U);
    Conversation refused(media);
    expect_open(refused.client_datagram(rtp(1, 1)));
    const Outcome outcome = refused.server_datagram(text("SSH-2.0-OpenSSH"));
    expect_refused(outcome, Violation::wrong_protocol);
    EXPECT_EQ(outcome.first_bytes.size(), 32U);
    EXPECT_EQ(outcome.first_bytes[0], 0x80);
}

TEST_F(DatagramTest, ReportsAreNeutralUntilThree) {
    Conversation talk(media);
    for (int i = 0; i < 2; ++i) {
        expect_open(talk.client_datagram(rtcp(1)));
        media.now += 9'000;
    }
    media.now += 15'000;
    expect_recognised(talk.client_datagram(rtcp(1)));
    Conversation others(media);
    for (std::uint32_t i = 0; i < 50; ++i) expect_open(others.client_datagram(rtcp(i)));
    Message longer = rtcp(1);
    longer[3] = 200;
    expect_refused(others.client_datagram(longer), Violation::wrong_protocol);
}

TEST_F(DatagramTest, RtpHeadersMustFit) {
    Message sources = rtp(1, 1, 4);
    sources[0] |= 2;
    expect_refused(Conversation(media).client_datagram(sources), Violation::wrong_protocol);
    Message extended = rtp(1, 1, 8);
    extended[0] |= 0x10;
    extended[14] = 0;
    extended[15] = 1;
    expect_open(Conversation(media).client_datagram(extended));
    extended[15] = 2;
    expect_refused(Conversation(media).client_datagram(extended), Violation::wrong_protocol);
}

TEST_F(DatagramTest, KeepalivesWaitForWhatFollows) {
    Conversation talk(media);
    expect_open(talk.client_datagram({}));
    EXPECT_EQ(talk.record, kNoInspection);
    for (int i = 0; i < 32; ++i) expect_open(talk.client_datagram(Message{0}));
    expect_refused(talk.client_datagram(Message{0}), Violation::too_many_segments);
    Conversation seldom(media);
    expect_open(seldom.client_datagram(Message{13, 10}));
    media.now += 15'000;
    expect_open(seldom.client_datagram(Message{13, 10}));
    expect_recognised(seldom.client_datagram(stun_binding()));
}

// Mute and hold: what was said before the pause neither helps nor harms.
TEST_F(DatagramTest, MediaMayPause) {
    Conversation talk(media);
    expect_open(talk.client_datagram(rtp(1, 1)));
    expect_open(talk.client_datagram(rtp(1, 2)));
    for (std::uint32_t i = 2; i < 4; ++i) expect_open(talk.client_datagram(rtp(i, 9)));
    media.now += 10'001;
    for (std::uint32_t i = 4; i < 6; ++i) expect_open(talk.client_datagram(rtp(i, 9)));
    expect_open(talk.client_datagram(rtp(1, 3)));
    expect_open(talk.client_datagram(rtp(1, 4)));
    expect_recognised(talk.client_datagram(rtp(1, 5)));
    Conversation kept_alive(media);
    for (int i = 0; i < 100; ++i) {
        expect_open(kept_alive.client_datagram(Message{0}));
        media.now += 10'001;
    }
}

// Of any number of sessions each is recognised or refused for what it says.
TEST_F(DatagramTest, ALostRecordIsAFreshStart) {
    Limits limits;
    limits.datagrams = 2;
    for (const auto mode : {kEnforce, kWatch}) {
        Rig rig(service_of(ProtocolClass::media_udp, mode), limits);
        const auto expect_proof = mode == kEnforce ? expect_recognised : expect_done;
        Conversation first(rig), second(rig), third(rig);
        expect_open(first.client_datagram(rtp(1, 1)));
        expect_open(second.client_datagram(rtp(2, 1)));
        expect_open(first.client_datagram(rtp(1, 2)));
        expect_open(third.client_datagram(rtp(3, 1)));  // takes the oldest one, of the first
        EXPECT_EQ(rig.inspector().undecided(), 2U);
        expect_open(first.client_datagram(rtp(1, 3)));  // takes that of the second
        expect_open(first.client_datagram(rtp(1, 4)));
        expect_open(third.client_datagram(rtp(3, 2)));
        expect_proof(third.client_datagram(rtp(3, 3)));
        expect_proof(first.client_datagram(rtp(1, 5)));
        second.close();
        EXPECT_EQ(rig.inspector().undecided(), 0U);
    }
}

TEST(DatagramRecords, CostTcpNothing) {
    Limits limits;
    limits.records = 2;
    limits.datagrams = 4;
    limits.per_source = 2;
    const auto inspector = std::move(*Inspector::create(limits));
    Rig media(service_of(ProtocolClass::media_udp, kWatch));
    Rig tls(service_of(ProtocolClass::sip_tls, kEnforce));
    const auto source = policy::IpAddress::from_v4(kSomeSource);
    const auto talk = [&](Inspection& record) {
        return inspector->initiator_segment(record, 1, tls.protocol(), tls.scratch(),
                                            {1, 0, false, Message{0x16}}, source, tls.now);
    };
    std::vector<Inspection> flood(1000, kNoInspection);
    for (Inspection& record : flood) {
        const Outcome outcome = inspector->initiator_datagram(
            record, media.protocol(), media.scratch(), rtp(1, 1), media.now);
        EXPECT_TRUE(outcome.forward);
        EXPECT_FALSE(outcome.reported);
    }
    EXPECT_EQ(inspector->undecided(), 4U);
    std::array<Inspection, 3> tcp;
    tcp.fill(kNoInspection);
    for (unsigned i = 0; i < 2; ++i) expect_open(talk(tcp[i]));
    expect_refused(talk(tcp[2]), Violation::source_quota);
    // Nor does TCP cost UDP anything.
    Inspection late = kNoInspection;
    expect_open(inspector->initiator_datagram(late, media.protocol(), media.scratch(), rtp(1, 1),
                                              media.now));
    for (Inspection& record : flood) inspector->close(record);
    EXPECT_EQ(inspector->undecided(), 3U) << "stale handles close nobody else's";
}

TEST_F(DatagramTest, CustomDatagramsMatchAtOnceOrNever) {
    Rig rig(service_of(ProtocolClass::custom, kEnforce));
    expect_recognised(Conversation(rig).client_datagram(text("abcx")));
    expect_refused(Conversation(rig).client_datagram(text("abc")), Violation::wrong_protocol);
}

}  // namespace
}  // namespace portcullis::inspect
