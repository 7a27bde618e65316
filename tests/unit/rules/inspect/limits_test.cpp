// What the Inspector does when time, room or patience run out, and that it never allocates.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/rules/inspect/counting_new.h"
#include "tests/unit/rules/inspect/rig.h"

namespace portcullis::inspect {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;
constexpr auto kEnforce = ConformanceMode::enforce;
constexpr auto kWatch = ConformanceMode::watch;
const Message kBegin = {0x16, 3, 1};

Limits small_limits() {
    Limits limits;
    limits.records = 4;
    limits.medium = 2;
    limits.large = 1;
    return limits;
}

TEST(Limits, OfCreation) {
    Limits limits;
    limits.records = 0;
    EXPECT_FALSE(Inspector::create(limits));
    limits.records = (1U << 20) + 1;
    EXPECT_FALSE(Inspector::create(limits));
    limits.records = 1;
    limits.datagrams = 0;
    EXPECT_FALSE(Inspector::create(limits));
    limits.datagrams = 1;
    const auto one = Inspector::create(limits);
    ASSERT_TRUE(one);
    limits.records = 1000;
    const auto many = Inspector::create(limits);
    ASSERT_TRUE(many);
    EXPECT_GT((*many)->memory_bytes(), (*one)->memory_bytes() + 999 * 128);
}

TEST(Limits, NoRecordIsFree) {
    for (const auto mode : {kEnforce, kWatch}) {
        Rig rig(service_of(ProtocolClass::sip_tls, mode), small_limits());
        std::vector<Conversation> held(4, Conversation(rig));
        for (Conversation& talk : held) EXPECT_FALSE(talk.client(0, kBegin).done);
        EXPECT_EQ(rig.inspector().undecided(), 4U);
        Conversation late(rig);
        const Outcome outcome = late.client(0, kBegin);
        EXPECT_TRUE(outcome.done);
        EXPECT_TRUE(outcome.reported);
        EXPECT_EQ(outcome.why, Violation::no_room);
        EXPECT_EQ(outcome.forward, mode == kWatch);

        Conversation whole(rig);
        const Outcome known = whole.client(0, client_hello());
        EXPECT_TRUE(known.done);
        EXPECT_EQ(known.matched, mode == kWatch);
        EXPECT_EQ(known.reported, mode == kEnforce);

        held[2].close();
        EXPECT_EQ(held[2].record, kNoInspection);
        Conversation next(rig);
        EXPECT_FALSE(next.client(0, kBegin).done);
    }
}

TEST(Limits, TheOldestMakesRoomOnceItHasExpired) {
    Rig rig(service_of(ProtocolClass::sip_tls, kEnforce), small_limits());
    std::vector<Conversation> held(4, Conversation(rig));
    for (Conversation& talk : held) {
        EXPECT_FALSE(talk.client(0, kBegin).done);
        rig.now += 1000;
    }
    rig.now += 6'500;  // the first is 10.5 s old
    Conversation next(rig);
    EXPECT_FALSE(next.client(0, kBegin).done);
    const Outcome gone = held[0].client(3, client_hello());
    EXPECT_EQ(gone.why, Violation::too_slow);
    EXPECT_FALSE(gone.forward);
    EXPECT_TRUE(gone.done);
    EXPECT_EQ(held[0].record, kNoInspection);
    EXPECT_FALSE(held[1].client(3, Message{2}).done) << "9.5 s old, and still its own";
    Conversation full(rig);
    EXPECT_EQ(full.client(0, kBegin).why, Violation::no_room);
}

TEST(Limits, ARecognisedSessionWhoseRecordIsGone) {
    for (const auto mode : {kEnforce, kWatch}) {
        Rig rig(service_of(ProtocolClass::sip_tls, mode), small_limits());
        Conversation known(rig);
        EXPECT_TRUE(known.client(0, client_hello()).matched);
        rig.now += 10'001;
        std::vector<Conversation> others(4, Conversation(rig));
        for (Conversation& talk : others) EXPECT_FALSE(talk.client(0, kBegin).done);
        const Outcome outcome = known.client(0, client_hello());
        EXPECT_TRUE(outcome.done);
        EXPECT_EQ(outcome.forward, mode == kWatch);
        EXPECT_EQ(outcome.reported, mode == kEnforce);
    }
}

TEST(Limits, AStaleHandleNeverFindsAnothersRecord) {
    Rig rig(service_of(ProtocolClass::sip_tls, kEnforce), small_limits());
    Conversation stale(rig);
    stale.client(0, kBegin);
    Conversation copy = stale;
    stale.close();
    for (int i = 0; i < 100'000; ++i) {
        Conversation other(rig);
        other.client(0, kBegin);
        ASSERT_NE(other.record, kNoInspection);
        ASSERT_NE(other.record, copy.record);
        other.close();
    }
    copy.close();
    EXPECT_EQ(rig.inspector().undecided(), 0U);
}

TEST(Limits, NoBufferIsFree) {
    for (const auto mode : {kEnforce, kWatch}) {
        Rig rig(service_of(ProtocolClass::https, mode, {"*.example.com"}), small_limits());
        Hello wanted;
        wanted.padding = 1000;
        const Message hello = client_hello(wanted);
        std::vector<Conversation> held(3, Conversation(rig));
        // Two medium buffers, and the large one for want of a third.
        for (Conversation& talk : held) EXPECT_FALSE(talk.client(0, Bytes(hello).first(600)).done);
        Conversation late(rig);
        EXPECT_FALSE(late.client(0, Bytes(hello).first(100)).done);
        EXPECT_FALSE(late.client(100, Bytes(hello).subspan(100, 500)).done);
        // The oldest has made room for it.
        const Outcome outcome = held[0].client(600, Bytes(hello).subspan(600));
        EXPECT_TRUE(outcome.done);
        EXPECT_TRUE(outcome.reported);
        EXPECT_EQ(outcome.forward, mode == kWatch);
        // Who is recognised keeps his.
        for (Conversation* talk : {&held[1], &held[2], &late})
            EXPECT_TRUE(talk->client(600, Bytes(hello).subspan(600)).matched);
        Conversation refused(rig);
        const Outcome none = refused.client(0, Bytes(hello).first(600));
        EXPECT_TRUE(none.done);
        EXPECT_EQ(none.why, Violation::no_room);
        EXPECT_TRUE(late.server(static_cast<std::uint32_t>(hello.size())).done);
        Conversation next(rig);
        EXPECT_FALSE(next.client(0, Bytes(hello).first(600)).done);
    }
}

// Half-sent hellos of a few sources keep nobody else from being recognised.
TEST(Limits, BuffersOfOneSource) {
    Limits limits;
    limits.medium = 40;
    limits.large = 2;
    Rig rig(service_of(ProtocolClass::https, kEnforce, {"*.example.com"}), limits);
    Hello wanted;
    wanted.padding = 1000;
    const Message hello = client_hello(wanted);
    const auto half = Bytes(hello).first(600), rest = Bytes(hello).subspan(600);
    const auto begin = [&](std::uint32_t source) {
        Conversation talk(rig, 0, source);
        EXPECT_FALSE(talk.client(0, half).reported);
        ++rig.now;
        return talk;
    };
    // While there is plenty.
    std::vector<Conversation> shared, other, greedy;
    for (int i = 0; i < 20; ++i) shared.push_back(begin(1));
    for (int i = 0; i < 10; ++i) other.push_back(begin(2 + static_cast<std::uint32_t>(i) / 4));
    for (int i = 0; i < 6; ++i) greedy.push_back(begin(9));
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(greedy[static_cast<std::size_t>(i)].client(600, rest).matched, i >= 2) << i;
    for (Conversation& talk : other) EXPECT_TRUE(talk.client(600, rest).matched);
    // Its own are the oldest.
    begin(1);
    EXPECT_EQ(shared[0].client(600, rest).why, Violation::too_slow);
    for (std::size_t i = 1; i < shared.size(); ++i)
        EXPECT_TRUE(shared[i].client(600, rest).matched);
    // Recognised sessions wait for an ACK, and are nobody's quota.
    EXPECT_FALSE(begin(1).client(600, rest).reported);
}

TEST(Limits, ABufferIsGivenBackHoweverItsSessionEnds) {
    Limits limits = small_limits();
    limits.buffers_per_source = 1;
    Rig rig(service_of(ProtocolClass::https, kEnforce, {"*.example.com"}), limits);
    Hello wanted;
    wanted.padding = 5000;
    const Message hello = client_hello(wanted);
    for (int i = 0; i < 1000; ++i) {
        Conversation talk(rig);
        ASSERT_FALSE(talk.client(0, Bytes(hello).first(600)).done) << i;
        switch (i % 4) {
            case 0:
                ASSERT_FALSE(talk.client(600, Bytes(hello).subspan(600, 4000)).done);
                break;
            case 1:
                ASSERT_TRUE(talk.client(0, Message{0}).done);
                break;
            case 2:
                ASSERT_TRUE(talk.client(600, Bytes(hello).subspan(600)).matched);
                break;
            default:
                rig.now += 10'001;
                continue;
        }
        talk.close();
    }
}

TEST(Limits, OfOneSource) {
    for (const auto mode : {kEnforce, kWatch}) {
        Limits limits;
        limits.per_source = 3;
        Rig rig(service_of(ProtocolClass::sip_tls, mode), limits);
        std::vector<Conversation> held(3, Conversation(rig, 0, 0xc6336401));
        for (Conversation& talk : held) EXPECT_FALSE(talk.client(0, kBegin).done);
        Conversation fourth(rig, 0, 0xc6336401);
        const Outcome outcome = fourth.client(0, kBegin);
        EXPECT_EQ(outcome.why, Violation::source_quota);
        EXPECT_TRUE(outcome.reported);
        EXPECT_EQ(outcome.forward, mode == kWatch);
        Conversation neighbour(rig, 0, 0xc6336402);
        EXPECT_FALSE(neighbour.client(0, kBegin).done);
        held[1].close();
        Conversation next(rig, 0, 0xc6336401);
        EXPECT_FALSE(next.client(0, kBegin).done);
        rig.now += 10'001;  // expired sessions do not count
        Conversation later(rig, 0, 0xc6336401);
        EXPECT_FALSE(later.client(0, kBegin).done);
    }
}

TEST(Limits, AreWhatTheyAreSetTo) {
    Limits limits;
    limits.deadline = 25'000;
    limits.idle_segments = 3;
    Rig rig(service_of(ProtocolClass::sip_tls, kEnforce), limits);
    Conversation slow(rig), repeating(rig);
    EXPECT_FALSE(slow.client(0, kBegin).done);
    EXPECT_FALSE(repeating.client(0, kBegin).done);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(repeating.client(0, kBegin).done);
    EXPECT_EQ(repeating.client(0, kBegin).why, Violation::too_many_segments);
    rig.now += 25'000;
    EXPECT_FALSE(slow.client(0, kBegin).done);
    rig.now += 1;
    EXPECT_EQ(slow.client(0, kBegin).why, Violation::too_slow);
    Rig media(service_of(ProtocolClass::media_udp, kEnforce), limits);
    Conversation call(media);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(call.client_datagram(Message{0}).done);
    media.now += 24'000;
    EXPECT_EQ(call.client_datagram(Message{0}).why, Violation::too_many_segments);
}

// Byte by byte, each judgement looks at all bytes once more.
TEST(Limits, BytesLookedAt) {
    Rig rig(service_of(ProtocolClass::http, kEnforce), {});
    const auto request = [](std::size_t size) {
        const std::string end = " HTTP/1.1\r\n\r\n";
        return text("GET /" + std::string(size - 5 - end.size(), 'a') + end);
    };
    for (const std::size_t size : {std::size_t{512}, std::size_t{1500}}) {
        const Message line = request(size);
        Conversation talk(rig);
        Outcome outcome;
        std::uint32_t at = 0;
        for (; at < size && !outcome.matched && !outcome.done; ++at)
            outcome = talk.client(at, Bytes(line).subspan(at, 1));
        EXPECT_EQ(outcome.matched, size == 512) << at;
        EXPECT_EQ(outcome.done, size != 512);
        if (size == 512) continue;
        EXPECT_EQ(outcome.why, Violation::too_many_segments);
        EXPECT_GT(at, 512U);
        Conversation pieces(rig);
        for (at = 0; at < size; at += 50)
            outcome =
                pieces.client(at, Bytes(line).subspan(at, std::min<std::size_t>(50, size - at)));
        EXPECT_TRUE(outcome.matched);
    }
}

TEST(Limits, NothingIsAllocated) {
    Limits limits = small_limits();
    limits.records = 64;
    Rig stream(service_of(ProtocolClass::https, kEnforce, {"*.example.com"}), limits);
    Rig watched(service_of(ProtocolClass::turn_tcp, kWatch), limits);
    Rig media(service_of(ProtocolClass::media_udp, kEnforce), limits);
    Hello wanted;
    wanted.padding = 9000;
    const Message messages[] = {client_hello(), client_hello(wanted),
                                pseudo_hello(), ms_turn_framed(ms_turn_allocate()),
                                rtp(1, 1),      rtp(1, 2),
                                stun_binding(), text("SSH-2.0-OpenSSH_9.2p1")};
    std::mt19937 random(1);
    std::vector<Conversation> talks;
    for (int i = 0; i < 40; ++i)
        for (Rig* rig : {&stream, &watched, &media}) talks.emplace_back(*rig);
    const std::size_t before = allocations();
    std::uint32_t violations = 0;
    for (int i = 0; i < 100'000; ++i) {
        const std::size_t n = random() % talks.size();
        Conversation& talk = talks[n];
        const Message& message = messages[random() % std::size(messages)];
        const std::size_t from = random() % message.size();
        const Bytes bytes = Bytes(message).subspan(from, random() % (message.size() - from) + 1);
        Outcome outcome;
        if (n % 3 == 2) {
            outcome =
                random() % 2 == 0 ? talk.client_datagram(message) : talk.server_datagram(bytes);
        } else if (random() % 4 == 0) {
            outcome = talk.server(static_cast<std::uint32_t>(from));
        } else {
            outcome = talk.client(random() % 3 == 0 ? static_cast<std::uint32_t>(from) : 0, bytes);
        }
        violations += outcome.reported ? 1U : 0U;
        stream.now += random() % 50;
        watched.now = media.now = stream.now;
    }
    EXPECT_EQ(allocations(), before);
    EXPECT_GT(violations, 1000U);
}

}  // namespace
}  // namespace portcullis::inspect
