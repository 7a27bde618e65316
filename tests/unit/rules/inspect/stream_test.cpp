// TCP under the Inspector: what is forwarded, what is refused, when a session is done.
#include <gtest/gtest.h>

#include "tests/unit/rules/inspect/rig.h"

namespace portcullis::inspect {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;
constexpr auto kEnforce = ConformanceMode::enforce;
constexpr auto kWatch = ConformanceMode::watch;

Bytes part(const Message& message, std::size_t from, std::size_t size) {
    return Bytes(message).subspan(from, std::min(size, message.size() - from));
}

void expect_refused(const Outcome& outcome, Violation why) {
    EXPECT_FALSE(outcome.forward);
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.reported);
    EXPECT_EQ(to_string(outcome.why), to_string(why));
}
void expect_open(const Outcome& outcome) {
    EXPECT_TRUE(outcome.forward);
    EXPECT_FALSE(outcome.done);
    EXPECT_FALSE(outcome.matched);
    EXPECT_FALSE(outcome.reported);
}
void expect_recognised(const Outcome& outcome) {
    EXPECT_TRUE(outcome.forward);
    EXPECT_TRUE(outcome.matched);
    EXPECT_FALSE(outcome.reported);
}

class StreamTest : public testing::Test {
  protected:
    Rig sip{service_of(ProtocolClass::sip_tls, kEnforce)};
    Rig watched{service_of(ProtocolClass::sip_tls, kWatch)};
    Rig named{service_of(ProtocolClass::https, kEnforce, {"*.example.com"})};
    Rig turn{service_of(ProtocolClass::turn_tcp, kEnforce)};
    const Message hello = client_hello();
};

TEST_F(StreamTest, AHelloIsRecognisedAtOnceAndDoneWithTheServersAck) {
    Conversation talk(sip);
    const Outcome first = talk.client(0, hello);
    expect_recognised(first);
    EXPECT_FALSE(first.done);
    EXPECT_EQ(sip.inspector().undecided(), 1U);
    EXPECT_FALSE(talk.server(0).done);
    const auto size = static_cast<std::uint32_t>(hello.size());
    EXPECT_FALSE(talk.server(size + 2).done) << "nobody has sent that much";
    const Outcome last = talk.server(size);
    EXPECT_TRUE(last.done);
    EXPECT_TRUE(last.forward);
    EXPECT_FALSE(last.matched);
    EXPECT_EQ(talk.record, kNoInspection);
    EXPECT_EQ(sip.inspector().undecided(), 0U);
}

TEST_F(StreamTest, AnAckOfTheFinBehindTheFirstBytesCounts) {
    Conversation talk(sip);
    talk.client(0, hello);
    EXPECT_TRUE(talk.server(static_cast<std::uint32_t>(hello.size()) + 1).done);
}

TEST_F(StreamTest, AnotherProtocolIsRefusedWithItsFirstBytes) {
    Conversation talk(sip);
    const Message ssh = text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
    const Outcome outcome = talk.client(0, ssh);
    expect_refused(outcome, Violation::wrong_protocol);
    EXPECT_EQ(Message(outcome.first_bytes.begin(), outcome.first_bytes.end()),
              Message(ssh.begin(), ssh.begin() + 32));
    EXPECT_EQ(sip.inspector().undecided(), 0U);

    Conversation slowly(sip);
    expect_open(slowly.client(0, part(hello, 0, 1)));
    const Outcome second = slowly.client(1, text("SH"));
    expect_refused(second, Violation::wrong_protocol);
    EXPECT_EQ(Message(second.first_bytes.begin(), second.first_bytes.end()),
              (Message{0x16, 'S', 'H'}));
}

TEST_F(StreamTest, WatchingReportsOnceAndForwards) {
    Conversation talk(watched);
    const Outcome outcome = talk.client(0, text("SSH-2.0"));
    EXPECT_TRUE(outcome.forward);
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.reported);
    EXPECT_EQ(outcome.why, Violation::wrong_protocol);
    EXPECT_EQ(talk.record, kNoInspection);
}

TEST_F(StreamTest, OneByteSegmentsPass) {
    for (Rig* rig : {&sip, &watched, &named}) {
        Conversation talk(*rig);
        bool matched = false;
        for (std::uint32_t i = 0; i < hello.size(); ++i) {
            const Outcome outcome = talk.client(i, part(hello, i, 1));
            EXPECT_TRUE(outcome.forward);
            EXPECT_FALSE(outcome.reported);
            matched |= outcome.matched;
            if (outcome.done || talk.server(i + 1).done) break;
        }
        EXPECT_TRUE(matched);
        EXPECT_EQ(rig->inspector().undecided(), 0U);
    }
}

