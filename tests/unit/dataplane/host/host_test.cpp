// Ping, announcements and node probes through the facade that main uses.
#include "dataplane/host/host.h"

#include "dataplane/host/arp.h"
#include "dataplane/host/nd.h"
#include "tests/unit/dataplane/host/fake_sink.h"

namespace portcullis::dataplane {
namespace {

struct HostTest : testing::Test {
    NeighbourTable table{64};
    FakeSink sink;
    Host host{table, sink, {kWanMac, kDmzMac}, 42};
    Millis now = 1;

    void start(Millis settle = 4000) {
        host.on_policy(small_policy(), {0, 1}, now);
        for (const Millis end = now + settle; now < end; now += 100) host.tick(now);
        sink.take_sent();
    }
    Frame echo_request(std::string_view from, std::string_view to, std::size_t data = 32) {
        const bool v4 = ip(from).is_v4();
        Frame frame(kWan, kPeerMac, kWanMac, v4 ? kEtherTypeIpv4 : kEtherTypeIpv6);
        frame.append_ip(ip(from), ip(to), v4 ? 1 : 58, 8 + data, 60);
        std::uint8_t* icmp = frame.append(8 + data);
        icmp[0] = v4 ? 8 : 128;
        icmp[5] = 7;
        for (std::size_t i = 0; i < data; ++i) icmp[8 + i] = static_cast<std::uint8_t>(i);
        write16(icmp + 2,
                internet_checksum({icmp, 8 + data},
                                  v4 ? 0 : pseudo_header_sum(ip(from), ip(to), 58, 8 + data)));
        return frame;
    }
    std::optional<DropReason> receive(NoteKind kind, std::span<const std::uint8_t> frame,
                                      Attachment at = kWan) {
        return host.on_packet({.kind = kind,
                               .l3_offset = static_cast<std::uint8_t>(at.vlan ? 18 : 14),
                               .at = at,
                               .next_hop = {}},
                              frame, now);
    }
    // Lets every neighbour that is asked for answer, as long as anybody asks.
    void neighbours_answer() {
        for (bool again = true; std::exchange(again, false);) {
            for (const auto& frame : sink.take_sent()) {
                const std::size_t l3 = frame.at.vlan ? 18 : 14;
                const auto arp = read_arp(std::span(frame.bytes).subspan(l3));
                if (read16(&frame.bytes[l3 - 2]) != kEtherTypeArp || !arp->request ||
                    arp->sender == arp->target) {
                    kept.push_back(frame);
                    continue;
                }
                Frame reply(frame.at, kPeerMac, arp->sender_mac, kEtherTypeArp);
                std::uint8_t* body = reply.append(28);
                std::memcpy(body, frame.bytes.data() + l3, 28);
                body[7] = 2;
                std::memcpy(body + 8, kPeerMac.data(), 6);
                write32(body + 14, arp->target.v4());
                std::memcpy(body + 18, arp->sender_mac.data(), 6);
                write32(body + 24, arp->sender.v4());
                receive(NoteKind::arp, reply.bytes(), frame.at);
                again = true;
            }
        }
    }
    std::vector<FakeSink::Sent> kept;

    // The answers that were given.
    struct Given {
        Attachment at;
        std::vector<std::uint8_t> bytes;
    };
    std::vector<Given> given_answers;

