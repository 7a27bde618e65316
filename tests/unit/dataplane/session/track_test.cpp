// What becomes of packets of found sessions: A/V paths, TCP conflicts, idle times, source ports.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "dataplane/session/sessions.h"
#include "dataplane/session/tcp.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

constexpr std::uint16_t kInternet = 3;
constexpr std::uint16_t kEdge = 4;
const IpAddress kClient = ip("198.51.100.7");
const IpAddress kVip = ip("203.0.113.12");
const IpAddress kNode = ip("203.0.113.22");
constexpr std::uint16_t kPort = 50123;

struct World {
    std::unique_ptr<Sessions> sessions;
    Millis now = 1;

    explicit World(SessionLimits limits = {}, std::uint32_t capacity = 1000, unsigned workers = 1) {
        Sessions::Config config;
        config.capacity = capacity;
        config.limits = limits;
        config.workers = workers;
        config.hash_key = {5, 6, 7, 8};
        sessions = std::move(*Sessions::create(config));
    }

    // As the pipeline does it: nullopt is a drop.
    struct Sent {
        DropReason reason = DropReason::no_rule;
        Session* session = nullptr;
        Direction direction = Direction::initiator;
        // As it leaves.
        IpAddress source() const { return key().destination; }
        IpAddress destination() const { return key().source; }
        std::uint16_t source_port() const { return key().destination_port; }
        std::uint16_t destination_port() const { return key().source_port; }
        const FlowKey& key() const { return session->key[index_of(opposite(direction))]; }
    };
    Sent send(TestPacket p, std::uint16_t interface, const SessionPlan* plan = nullptr) {
        const FlowKey key = key_of(p, interface);
        SessionHit hit = sessions->find(key);
        if (hit.session != nullptr) {
            const TrackResult r = sessions->track(hit, p.view(), now);
            if (r.track == Track::pass) return {{}, r.session, r.direction};
            if (r.track == Track::drop) return {r.reason, nullptr, {}};
        }
        if (plan == nullptr) return {};
        const StartResult r = sessions->start(*plan, p.view(), now);
        return {r.reason, r.session, r.direction};
    }

    SessionPlan av_plan(const IpAddress& to, std::uint8_t protocol, std::uint16_t port) const {
        SessionPlan plan;
        plan.initiator.source = kClient;
        plan.initiator.destination = to;
        plan.initiator.source_port = kPort;
        plan.initiator.destination_port = port;
        plan.initiator.interface = kInternet;
        plan.initiator.protocol = protocol;
        plan.translated_source = kClient;
        plan.translated_source_port = kPort;
        plan.translated_destination = kNode;
        plan.translated_destination_port = port;
        plan.responder_interface = kEdge;
        plan.nat = to == kVip ? policy::NatKind::dnat : policy::NatKind::none;
        plan.av_path = true;
        plan.idle_seconds = 300;
        return plan;
    }
    Sent request(const IpAddress& to, const Bytes& payload) {
        const SessionPlan plan = av_plan(to, 17, 3478);
        return send(make_udp(kClient, to, kPort, 3478, payload), kInternet, &plan);
    }
    Sent reply(const Bytes& payload) {
        return send(make_udp(kNode, kClient, 3478, kPort, payload), kEdge);
    }
    Sent syn(const IpAddress& to, std::uint32_t isn = 1000) {
        const SessionPlan plan = av_plan(to, 6, 443);
        return send(make_tcp(kClient, to, kPort, 443, {isn, 0, kTcpSyn}), kInternet, &plan);
    }
};

Bytes stun(unsigned type, std::uint32_t id) {
    Bytes b(20, 0);
    put16(b, 0, type);
    put32(b, 4, 0x2112a442);
    put32(b, 12, id);
    return b;
}