TEST_F(StreamTest, EnforcingForwardsTheNextSegmentInOrderOnly) {
    Conversation talk(sip);
    const Outcome early = talk.client(5, part(hello, 5, 100));
    EXPECT_FALSE(early.forward);
    EXPECT_FALSE(early.done);
    EXPECT_FALSE(early.reported);
    expect_open(talk.client(0, part(hello, 0, 5)));
    EXPECT_FALSE(talk.client(6, part(hello, 6, 100)).forward);
    expect_open(talk.client(5, part(hello, 5, 6)));
    expect_recognised(talk.client(11, part(hello, 11, hello.size())));
    EXPECT_TRUE(talk.client(2000, text("whatever")).forward) << "recognised: order does not matter";
}

TEST_F(StreamTest, BytesSentAgainMustBeTheSame) {
    Conversation talk(sip);
    expect_open(talk.client(0, part(hello, 0, 5)));
    expect_open(talk.client(0, part(hello, 0, 5)));
    expect_open(talk.client(2, part(hello, 2, 6)));
    Message other(hello.begin(), hello.begin() + 20);
    other[7] ^= 1;
    const Outcome outcome = talk.client(0, other);
    expect_refused(outcome, Violation::overlap_differs);
}

TEST_F(StreamTest, AlsoBetweenRecognitionAndTheServersAck) {
    Conversation decoy(sip);
    expect_recognised(decoy.client(0, hello));
    expect_refused(decoy.client(0, text("SSH-2.0-OpenSSH_9.2p1")), Violation::overlap_differs);

    Conversation again(sip);
    expect_recognised(again.client(0, hello));
    EXPECT_TRUE(again.client(0, hello).forward);
    EXPECT_FALSE(again.client(3, part(hello, 3, 50)).reported);
}

TEST_F(StreamTest, KeepalivesAreNoData) {
    Conversation talk(sip);
    const Message garbage = {0};
    expect_open(talk.client(0xffffffff, garbage));
    EXPECT_EQ(talk.record, kNoInspection);
    expect_open(talk.client(0, part(hello, 0, 6)));
    expect_open(talk.server(6));
    expect_open(talk.client(5, garbage));
    // The byte before it is not what a keepalive repeats.
    expect_refused(talk.client(4, garbage), Violation::overlap_differs);
}

TEST_F(StreamTest, BytesBeforeTheFirstAreCutOff) {
    Conversation talk(sip);
    expect_recognised(talk.client(0xfffffffe, text("xy") + hello));
    EXPECT_TRUE(talk.server(static_cast<std::uint32_t>(hello.size())).done);
}

TEST_F(StreamTest, TheServerMayNotSpeakFirst) {
    Conversation silent(sip);
    expect_open(silent.server(0));
    expect_refused(silent.server(0, text("220 mail")), Violation::server_first);

    Conversation begun(sip);
    expect_open(begun.client(0, part(hello, 0, 3)));
    expect_refused(begun.server(3, text("220 mail")), Violation::server_first);
}

TEST_F(StreamTest, WhatAWatcherHasMissedIsNoViolation) {
    Conversation talk(watched);
    expect_open(talk.client(0, part(hello, 0, 3)));
    const Outcome outcome = talk.server(400, text("server hello"));
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.forward);
    EXPECT_FALSE(outcome.reported);
    EXPECT_FALSE(outcome.matched);
}

TEST_F(StreamTest, AWatcherPutsSegmentsInOrder) {
    Conversation talk(watched);
    expect_open(talk.client(9, part(hello, 9, hello.size())));
    expect_open(talk.client(3, part(hello, 3, 2)));
    expect_open(talk.client(0, part(hello, 0, 3)));
    expect_recognised(talk.client(4, part(hello, 4, 6)));

    Conversation differing(watched);
    expect_open(differing.client(9, part(hello, 9, 50)));
    const Outcome outcome = differing.client(0, text("SSH-2.0-OpenSSH"));
    EXPECT_TRUE(outcome.reported);
    EXPECT_EQ(outcome.why, Violation::overlap_differs);
}

TEST_F(StreamTest, AWatcherGivesUpSilentlyWhereThereAreManyGaps) {
    Conversation talk(watched);
    for (std::uint32_t i = 1; i <= 3; ++i) expect_open(talk.client(2 * i, part(hello, 2 * i, 1)));
    const Outcome outcome = talk.client(8, part(hello, 8, 1));
    EXPECT_TRUE(outcome.done);
    EXPECT_TRUE(outcome.forward);
    EXPECT_FALSE(outcome.reported);
    EXPECT_EQ(watched.inspector().undecided(), 0U);
}

