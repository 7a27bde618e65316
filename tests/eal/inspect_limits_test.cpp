// Inspection where something is short: records, room for resets, order of any kind.
#include <random>

#include "dataplane/burst.h"
#include "tests/eal/inspect_fixture.h"

namespace portcullis::dataplane::test {
namespace {

class InspectShort : public Inspect {
  protected:
    static RigOptions few() {
        RigOptions options = settled();
        options.inspection.records = 2;
        return options;
    }
    InspectShort() : Inspect(few()) {}
};

TEST_F(InspectShort, WithoutARecordEnforcingRefusesAndWatchingLetsPass) {
    hold_access_to(ConformanceMode::enforce);
    std::vector<Conversation> talks;
    for (unsigned i = 0; i < 3; ++i) talks.emplace_back(rig);
    EXPECT_EQ(records(), 0U) << "handshakes take no records";
    talks[0].client_says({0x16});
    talks[1].client_says({0x16});
    talks[2].send_from_client(0, {0x16});
    EXPECT_EQ(rig.drops(), "not-conformant 1");
    EXPECT_EQ(samples().at(0).violation, Violation::no_room);
    rig.sent(kDmz);
    rig.sent(kWan);

    hold_access_to(ConformanceMode::watch);
    Conversation watched(rig);
    EXPECT_EQ(watched.client_says({0x16}).payload(), Bytes{0x16});
    EXPECT_EQ(watched.session().aside, 0);
    EXPECT_EQ(access().watched, 1U);
    rig.expect_identity();
}

TEST_F(InspectShort, AFloodOfSynsTakesNoRecord) {
    hold_access_to(ConformanceMode::enforce);
    for (std::uint16_t i = 0; i < 200; ++i) {
        TcpFields syn;
        syn.flags = kSyn;
        syn.sequence = i;
        const IpAddress from = IpAddress::from_v4(0xc6336400U + i);
        rig.from_wan(i % 2 == 0 ? make_tcp(from, kAccessVip, 1000, 443, syn)
                                : with_payload(from, kAccessVip, 1000, 443, syn, {0x16, 3}));
    }
    rig.pump();
    rig.sent(kDmz);
    EXPECT_EQ(records(), 0U);
    Conversation talk(rig);
    EXPECT_EQ(talk.client_says(client_hello()).payload(), client_hello());
}

TEST_F(Inspect, SignaturesThatDoNotLoadAreNotPublished) {
    policy::Policy policy = held_to(ConformanceMode::enforce);
    policy.databases[0].serialised[0] ^= 0xff;
    auto runtime = RuntimePolicy::build(policy, {}, 99, {"wan", "dmz"}, nullptr, 1);
    ASSERT_TRUE(runtime);
    const auto active = ActivePolicy::make(std::move(*runtime), {}, 1);
    ASSERT_FALSE(active);
    EXPECT_NE(active.error().find("signatures of"), std::string::npos) << active.error();
}

// A whole burst of sessions that speak the wrong protocol: each gets both resets.
TEST_F(Inspect, ABurstOfRefusalsIsAnswered) {
    hold_access_to(ConformanceMode::enforce);
    std::vector<Conversation> talks;
    for (unsigned i = 0; i < kBurstSize; ++i) talks.emplace_back(rig);
    for (Conversation& talk : talks) talk.queue_from_client(0, ssh_banner());
    rig.pump();
    EXPECT_EQ(rig.sent(kDmz).size(), kBurstSize);
    EXPECT_EQ(rig.sent(kWan).size(), kBurstSize);
    EXPECT_EQ(rig.drops(), "not-conformant 64");
    rig.expect_identity();
}

// Anything at all, cut anywhere, in any order, under changing policies: every packet is counted once
// and no record or gauge is left behind.
TEST_F(Inspect, TheIdentityHoldsForAnything) {
    std::mt19937 random(7);  // NOLINT: the same every time
    const Bytes hello = client_hello("sip.example.com", 300);
    for (unsigned round = 0; round < 60; ++round) {
        const auto mode = static_cast<ConformanceMode>(random() % 3);
        hold_access_to(mode);
        std::vector<Conversation> talks;
        for (unsigned i = 0; i < 4; ++i) talks.emplace_back(rig);
        if (random() % 4 == 0) hold_access_to(static_cast<ConformanceMode>(random() % 3));
        for (unsigned i = 0; i < 60; ++i) {
            Conversation& talk = talks[random() % talks.size()];
            const Bytes& words = random() % 3 == 0 ? ssh_banner() : hello;
            const auto at = static_cast<std::uint32_t>(random() % words.size());
            const auto end = std::min<std::size_t>(words.size(), at + random() % 90);
            if (random() % 4 == 0)
                talk.queue_from_node(slice(words, at, end));
            else
                talk.queue_from_client(random() % 3 == 0 ? at : 0, slice(words, at, end));
            rig.from_wan(make_udp(kClient, kAvVip, static_cast<std::uint16_t>(random() % 50), 3478,
                                  random() % 2 == 0 ? stun_request() : words));
            if (random() % 8 == 0) rig.pump();
        }
        rig.pump();
        rig.sent(kWan);
        rig.sent(kDmz);
        samples();
        rig.expect_identity();
        ASSERT_FALSE(HasFailure());
    }
    auto& table = rig.worker(0).sessions();
    std::uint64_t undecided = 0;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot)
        if (table.at(slot).state != SessionState::free &&
            table.at(slot).generation == rig.runtime().generation())
            undecided += table.at(slot).undecided();
    const auto av = rig.active().conformance.total(kAv);
    EXPECT_EQ(access().undecided + av.undecided, undecided);
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) table.end(table.at(slot), 0);
    EXPECT_EQ(access().undecided + rig.active().conformance.total(kAv).undecided, 0U);
    EXPECT_EQ(records(), 0U);
}

}  // namespace
}  // namespace portcullis::dataplane::test