TEST(AvPaths, AnswersTakeThePathOfTheirRequest) {
    World world;
    for (const bool vip_first : {true, false}) {
        const std::uint32_t a = vip_first ? 1 : 11;
        const IpAddress first = vip_first ? kVip : kNode;
        const IpAddress second = vip_first ? kNode : kVip;
        EXPECT_EQ(world.request(first, stun(1, a)).destination(), kNode);
        EXPECT_EQ(world.request(second, stun(1, a + 1)).destination(), kNode);
        EXPECT_EQ(world.request(first, stun(1, a + 2)).destination(), kNode);
        // Answers out of order, and one twice.
        EXPECT_EQ(world.reply(stun(0x101, a + 1)).source(), second);
        EXPECT_EQ(world.reply(stun(0x101, a)).source(), first);
        EXPECT_EQ(world.reply(stun(0x111, a + 2)).source(), first);
        EXPECT_EQ(world.reply(stun(0x101, a + 1)).source(), second);
        // What answers nothing follows the last inbound packet.
        EXPECT_EQ(world.reply({0x80, 1, 2, 3}).source(), first);
        world.request(second, {0x80, 9, 9});
        EXPECT_EQ(world.reply({0x80, 1, 2, 3}).source(), second);
        EXPECT_EQ(world.reply(stun(0x101, 999)).source(), second);
        EXPECT_EQ(world.reply(stun(0x101, a)).source(), first);
        EXPECT_EQ(world.reply({}).destination(), kClient);
        EXPECT_EQ(world.reply({}).destination_port(), kPort);
        EXPECT_EQ(world.sessions->size(), 2U);
        for (std::uint32_t i = 0; i < world.sessions->slots(); ++i)
            if (world.sessions->at(i).state != SessionState::free) {
                EXPECT_EQ(world.sessions->at(i).state, SessionState::established);
                world.sessions->end(world.sessions->at(i), world.now);
            }
        EXPECT_EQ(world.sessions->size(), 0U);
        EXPECT_EQ(world.reply({}).session, nullptr);
    }
}

TEST(AvPaths, AnIdSentOnBothPathsBelongsToTheLater) {
    World world;
    world.request(kVip, stun(1, 5));
    world.request(kNode, stun(1, 5));
    world.request(kVip, {1, 2, 3});
    EXPECT_EQ(world.reply(stun(0x101, 5)).source(), kNode);
}

TEST(AvPaths, TheTwinTakesOverTheSharedKey) {
    for (const bool end_first : {true, false}) {
        World world;
        Session* vip = world.request(kVip, stun(1, 1)).session;
        Session* direct = world.request(kNode, stun(1, 2)).session;
        Session* gone = end_first ? vip : direct;
        Session* stays = end_first ? direct : vip;
        world.sessions->end(*gone, world.now);
        EXPECT_EQ(world.sessions->size(), 1U);
        const auto sent = world.reply(stun(0x101, 1));
        EXPECT_EQ(sent.session, stays);
        EXPECT_EQ(sent.source(), end_first ? kNode : kVip);
        // The path that was lost comes again.
        EXPECT_EQ(world.request(end_first ? kVip : kNode, stun(1, 3)).destination(), kNode);
        EXPECT_EQ(world.reply(stun(0x101, 3)).source(), end_first ? kVip : kNode);
        EXPECT_EQ(world.reply(stun(0x101, end_first ? 2 : 1)).source(), end_first ? kNode : kVip);
    }
}

TEST(AvPaths, OnePathMayGrowOldAlone) {
    for (const bool swept : {true, false}) {
        World world;
        world.request(kVip, stun(1, 1));
        world.reply(stun(0x101, 1));
        Session* direct = world.request(kNode, stun(1, 2)).session;
        for (unsigned i = 0; i < 20; ++i) {
            world.now += 20'000;
            EXPECT_EQ(world.request(kNode, stun(1, 10 + i)).session, direct);
            if (swept)
                world.sessions->sweep(world.sessions->slots(), 0, world.now, [](Session&) {});
            EXPECT_EQ(world.reply(stun(0x101, 10 + i)).session, direct) << i;
        }
        EXPECT_EQ(world.sessions->size(), 1U);
    }
}

