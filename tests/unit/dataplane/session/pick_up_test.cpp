// What is picked up mid-stream after a start, and what is not because it has begun through us.
#include <gtest/gtest.h>

#include "dataplane/session/sessions.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

constexpr std::uint16_t kInternet = 3, kEdge = 4;
const IpAddress kClient = ip("198.51.100.7");
const IpAddress kVip = ip("203.0.113.12");
const IpAddress kNode = ip("203.0.113.22");
constexpr std::uint16_t kPort = 50123;
constexpr std::uint8_t kSynAck = kTcpSyn | kTcpAck;

class PickUp : public ::testing::Test {
  protected:
    PickUp() {
        Sessions::Config config;
        config.capacity = 1000;
        sessions = std::move(*Sessions::create(config));
    }
    // From the client to the VIP, or to the node itself.
    SessionPlan plan(const IpAddress& to = kVip, std::uint16_t port = kPort) const {
        SessionPlan plan;
        plan.initiator.source = plan.translated_source = kClient;
        plan.initiator.source_port = plan.translated_source_port = port;
        plan.initiator.destination = to;
        plan.initiator.destination_port = plan.translated_destination_port = 443;
        plan.initiator.interface = kInternet;
        plan.initiator.protocol = 6;
        plan.translated_destination = kNode;
        plan.responder_interface = kEdge;
        plan.nat = to == kVip ? policy::NatKind::dnat : policy::NatKind::none;
        plan.idle_seconds = 300;
        return plan;
    }
    SessionPlan mid_stream(SessionPlan plan, bool enforced) const {
        plan.pick_up = true;
        plan.enforced = plan.undecided = enforced;
        return plan;
    }
    Session* syn(const IpAddress& to = kVip) {
        TestPacket p = make_tcp(kClient, to, kPort, 443, {1000, 0, kTcpSyn});
        return sessions->start(plan(to), p.view(), now).session;
    }
    void syn_ack(Session& session) {
        TestPacket p = make_tcp(kNode, kClient, 443, kPort, {5000, 1001, kSynAck});
        ASSERT_EQ(sessions->track({&session, Direction::responder}, p.view(), now).track,
                  Track::pass);
    }
    // Begun, and ended here alone.
    void forget_one(const IpAddress& to = kVip) {
        Session* session = syn(to);
        ASSERT_NE(session, nullptr);
        syn_ack(*session);
        sessions->end(*session, now);
    }
    StartResult data(const SessionPlan& plan) {
        TestPacket p =
            make_tcp(plan.initiator.source, plan.initiator.destination, plan.initiator.source_port,
                     plan.initiator.destination_port, {1001, 5001, kTcpAck, 65535, 10});
        return sessions->start(plan, p.view(), now);
    }
    std::unique_ptr<Sessions> sessions;
    Millis now = 1;
};

TEST_F(PickUp, WhatHasBegunHereIsNotPickedUpWhereItMustConform) {
    forget_one();
    const StartResult refused = data(mid_stream(plan(), true));
    EXPECT_EQ(refused.session, nullptr);
    EXPECT_EQ(refused.reason, DropReason::not_a_syn);
    EXPECT_EQ(sessions->size(), 0U);
    const StartResult watched = data(mid_stream(plan(), false));
    ASSERT_NE(watched.session, nullptr);
    EXPECT_EQ(watched.session->state, SessionState::picked_up);
}

TEST_F(PickUp, WhatHasNotBegunHereIs) {
    forget_one();
    EXPECT_NE(data(mid_stream(plan(kVip, kPort + 1), true)).session, nullptr);
}

// A SYN is anybody's word.
TEST_F(PickUp, AConnectionBeginsWithItsSynAck) {
    Session* session = syn();
    TestPacket challenge = make_tcp(kNode, kClient, 443, kPort, {9000, 77, kTcpAck});
    ASSERT_EQ(sessions->track({session, Direction::responder}, challenge.view(), now).track,
              Track::pass);
    sessions->end(*session, now);
    EXPECT_NE(data(mid_stream(plan(), true)).session, nullptr);
}

// The node has one connection with the client, whichever way it was reached.
TEST_F(PickUp, TheOtherPathIsTheSameConnection) {
    forget_one(kVip);
    EXPECT_EQ(data(mid_stream(plan(kNode), true)).reason, DropReason::not_a_syn);
    EXPECT_EQ(sessions->size(), 0U);
}

TEST_F(PickUp, NorDoesTheNodesOwnSegmentBringItBack) {
    forget_one();
    SessionPlan outwards;
    outwards.initiator = plan().initiator;
    std::swap(outwards.initiator.source, outwards.initiator.destination);
    std::swap(outwards.initiator.source_port, outwards.initiator.destination_port);
    outwards.initiator.source = outwards.translated_source = kNode;
    outwards.initiator.interface = kEdge;
    outwards.translated_source_port = 443;
    outwards.translated_destination = kClient;
    outwards.translated_destination_port = kPort;
    outwards.responder_interface = kInternet;
    outwards.from_inside = true;
    EXPECT_EQ(data(mid_stream(outwards, false)).reason, DropReason::not_a_syn);
    outwards.initiator.destination_port = outwards.translated_destination_port = kPort + 1;
    EXPECT_NE(data(mid_stream(outwards, false)).session, nullptr);
}

TEST_F(PickUp, NothingIsRememberedAfterTheWindow) {
    now = kPickUpWindow + 1;
    forget_one();
    now = kPickUpWindow;
    EXPECT_NE(data(mid_stream(plan(), true)).session, nullptr);
}

}  // namespace
}  // namespace portcullis::dataplane