TEST_F(StreamTest, ThirtyTwoSegmentsInARowMayBringNothingNew) {
    Conversation talk(sip);
    expect_open(talk.client(0, part(hello, 0, 2)));
    for (int i = 0; i < 32; ++i) expect_open(talk.client(0, part(hello, 0, 2)));
    expect_open(talk.client(2, part(hello, 2, 1)));
    for (int i = 0; i < 16; ++i) {
        expect_open(talk.client(1, {}));
        EXPECT_FALSE(talk.client(7, part(hello, 7, 2)).forward);
    }
    expect_refused(talk.client(0, part(hello, 0, 1)), Violation::too_many_segments);
}

TEST_F(StreamTest, UndecidedForTooLong) {
    Conversation talk(sip);
    expect_open(talk.client(0, part(hello, 0, 3)));
    sip.now += 10'000;
    expect_open(talk.client(3, part(hello, 3, 1)));
    sip.now += 1;
    expect_refused(talk.client(4, part(hello, 4, 100)), Violation::too_slow);
}

TEST_F(StreamTest, RecognisedSessionsMayWaitForTheirAck) {
    for (Rig* rig : {&sip, &watched}) {
        Conversation talk(*rig);
        expect_recognised(talk.client(0, hello));
        rig->now += 20'000;
        EXPECT_FALSE(talk.client(0, hello).done);
        EXPECT_TRUE(talk.server(static_cast<std::uint32_t>(hello.size())).done);
    }
}

TEST_F(StreamTest, PublishedNames) {
    Conversation good(named);
    expect_recognised(good.client(0, hello));
    EXPECT_FALSE(good.server(100).done) << "the whole hello was looked at";
    EXPECT_TRUE(good.server(static_cast<std::uint32_t>(hello.size())).done);
    Conversation other(named);
    Hello wanted;
    wanted.name = "www.example.org";
    expect_refused(other.client(0, client_hello(wanted)), Violation::name_not_published);
    Conversation nameless(named);
    wanted.name = "";
    expect_recognised(nameless.client(0, client_hello(wanted)));
    Rig strict(service_of(ProtocolClass::https, kEnforce, {}, policy::MissingName::refuse));
    Conversation refused(strict);
    expect_refused(refused.client(0, client_hello(wanted)), Violation::name_missing);
    Conversation named_one(strict);
    expect_recognised(named_one.client(0, hello));
}

TEST_F(StreamTest, LongHellosInSegmentsAndRecords) {
    for (const std::size_t padding : {0U, 300U, 1500U, 6000U, 11000U, 15500U}) {
        for (const std::size_t records : {1U, 2U, 7U}) {
            Hello wanted;
            wanted.padding = padding;
            wanted.records = records;
            const Message message = client_hello(wanted);
            Conversation talk(named);
            std::size_t at = 0;
            bool matched = false;
            for (; at < message.size(); at += 1400) {
                const Outcome outcome =
                    talk.client(static_cast<std::uint32_t>(at), part(message, at, 1400));
                EXPECT_TRUE(outcome.forward);
                matched = outcome.matched;
            }
            EXPECT_TRUE(matched) << padding << " in " << records;
            EXPECT_TRUE(talk.server(static_cast<std::uint32_t>(message.size())).done);
        }
    }
    Hello endless;
    endless.padding = 17000;
    endless.records = 2;
    Conversation talk(named);
    expect_refused(talk.client(0, part(client_hello(endless), 0, 1400)), Violation::too_long);
}

TEST_F(StreamTest, MalformedHellos) {
    // A second renegotiation_info in place of supported_groups.
    Message message = client_hello();
    message[message.size() - 10] = 0xff;
    message[message.size() - 9] = 0x01;
    Conversation talk(named);
    expect_refused(talk.client(0, message), Violation::bad_hello);

    message = client_hello();
    message[8] = 10;  // the handshake message is shorter than its record
    Conversation lengths(sip);
    expect_refused(lengths.client(0, message), Violation::bad_length);
}