TEST(AvPaths, ASessionThatTheNodeStartedIsTheDirectPath) {
    World world;
    SessionPlan plan;
    TestPacket first = make_udp(kNode, kClient, 3478, kPort, {1});
    plan.initiator = key_of(first, kEdge);
    plan.translated_source = kNode;
    plan.translated_destination = kClient;
    plan.translated_source_port = 3478;
    plan.translated_destination_port = kPort;
    plan.responder_interface = kInternet;
    plan.idle_seconds = 300;
    Session* started = world.send(first, kEdge, &plan).session;
    ASSERT_NE(started, nullptr);
    EXPECT_EQ(world.request(kNode, stun(1, 1)).session, started);
    const auto via_vip = world.request(kVip, stun(1, 2));
    EXPECT_NE(via_vip.session, started);
    EXPECT_EQ(world.reply(stun(0x101, 2)).source(), kVip);
    EXPECT_EQ(world.request(kNode, stun(1, 3)).session, started);
    auto direct = world.reply(stun(0x101, 3));
    EXPECT_EQ(direct.session, started);
    EXPECT_EQ(direct.direction, Direction::initiator);
    EXPECT_EQ(direct.source(), kNode);
    EXPECT_EQ(world.reply(stun(0x101, 2)).source(), kVip);
    world.sessions->end(*started, world.now);
    EXPECT_EQ(world.reply({}).source(), kVip);
}

TEST(AvPaths, IcmpErrorsFromTheNodeFollowTheLastPath) {
    World world;
    world.request(kVip, stun(1, 1));
    world.request(kNode, stun(1, 2));
    TestPacket from_node = make_udp(kNode, kClient, 3478, kPort);
    const SessionHit hit = world.sessions->find(key_of(from_node, kEdge));
    EXPECT_EQ(world.sessions->path_of(hit).session->key[0].destination, kNode);
    world.request(kVip, stun(1, 3));
    EXPECT_EQ(world.sessions->path_of(hit).session->key[0].destination, kVip);
}