    // One probe round: all that is asked is answered by `answers(node, port)`.
    void probe_round(const std::function<bool(IpAddress, std::uint16_t)>& answers) {
        for (const Millis end = now + 2000; now < end; now += 100) {
            host.tick(now);
            neighbours_answer();
            for (const auto& frame : std::exchange(kept, {})) {
                const std::size_t l3 = frame.at.vlan ? 18 : 14;
                const auto packet = read_ip(std::span(frame.bytes).subspan(l3));
                if (!packet ||
                    (packet->protocol != kProtocolTcp && packet->protocol != kProtocolUdp))
                    continue;
                const std::uint16_t port = read16(&packet->payload[2]);
                if (packet->protocol == kProtocolTcp && (packet->payload[13] & 4) != 0) {
                    ++resets;
                    continue;
                }
                if (!answers(packet->destination, port)) continue;
                Frame reply(frame.at, kPeerMac, kDmzMac, kEtherTypeIpv4);
                std::vector<std::uint8_t> body(packet->payload.begin(), packet->payload.end());
                std::swap(body[0], body[2]);
                std::swap(body[1], body[3]);
                const IpAddress to =
                    spoil == Spoil::destination ? ip("203.0.113.10") : packet->source;
                if (packet->protocol == kProtocolTcp) {
                    write32(&body[8], read32(&body[4]) + (spoil == Spoil::acknowledgement ? 2 : 1));
                    body[13] = refuse ? 0x14 : 0x12;
                    write16(&body[16], 0);
                    write16(&body[16],
                            internet_checksum(
                                body, pseudo_header_sum(to, packet->destination, 6, body.size())));
                } else {
                    write16(&body[8], stun_error ? 0x0111 : 0x0101);
                    if (spoil == Spoil::transaction) body[27] ^= 1;
                    write16(&body[6], 0);
                    write16(&body[6],
                            internet_checksum(
                                body, pseudo_header_sum(to, packet->destination, 17, body.size())));
                }
                if (spoil == Spoil::checksum) body[packet->protocol == kProtocolTcp ? 17 : 7] ^= 1;
                reply.append_ip(packet->destination, to, packet->protocol, body.size(), 64);
                std::memcpy(reply.append(body.size()), body.data(), body.size());
                const auto dropped = receive(NoteKind::probe_reply, reply.bytes(), frame.at);
                EXPECT_TRUE(spoil != Spoil::nothing || !dropped);
                const auto bytes = reply.bytes();
                given_answers.push_back({frame.at, {bytes.begin(), bytes.end()}});
            }
        }
    }
    bool refuse = false, stun_error = false;
    enum class Spoil { nothing, checksum, acknowledgement, transaction, destination };
    Spoil spoil = Spoil::nothing;  // of every answer
    int resets = 0;
    bool up(std::string_view service, std::string_view node) {
        for (const auto& entry : host.prober().list())
            if (entry.service == service && entry.node == node) return entry.up;
        ADD_FAILURE() << service << " " << node;
        return false;
    }
};

TEST_F(HostTest, PingIsAnsweredThroughTheRoute) {
    start();
    kept.clear();
    EXPECT_EQ(receive(NoteKind::icmp_own, echo_request("198.51.100.7", "192.0.2.10").bytes()),
              std::nullopt);
    neighbours_answer();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(read_mac(kept[0].bytes.data()), kPeerMac);
    const auto reply = read_ip(std::span(kept[0].bytes).subspan(14));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->source, ip("192.0.2.10"));
    EXPECT_EQ(reply->destination, ip("198.51.100.7"));
    EXPECT_EQ(reply->payload[0], 0);
    EXPECT_EQ(reply->payload[5], 7);
    EXPECT_EQ(internet_checksum(reply->payload), 0);
    EXPECT_EQ(reply->payload[39], 31) << "the data comes back";
}

TEST_F(HostTest, PingOverIpv6IsAnsweredAndWithoutARouteIsNot) {
    start();
    EXPECT_EQ(receive(NoteKind::icmp_own, echo_request("2001:db8:2::55", "2001:db8:2::10").bytes()),
              std::nullopt);
    const auto asked = sink.take_sent(kEtherTypeIpv6);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(read_nd(*read_ip(asked[0]))->target, ip("2001:db8:2::55"));
    EXPECT_EQ(receive(NoteKind::icmp_own, echo_request("2001:db8:9::55", "2001:db8:2::10").bytes()),
              DropReason::no_route);
}

TEST_F(HostTest, PingIsRateLimitedAndChecked) {
    start();
    const Frame request = echo_request("192.0.2.254", "192.0.2.1");
    int answered = 0;
    for (int i = 0; i < 250; ++i)
        if (!receive(NoteKind::icmp_own, request.bytes())) ++answered;
    EXPECT_EQ(answered, 100);
    EXPECT_EQ(receive(NoteKind::icmp_own, request.bytes()), DropReason::host_rate_limit);
    now += 9;  // 100 a second: one in 10 ms
    EXPECT_EQ(receive(NoteKind::icmp_own, request.bytes()), DropReason::host_rate_limit);
    now += 1;
    EXPECT_EQ(receive(NoteKind::icmp_own, request.bytes()), std::nullopt);
    EXPECT_EQ(receive(NoteKind::icmp_own, request.bytes()), DropReason::host_rate_limit);
    now += 100;
    EXPECT_EQ(receive(NoteKind::icmp_own, request.bytes()), std::nullopt);
    std::vector<std::uint8_t> bad(request.bytes().begin(), request.bytes().end());
    bad.back() ^= 1;
    EXPECT_EQ(receive(NoteKind::icmp_own, bad), DropReason::bad_l4_header);
    EXPECT_EQ(receive(NoteKind::icmp_own, request.bytes().first(40)), DropReason::bad_ip_header);
}

// "ping -s 1472" is how people ask whether whole frames pass.
TEST_F(HostTest, APingThatFillsTheWayBackIsAnsweredAndALongerOneIsNot) {
    auto policy = small_policy();
    policy->interfaces[1].mtu = 600;
    host.on_policy(policy, {0, 1}, now);
    for (const std::size_t data : {std::size_t{0}, std::size_t{572}})
        EXPECT_EQ(
            receive(NoteKind::icmp_own, echo_request("203.0.113.50", "192.0.2.1", data).bytes()),
            std::nullopt)
            << data;
    EXPECT_EQ(receive(NoteKind::icmp_own, echo_request("203.0.113.50", "192.0.2.1", 573).bytes()),
              DropReason::too_big);
    constexpr std::size_t kFits = 1500 - 40 - 8;
    EXPECT_EQ(receive(NoteKind::icmp_own,
                      echo_request("2001:db8:2::55", "2001:db8:2::10", kFits).bytes()),
              std::nullopt);
    EXPECT_EQ(receive(NoteKind::icmp_own,
                      echo_request("2001:db8:2::55", "2001:db8:2::10", kFits + 1).bytes()),
              DropReason::too_big);
}

TEST_F(HostTest, EveryAnsweredAddressIsAnnouncedTwiceAndNewOnesOnAPush) {
    host.on_policy(small_policy(), {0, 1}, now);
    std::map<IpAddress, int> announced;
    const auto collect = [&](Millis until) {
        for (; now < until; now += 100) {
            host.tick(now);
            for (const auto& frame : sink.take_sent()) {
                const auto l3 = std::span(frame.bytes).subspan(frame.at.vlan ? 18 : 14);
                if (const auto arp = read_arp(l3); arp && arp->sender == arp->target)
                    ++announced[arp->sender];
                if (const auto packet = read_ip(l3); packet)
                    if (const auto nd = read_nd(*packet); nd && !nd->solicitation)
                        ++announced[nd->target];
            }
        }
    };
    collect(3000);
    EXPECT_EQ(announced.size(), 6U);
    for (const auto& [address, times] : announced) EXPECT_EQ(times, 2) << address.to_string();
    announced.clear();
    auto next = small_policy();
    next->interfaces[1].answered.push_back(ip("203.0.113.20"));
    host.on_policy(next, {0, 1}, now);
    collect(6000);
    EXPECT_EQ(announced, (std::map<IpAddress, int>{{ip("203.0.113.20"), 2}}));
    announced.clear();
    host.on_link(0, true, now);
    collect(9000);
    EXPECT_EQ(announced.size(), 4U);
}

TEST_F(HostTest, WithoutAPolicyNothingIsAnswered) {
    EXPECT_EQ(receive(NoteKind::icmp_own, echo_request("192.0.2.254", "192.0.2.1").bytes()),
              DropReason::no_policy);
    host.tick(5000);
    EXPECT_TRUE(sink.sent.empty());
}

TEST_F(HostTest, ANodeGoesDownAfterThreeSilencesAndComesBackAfterTwoAnswers) {
    const auto all = [](IpAddress, std::uint16_t) { return true; };
    start(0);
    EXPECT_TRUE(up("access-443/tcp", "edge1")) << "before anything is known";
    sink.changes.clear();
    probe_round(all);
    probe_round(all);
    EXPECT_TRUE(sink.changes.empty());
    EXPECT_GT(resets, 0) << "nothing stays open on the node";
    // One of the two ports that the service needs falls silent.
    const auto not_5061 = [](IpAddress a, std::uint16_t port) {
        return !(a == ip("203.0.113.11") && port == 5061);
    };
    for (int i = 0; i < 5; ++i) probe_round(not_5061);
    EXPECT_FALSE(up("access-443/tcp", "edge1"));
    EXPECT_TRUE(up("access-443/tcp", "edge2"));
    EXPECT_TRUE(up("av-3478/udp", "edge1"));
    ASSERT_EQ(sink.changes.size(), 1U);
    EXPECT_EQ(sink.changes[0], std::make_tuple(0U, 0U, false));
    for (int i = 0; i < 4; ++i) probe_round(all);
    EXPECT_TRUE(up("access-443/tcp", "edge1"));
    EXPECT_EQ(sink.changes.back(), std::make_tuple(0U, 0U, true));
}

TEST_F(HostTest, ARefusedConnectionIsNoAnswerAndAStunErrorIsOne) {
    start(0);
    refuse = stun_error = true;
    for (int i = 0; i < 5; ++i) probe_round([](IpAddress, std::uint16_t) { return true; });
    EXPECT_FALSE(up("access-443/tcp", "edge1"));
    EXPECT_FALSE(up("access-443/tcp", "edge2"));
    EXPECT_TRUE(up("av-3478/udp", "edge1"));
}

TEST_F(HostTest, APushKeepsWhatIsKnownOfANodeAndTellsTheNewPolicy) {
    start(0);
    for (int i = 0; i < 5; ++i)
        probe_round([](IpAddress a, std::uint16_t) { return a != ip("203.0.113.31"); });
    ASSERT_FALSE(up("av-3478/udp", "edge1"));
    sink.changes.clear();
    auto next = small_policy();
    std::swap(next->services[0], next->services[1]);
    host.on_policy(next, {0, 1}, now);
    // The others too: what the policy took over from the one before may be out of date.
    EXPECT_EQ(sink.changes,
              (std::vector{std::make_tuple(0U, 0U, false), std::make_tuple(1U, 0U, true),
                           std::make_tuple(1U, 1U, true)}));
    EXPECT_FALSE(up("av-3478/udp", "edge1"));
    // Nobody asks it any more: nothing would ever bring it back.
    sink.changes.clear();
    next = small_policy();
    next->services[1].probe = policy::ProbeKind::none;
    host.on_policy(next, {0, 1}, now);
    EXPECT_NE(std::ranges::find(sink.changes, std::make_tuple(1U, 0U, true)), sink.changes.end());
}

// A node that is slow is no stranger: what nobody waits for any more is taken, and changes nothing.
TEST_F(HostTest, ALateAnswerIsNoDrop) {
    start(0);
    probe_round([](IpAddress, std::uint16_t) { return true; });
    ASSERT_FALSE(given_answers.empty());
    sink.changes.clear();
    for (const Given& given : std::exchange(given_answers, {})) {
        EXPECT_EQ(receive(NoteKind::probe_reply, given.bytes, given.at), std::nullopt);
        std::vector<std::uint8_t> other = given.bytes;
        other[given.at.vlan != 0 ? 18 + 20 : 14 + 20] ^=
            0x40;  // another source port: nobody's answer
        EXPECT_EQ(receive(NoteKind::probe_reply, other, given.at), DropReason::host_unhandled);
    }
    EXPECT_TRUE(sink.changes.empty());
}

// What a stranger could send who has not seen the probe, or the wire has damaged.
TEST_F(HostTest, AnAnswerThatIsNotExactIsSilence) {
    const auto all = [](IpAddress, std::uint16_t) { return true; };
    for (const Spoil each : {Spoil::checksum, Spoil::acknowledgement, Spoil::transaction,
                             Spoil::destination, Spoil::nothing}) {
        spoil = each;
        host.on_policy(nullptr, {}, now);
        start(0);
        for (int i = 0; i < 5; ++i) probe_round(all);
        const int which = static_cast<int>(each);
        EXPECT_EQ(up("access-443/tcp", "edge1"),
                  each == Spoil::nothing || each == Spoil::transaction)
            << which;
        EXPECT_EQ(up("av-3478/udp", "edge1"),
                  each == Spoil::nothing || each == Spoil::acknowledgement)
            << which;
    }
}

// As after the rollback of the first policy of all.
TEST_F(HostTest, WithoutAPolicyNobodyIsProbedAnyMore) {
    start();
    host.on_policy(nullptr, {}, now);
    EXPECT_TRUE(host.prober().list().empty());
    sink.take_sent();
    for (const Millis end = now + 5000; now < end; now += 100) host.tick(now);
    EXPECT_TRUE(sink.take_sent().empty());
}

TEST_F(HostTest, AStrangersAnswerIsNone) {
    start(0);
    EXPECT_EQ(
        receive(NoteKind::probe_reply, echo_request("203.0.113.66", "203.0.113.1").bytes(), kWan),
        DropReason::host_unhandled);
}

}  // namespace
}  // namespace portcullis::dataplane