TEST_F(StreamTest, TurnOverTcp) {
    for (const Message& message :
         {ms_turn_framed(ms_turn_allocate()), stun_binding(),
          pseudo_hello() + ms_turn_framed(ms_turn_allocate()),
          pseudo_hello() + ms_turn_framed(stun_binding(), 3),
          pseudo_hello() + ms_turn_framed(multiplexed(ms_turn_allocate()))}) {
        Conversation whole(turn);
        expect_recognised(whole.client(0, message));
        Conversation bytewise(turn);
        for (std::uint32_t i = 0; i + 1 < message.size(); ++i)
            expect_open(bytewise.client(i, part(message, i, 1)));
        expect_recognised(bytewise.client(static_cast<std::uint32_t>(message.size()) - 1,
                                          part(message, message.size() - 1, 1)));
    }
}

TEST_F(StreamTest, ThePseudoHelloOpensNothingByItself) {
    Conversation talk(turn);
    expect_open(talk.client(0, pseudo_hello()));
    expect_open(talk.server(50, Message(83, 22)));
    expect_refused(talk.client(50, text("SSH-2.0-OpenSSH")), Violation::wrong_protocol);

    Conversation early(turn);
    expect_open(early.client(0, part(pseudo_hello(), 0, 49)));
    expect_refused(early.server(49, Message(83, 22)), Violation::server_first);

    Conversation twice(turn);
    expect_refused(twice.client(0, pseudo_hello() + pseudo_hello()), Violation::wrong_protocol);

    Conversation genuine(turn);
    expect_refused(genuine.client(0, hello), Violation::wrong_protocol);

    Conversation elsewhere(sip);
    expect_refused(elsewhere.client(0, pseudo_hello()), Violation::wrong_protocol);
}

TEST_F(StreamTest, LengthsInsideTurn) {
    Message frame = ms_turn_framed(ms_turn_allocate());
    frame[3] += 1;
    Conversation talk(turn);
    expect_refused(talk.client(0, frame), Violation::bad_length);
    Message attribute = stun_binding();
    attribute[23] = 200;
    Conversation inside(turn);
    expect_refused(inside.client(0, attribute), Violation::bad_length);
}

TEST_F(StreamTest, MediaInFramesHasToGoOn) {
    const auto frame = [](std::uint32_t ssrc, std::uint16_t sequence) {
        return ms_turn_framed(rtp(ssrc, sequence), 3);
    };
    Conversation stream(turn);
    expect_open(stream.client(0, pseudo_hello() + frame(7, 65535)));
    const auto size = static_cast<std::uint32_t>(frame(7, 0).size());
    expect_open(stream.client(50 + size, frame(7, 0)));
    expect_recognised(stream.client(50 + 2 * size, frame(7, 1)));
    Conversation chance(turn);
    Message message = pseudo_hello();
    for (std::uint32_t i = 0; i < 5; ++i) message = message + frame(i, 9);
    expect_refused(chance.client(0, message), Violation::no_continuity);
}

TEST_F(StreamTest, OtherServices) {
    const struct {
        ProtocolClass protocol;
        Message message;
    } genuine[] = {
        {ProtocolClass::http, http_request()},
        {ProtocolClass::http, http_request("OPTIONS * HTTP/1.1")},
        {ProtocolClass::http, http_request("GET http://crl.example.com/ca.crl HTTP/1.0")},
        {ProtocolClass::xmpp, xmpp_stream()},
        {ProtocolClass::dns_tcp, dns_over_tcp(dns_query())},
        {ProtocolClass::media_tcp, rfc4571(stun_binding())},
        {ProtocolClass::media_tcp, pseudo_hello() + ms_turn_framed(ms_turn_allocate())},
        {ProtocolClass::custom, text("abcx")},
    };
    for (const auto& [protocol, message] : genuine) {
        Rig rig(service_of(protocol, kEnforce));
        Conversation talk(rig);
        expect_recognised(talk.client(0, message));
        EXPECT_TRUE(talk.server(static_cast<std::uint32_t>(message.size())).done);
        Conversation ssh(rig);
        EXPECT_TRUE(ssh.client(0, text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")).reported);
    }
    Rig http(service_of(ProtocolClass::http, kEnforce));
    Conversation talk(http);
    expect_refused(talk.client(0, http_request("GET example.com:22 HTTP/1.1")),
                   Violation::wrong_protocol);
}

TEST_F(StreamTest, CustomPatternsWaitForTheirWidth) {
    Rig rig(service_of(ProtocolClass::custom, kEnforce));
    Conversation talk(rig);
    expect_open(talk.client(0, Message(30, 'a')));
    expect_recognised(talk.client(30, text("x")));
    Conversation other(rig);
    expect_open(other.client(0, Message(30, 'a')));
    expect_refused(other.client(30, text("a")), Violation::wrong_protocol);
}

}  // namespace
}  // namespace portcullis::inspect