// Random requests on both paths with answers in random order, ends and restarts of either path: the
// answer always carries the address that the request was sent to, as long as that session lives.
TEST(AvPaths, RandomInterleavings) {
    std::mt19937 engine(11);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    World world;
    std::deque<std::pair<std::uint32_t, bool>> asked;  // transaction, through the VIP
    std::uint32_t next = 1;
    unsigned answered = 0;
    for (unsigned round = 0; round < 300'000; ++round) {
        world.now += random() % 50;
        const unsigned action = random() % 40;
        if (action == 0) {
            const bool vip = random() % 2 == 0;
            TestPacket p = make_udp(kClient, vip ? kVip : kNode, kPort, 3478);
            const SessionHit hit = world.sessions->find(key_of(p, kInternet));
            if (hit.session != nullptr) world.sessions->end(*hit.session, world.now);
            std::erase_if(asked, [vip](const auto& a) { return a.second == vip; });
        } else if (action < 20 && asked.size() < 8) {
            const bool vip = random() % 2 == 0;
            ASSERT_NE(world.request(vip ? kVip : kNode, stun(1, next)).session, nullptr);
            asked.emplace_back(next++, vip);
        } else if (!asked.empty()) {
            const auto it = asked.begin() + random() % asked.size();
            const auto sent = world.reply(stun(0x101, it->first));
            ASSERT_NE(sent.session, nullptr);
            ASSERT_EQ(sent.source(), it->second ? kVip : kNode) << round;
            asked.erase(it);
            ++answered;
        }
    }
    EXPECT_GT(answered, 50'000U);
}

TEST(TcpPaths, ASecondPathIsRefusedWhileTheFirstLives) {
    World world;
    Session* vip = world.syn(kVip).session;
    ASSERT_NE(vip, nullptr);
    EXPECT_EQ(world.syn(kNode).reason, DropReason::path_conflict);
    const auto server = [&](const TcpFields& tcp) {
        return world.send(make_tcp(kNode, kClient, 443, kPort, tcp), kEdge);
    };
    EXPECT_EQ(server({5000, 1001, kTcpSyn | kTcpAck}).source(), kVip);
    EXPECT_EQ(
        world.send(make_tcp(kClient, kVip, kPort, 443, {1001, 5001, kTcpAck}), kInternet).session,
        vip);
    EXPECT_EQ(world.syn(kNode).session, nullptr);
    EXPECT_EQ(world.sessions->embryonic(), 0U);
    EXPECT_NE(server({5001, 1001, kTcpRst}).session, nullptr);
    EXPECT_EQ(vip->state, SessionState::closing);
    const auto second = world.syn(kNode);
    ASSERT_NE(second.session, nullptr);
    EXPECT_EQ(world.sessions->size(), 1U);
    EXPECT_EQ(server({9000, 1001, kTcpSyn | kTcpAck}).source(), kNode);
}

TEST(TcpPaths, ASynOnAClosingSessionStartsANewOne) {
    World world;
    Session* first = world.syn(kVip).session;
    world.send(make_tcp(kNode, kClient, 443, kPort, {0, 1001, kTcpRst | kTcpAck}), kEdge);
    ASSERT_EQ(first->state, SessionState::closing);
    const auto again = world.syn(kVip, 77'000);
    ASSERT_NE(again.session, nullptr);
    EXPECT_EQ(again.session->state, SessionState::syn_sent);
    EXPECT_EQ(world.sessions->size(), 1U);
    EXPECT_EQ(world.sessions->embryonic(), 1U);
}

TEST(Start, RefusesWhatIsNoSyn) {
    World world;
    const auto first = [&](std::uint8_t flags, bool pick_up = false) {
        SessionPlan plan = world.av_plan(kVip, 6, 443);
        plan.pick_up = pick_up;
        return world.send(make_tcp(kClient, kVip, kPort, 443, {1000, 9, flags}), kInternet, &plan);
    };
    EXPECT_EQ(first(kTcpAck).reason, DropReason::not_a_syn);
    EXPECT_EQ(first(kTcpSyn | kTcpAck).reason, DropReason::not_a_syn);
    EXPECT_EQ(first(kTcpRst).reason, DropReason::not_a_syn);
    EXPECT_EQ(first(kTcpSyn | kTcpFin).reason, DropReason::bad_tcp_flags);
    EXPECT_EQ(first(kTcpSyn | kTcpRst).reason, DropReason::bad_tcp_flags);
    EXPECT_EQ(first(0).reason, DropReason::bad_tcp_flags);
    EXPECT_EQ(first(kTcpFin).reason, DropReason::bad_tcp_flags);
    EXPECT_EQ(first(kTcpRst | kTcpAck, true).reason, DropReason::not_a_syn);
    EXPECT_EQ(world.sessions->size(), 0U);
    const auto picked = first(kTcpAck | kTcpPsh, true);
    ASSERT_NE(picked.session, nullptr);
    EXPECT_EQ(picked.session->state, SessionState::picked_up);
    EXPECT_EQ(world.sessions->embryonic(), 0U);
}

TEST(Start, TwoFirstPacketsInOneBurst) {
    // Both missed in lookup; the second start() tracks.
    World world;
    const SessionPlan plan = world.av_plan(kVip, 17, 3478);
    TestPacket p = make_udp(kClient, kVip, kPort, 3478, stun(1, 1));
    const StartResult a = world.sessions->start(plan, p.view(), 1);
    const StartResult b = world.sessions->start(plan, p.view(), 1);
    EXPECT_EQ(a.session, b.session);
    EXPECT_EQ(a.session->packets[0], 2U);
    EXPECT_EQ(a.session->bytes(0), 2 * p.bytes.size());
    EXPECT_EQ(world.sessions->size(), 1U);
}

TEST(Start, AnEmbryonicLimitOfZeroRefuses) {
    SessionLimits limits;
    limits.embryonic_per_source = 0;
    World world(limits);
    EXPECT_EQ(world.syn(kVip).reason, DropReason::embryonic_limit);
}

TEST(Start, AFullTableMakesWhatNobodyHasAnsweredGiveWay) {
    World world({}, 4);
    ASSERT_NE(world.syn(kVip).session, nullptr);
    const auto udp = [&](std::uint16_t port) {
        SessionPlan plan = world.av_plan(kVip, 17, 3478);
        plan.initiator.source_port = plan.translated_source_port = port;
        return world.send(make_udp(kClient, kVip, port, 3478), kInternet, &plan);
    };
    for (std::uint16_t port = 1; port <= 4; ++port) EXPECT_NE(udp(port).session, nullptr);
    EXPECT_EQ(world.sessions->size(), 4U);
    EXPECT_EQ(world.sessions->embryonic(), 1U) << "datagrams were the flood, not the one SYN";
    world.send(make_tcp(kNode, kClient, 443, kPort, {7, 1001, kTcpSyn | kTcpAck}), kEdge);
    world.send(make_tcp(kClient, kVip, kPort, 443, {1001, 8, kTcpAck}), kInternet);
    for (std::uint16_t port = 2; port <= 4; ++port)
        EXPECT_NE(world.send(make_udp(kNode, kClient, 3478, port), kEdge).session, nullptr) << port;
    EXPECT_EQ(udp(5).reason, DropReason::session_table_full) << "what is answered stays";
}

// A flood of forged datagrams fills the table; who is answered within its time gets through.
TEST(Start, ADatagramFloodLeavesHandshakesAlone) {
    constexpr std::uint32_t kCapacity = 1000;
    World world({}, kCapacity);
    const auto flood = [&](std::uint32_t number) {
        SessionPlan plan = world.av_plan(kVip, 17, 3478);
        plan.initiator.source = plan.translated_source = IpAddress::from_v4(0x0b000000 + number);
        return world.send(make_udp(plan.initiator.source, kVip, kPort, 3478), kInternet, &plan);
    };
    std::uint32_t number = 0;
    while (number < 3 * kCapacity) ASSERT_NE(flood(number++).session, nullptr);
    Session* tcp = world.syn(kVip).session;
    ASSERT_NE(tcp, nullptr);
    while (number < 6 * kCapacity) ASSERT_NE(flood(number++).session, nullptr);
    EXPECT_EQ(tcp->state, SessionState::syn_sent);
    world.send(make_tcp(kNode, kClient, 443, kPort, {7, 1001, kTcpSyn | kTcpAck}), kEdge);
    world.send(make_tcp(kClient, kVip, kPort, 443, {1001, 8, kTcpAck}), kInternet);
    EXPECT_EQ(tcp->state, SessionState::established);
    Session* udp = world.request(kVip, stun(1, 1)).session;
    ASSERT_NE(udp, nullptr);
    while (number < 6 * kCapacity + kCapacity / 2) ASSERT_NE(flood(number++).session, nullptr);
    EXPECT_EQ(world.reply(stun(0x101, 1)).session, udp);
    while (number < 9 * kCapacity) ASSERT_NE(flood(number++).session, nullptr);
    EXPECT_EQ(tcp->state, SessionState::established);
    EXPECT_EQ(udp->state, SessionState::established);
    EXPECT_EQ(world.sessions->size(), kCapacity);
}

TEST(Idle, EachStateHasItsTime) {
    struct Case {
        const char* name;
        unsigned seconds;
    };
    const auto lives = [](World& world, Session* s, unsigned seconds) {
        const Millis from = s->last_seen;
        world.now = from + seconds * 1000 - 1;
        world.sessions->sweep(world.sessions->slots(), 0, world.now, [](Session&) {});
        EXPECT_EQ(world.sessions->size(), 1U);
        world.now = from + seconds * 1000;
        world.sessions->sweep(world.sessions->slots(), 0, world.now, [](Session&) {});
        EXPECT_EQ(world.sessions->size(), 0U);
        EXPECT_EQ(world.sessions->embryonic(), 0U);
    };
    {
        World world;
        lives(world, world.syn(kVip).session, 30);
    }
    {
        World world;
        Session* s = world.syn(kVip).session;
        world.send(make_tcp(kNode, kClient, 443, kPort, {0, 1001, kTcpRst | kTcpAck}), kEdge);
        lives(world, s, 15);
    }
    {
        World world;
        Session* s = world.syn(kVip).session;
        world.send(make_tcp(kNode, kClient, 443, kPort, {7, 1001, kTcpSyn | kTcpAck}), kEdge);
        world.send(make_tcp(kClient, kVip, kPort, 443, {1001, 8, kTcpAck}), kInternet);
        ASSERT_EQ(s->state, SessionState::established);
        lives(world, s, 300);
    }
    {
        World world;
        lives(world, world.request(kVip, stun(1, 1)).session, 30);  // never answered
    }
    {
        World world;
        Session* s = world.request(kVip, stun(1, 1)).session;
        world.reply(stun(0x101, 1));
        lives(world, s, 300);
    }
    {
        World world;  // DNS: less than one-way traffic may take
        SessionPlan plan = world.av_plan(kVip, 17, 53);
        plan.idle_seconds = 15;
        lives(world, world.send(make_udp(kClient, kVip, kPort, 53), kInternet, &plan).session, 15);
    }
}

TEST(Idle, SegmentsThatProveNothingDoNotKeepASessionAlive) {
    World world;
    Session* s = world.syn(kVip).session;
    world.send(make_tcp(kNode, kClient, 443, kPort, {7, 1001, kTcpSyn | kTcpAck}), kEdge);
    world.send(make_tcp(kClient, kVip, kPort, 443, {1001, 8, kTcpAck}), kInternet);
    const Millis seen = s->last_seen;
    world.now += 1000;
    EXPECT_EQ(world.syn(kVip, 900'000).session, s);
    EXPECT_EQ(
        world.send(make_tcp(kClient, kVip, kPort, 443, {999'999, 8, kTcpAck}), kInternet).reason,
        DropReason::tcp_out_of_window);
    EXPECT_EQ(s->last_seen, seen);
}

TEST(Idle, APacketAfterTheIdleTimeIsAFirstPacketAgain) {
    World world;
    Session* s = world.request(kVip, stun(1, 1)).session;
    world.now += 30'000;
    EXPECT_EQ(world.reply(stun(0x101, 1)).session, nullptr);
    EXPECT_EQ(world.sessions->size(), 0U);
    EXPECT_NE(world.request(kVip, stun(1, 2)).session, s);
    EXPECT_EQ(world.sessions->size(), 1U);
}

TEST(Echo, IsAnsweredByItsIdentifier) {
    World world;
    TestPacket request = make_echo(kClient, kNode, true, 4711);
    SessionPlan plan;
    plan.initiator = key_of(request, kInternet);
    plan.translated_source = kClient;
    plan.translated_destination = kNode;
    plan.translated_source_port = 4711;
    plan.responder_interface = kEdge;
    plan.idle_seconds = 30;
    Session* s = world.send(request, kInternet, &plan).session;
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(world.send(make_echo(kNode, kClient, false, 4712), kEdge).session, nullptr);
    EXPECT_EQ(world.send(make_echo(kNode, kClient, true, 4711), kEdge).session, nullptr);
    const auto reply = world.send(make_echo(kNode, kClient, false, 4711), kEdge);
    EXPECT_EQ(reply.session, s);
    EXPECT_EQ(reply.direction, Direction::responder);
    EXPECT_EQ(s->state, SessionState::established);
}

TEST(Ports, FullNatDrawsFromThePoolOfItsNodeAndGivesBack) {
    World world({}, 70'000, 1);
    PortPoolSpec spec;
    spec.key = {kVip, kNode, 443, 6};
    spec.excluded = {5061};
    Sessions::Config config;
    config.port_pools = 1;
    const auto plan_of = [&](std::uint32_t client) {
        SessionPlan plan = world.av_plan(kVip, 6, 443);
        plan.initiator.source = IpAddress::from_v4(client);
        plan.translated_source = kVip;
        plan.translated_source_port = 0;
        plan.nat = policy::NatKind::full;
        plan.av_path = false;
        return plan;
    };
    const auto start = [&](std::uint32_t client) {
        const SessionPlan plan = plan_of(client);
        TestPacket p = make_tcp(plan.initiator.source, kVip, kPort, 443, {1, 0, kTcpSyn});
        return world.sessions->start(plan, p.view(), world.now);
    };
    EXPECT_EQ(start(1 << 24).reason, DropReason::no_free_port);  // no pool yet
    auto prepared = Sessions::prepare_ports(config, {&spec, 1});
    ASSERT_TRUE(prepared);
    world.sessions->take_ports(**prepared);
    Session* s = start(1 << 24).session;
    ASSERT_NE(s, nullptr);
    const std::uint16_t port = s->key[1].destination_port;
    EXPECT_GE(port, 1024);
    EXPECT_EQ(s->key[1].destination, kVip);
    // A reload in between changes nothing for the live session.
    auto again = Sessions::prepare_ports(config, {&spec, 1});
    world.sessions->take_ports(**again);
    again->reset();
    TestPacket reply = make_tcp(kNode, kVip, 443, port, {7, 2, kTcpSyn | kTcpAck});
    EXPECT_EQ(world.send(reply, kEdge).session, s);
    world.sessions->end(*s, world.now);
    for (std::uint32_t i = 0; i < 35'000; ++i) {
        Session* next = start((1 << 24) + 1 + i).session;
        ASSERT_NE(next, nullptr) << i;
        ASSERT_NE(next->key[1].destination_port, port);  // others are free
        ASSERT_NE(next->key[1].destination_port, 5061);
    }
    const std::vector<PortPoolSpec> too_many(2, spec);
    EXPECT_FALSE(Sessions::prepare_ports(config, too_many));
}

TEST(Ports, HalfOpenSessionsGiveTheirPortsWay) {
    Sessions::Config config;
    config.capacity = 10'000;
    config.workers = 64;  // a small slice: 1008 ports
    config.port_pools = 1;
    auto sessions = std::move(*Sessions::create(config));
    PortPoolSpec spec;
    spec.key = {kVip, IpAddress{}, 0, 6};
    auto prepared = std::move(*Sessions::prepare_ports(config, {&spec, 1}));
    sessions->take_ports(*prepared);
    EXPECT_GT(sessions->port_memory_bytes(), 2016U);
    unsigned refused = 0;
    for (std::uint16_t i = 0; i < 3000; ++i) {
        SessionPlan plan;
        plan.initiator.source = ip("10.0.0.1");
        plan.initiator.destination = IpAddress::from_v4(0x08080000U + i);
        plan.initiator.source_port = 999;
        plan.initiator.destination_port = 5061;
        plan.initiator.protocol = 6;
        plan.translated_source = kVip;
        plan.translated_destination = plan.initiator.destination;
        plan.translated_destination_port = 5061;
        plan.nat = policy::NatKind::snat;
        plan.idle_seconds = 1800;
        // Each from a source of its own, so that only ports limit.
        plan.initiator.source = IpAddress::from_v4(0x0a000000U + i);
        TestPacket p =
            make_tcp(plan.initiator.source, plan.initiator.destination, 999, 5061, {1, 0, kTcpSyn});
        refused += sessions->start(plan, p.view(), i + 1U).session == nullptr;
    }
    EXPECT_EQ(refused, 0U);
    EXPECT_EQ(sessions->size(), 1008U);
}

// Who is told of sessions that end before they are judged.
struct Ends : UndecidedEnds {
    std::vector<const Session*> told;
    void ended_undecided(Session& session) override { told.push_back(&session); }
};

TEST(Undecided, PacketsTakeTheLongWayUntilTheSessionIsJudged) {
    World world;
    SessionPlan plan = world.av_plan(kNode, 6, 443);
    plan.undecided = true;
    Session* session =
        world.send(make_tcp(kClient, kNode, kPort, 443, {1000, 0, kTcpSyn}), kInternet, &plan)
            .session;
    ASSERT_NE(session, nullptr);
    EXPECT_TRUE(session->undecided());
    EXPECT_EQ(session->aside, kAsideUndecided | kAsideUnheard);
    EXPECT_EQ(session->inspection, 1001U) << "where its first byte will be";
    // A client that tries again with another number.
    world.send(make_tcp(kClient, kNode, kPort, 443, {7000, 0, kTcpSyn}), kInternet);
    EXPECT_EQ(session->inspection, 7001U);
    world.send(make_tcp(kNode, kClient, 443, kPort, {9000, 7001, kTcpSyn | kTcpAck}), kEdge);
    world.send(make_tcp(kClient, kNode, kPort, 443, {7001, 9001, kTcpAck}), kInternet);
    ASSERT_EQ(session->state, SessionState::established);
    EXPECT_EQ(session->inspection, 7001U);

    TestPacket data = make_tcp(kClient, kNode, kPort, 443, {7001, 9001, kTcpAck, 65535, 10});
    const SessionHit hit{session, Direction::initiator};
    EXPECT_FALSE(world.sessions->track_established(hit, data.view(), world.now));
    session->clear_aside(kAsideUndecided | kAsideUnheard);
    EXPECT_TRUE(world.sessions->track_established(hit, data.view(), world.now));
}

TEST(Undecided, WhateverEndsASessionItIsTold) {
    World world;
    Ends ends;
    world.sessions->tell(&ends);
    const auto start = [&](std::uint8_t protocol, bool undecided) {
        SessionPlan plan = world.av_plan(kVip, protocol, protocol == 6 ? 443 : 3478);
        plan.undecided = undecided;
        TestPacket first = protocol == 6 ? make_tcp(kClient, kVip, kPort, 443, {1000, 0, kTcpSyn})
                                         : make_udp(kClient, kVip, kPort, 3478, {1});
        return world.send(first, kInternet, &plan).session;
    };
    const Session* udp = start(17, true);
    EXPECT_EQ(udp->aside, kAsideUndecided);
    EXPECT_EQ(udp->inspection, 0xffffffffU) << "no record yet";
    const Session* tcp = start(6, true);
    world.now += 400'000;
    const Session* judged = start(17, false);  // finds the idle one in its place
    EXPECT_EQ(ends.told, std::vector<const Session*>{udp});
    EXPECT_EQ(judged->aside, 0);
    world.sessions->sweep(2 * world.sessions->slots(), 0, world.now, [](Session&) {});
    EXPECT_EQ(ends.told, (std::vector<const Session*>{udp, tcp}));
    world.now += 400'000;
    world.sessions->sweep(2 * world.sessions->slots(), 0, world.now, [](Session&) {});
    EXPECT_EQ(ends.told.size(), 2U);
    EXPECT_EQ(world.sessions->size(), 0U);
}

TEST(Undecided, ARefusedSessionStaysForItsTime) {
    World world;
    SessionPlan plan = world.av_plan(kVip, 17, 3478);
    const Bytes payload = {1};
    const auto send = [&](const SessionPlan* with) {
        return world.send(make_udp(kClient, kVip, kPort, 3478, payload), kInternet, with);
    };
    Session* session = send(&plan).session;
    ASSERT_NE(session, nullptr);
    session->refuse(world.now);
    for (unsigned i = 0; i < 10; ++i) {
        EXPECT_EQ(send(nullptr).session, session);
        TestPacket packet = make_udp(kClient, kVip, kPort, 3478, payload);
        EXPECT_FALSE(world.sessions->track_established({session, Direction::initiator},
                                                       packet.view(), world.now));
        world.now += kRefusedMillis / 10 - 1;
        world.sessions->sweep(2 * world.sessions->slots(), 0, world.now, [](Session&) {});
        ASSERT_TRUE(session->refused());
    }
    world.now += 10;
    const Session* next = send(&plan).session;
    ASSERT_NE(next, nullptr);
    EXPECT_FALSE(next->refused()) << "another one";
    world.sessions->at(world.sessions->index_of(*next)).refuse(world.now);
    world.now += kRefusedMillis;
    world.sessions->sweep(2 * world.sessions->slots(), 0, world.now, [](Session&) {});
    EXPECT_EQ(world.sessions->size(), 0U);
}

TEST(Undecided, WhatIsPickedUpIsNotLookedAt) {
    World world;
    SessionPlan plan = world.av_plan(kNode, 6, 443);
    plan.undecided = plan.pick_up = true;
    const Session* session =
        world.send(make_tcp(kClient, kNode, kPort, 443, {5000, 9000, kTcpAck}), kInternet, &plan)
            .session;
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(session->aside, 0);
}

}  // namespace
}  // namespace portcullis::dataplane
