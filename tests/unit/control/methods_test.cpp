// What the socket shows of the data plane, and what it takes as parameters.
#include "control/methods.h"

#include "dataplane/session/session.h"
#include "rules/policy/match.h"
#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

peer::Address address(std::string_view text) {
    return policy::IpAddress::parse(text)->bytes();
}

class MethodsTest : public DaemonTest {
  protected:
    RpcCode code(const std::string& method, const Json& params) const {
        const auto answer = call(method, params);
        EXPECT_FALSE(answer) << method << ' ' << params;
        return answer ? RpcCode{} : answer.error().code;
    }
};

TEST_F(MethodsTest, ChecksParameters) {
    start();
    for (const Json& params :
         {Json::object(), Json{{"topology", "a"}}, Json{{"topology", 1}, {"name", "a"}},
          Json{{"topology", "a"}, {"name", ""}}, Json{{"topology", "a"}, {"name", "a\nb"}},
          Json{{"topology", "a"}, {"name", "a\x7f"}},
          Json{{"topology", "a"}, {"name", std::string(256, 'a')}},
          Json{{"topology", "a"}, {"name", "a"}, {"confirm_seconds", -1}},
          Json{{"topology", "a"}, {"name", "a"}, {"confirm_seconds", 86401}},
          Json{{"topology", "a"}, {"name", "a"}, {"confirm_seconds", "60"}},
          Json{{"topology", "a"}, {"name", "a"}, {"dry_run", 1}},
          Json{{"topology", "a"}, {"name", "a"}, {"confirm", 1}}})
        EXPECT_EQ(code("push", params), RpcCode::invalid_params) << params;
    for (const Json& params :
         {Json{{"address", "1.2.3"}}, Json{{"port", 65536}}, Json{{"port", 1.5}},
          Json{{"protocol", "sctp"}}, Json{{"limit", 10001}}, Json{{"x", 1}}})
        EXPECT_EQ(code("sessions", params), RpcCode::invalid_params) << params;
    for (const auto* method : {"confirm", "rollback", "status", "counters", "neighbours",
                               "interfaces", "nodes", "rules", "history", "denies", "signatures"})
        EXPECT_EQ(code(method, {{"x", 1}}), RpcCode::invalid_params) << method;
}

TEST_F(MethodsTest, StatusNamesWhatRuns) {
    start_and_connect();
    auto status = *call("status");
    EXPECT_EQ(status["policy"], nullptr);
    EXPECT_EQ(status["dataplane"]["running"], nullptr);
    EXPECT_EQ(status["control"]["pid"], ::getpid());
    ASSERT_TRUE(push("alpha"));
    ASSERT_TRUE(push("beta", 60));
    status = *call("status");
    EXPECT_EQ(status["policy"]["name"], "beta");
    EXPECT_EQ(status["policy"]["generation"], 2);
    EXPECT_EQ(status["policy"]["confirm_seconds_left"], 60);
    EXPECT_EQ(status["previous"]["name"], "alpha");
    EXPECT_EQ(status["dataplane"]["pid"], 4711);
    EXPECT_EQ(status["dataplane"]["workers"], 2);
}

TEST_F(MethodsTest, SessionsAreNamedAndFiltered) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    peer::SessionRecord record;
    record.source = address("198.51.100.7");
    record.destination = address("2001:db8::1");
    record.source_port = 51000;
    record.destination_port = 443;
    record.translated_source = address("203.0.113.10");
    record.translated_source_port = 1024;
    record.protocol = 6;
    record.nat = 2;
    record.state = 3;
    record.rule = 0;
    record.interface = 1;
    record.packets[0] = 5;
    record.bytes[1] = 700;
    auto strange = record;
    strange.rule = 12345;
    strange.interface = peer::kNoInterface;
    strange.state = 99;
    strange.nat = 99;
    strange.protocol = 132;
    strange.conformance = static_cast<peer::SessionConformance>(3);
    auto young = record;
    young.conformance = peer::SessionConformance::undecided;
    auto refused = record;
    refused.conformance = peer::SessionConformance::refused;
    dataplane_->set_sessions({record, young, strange, refused}, 1);  // four messages
    const auto answer =
        call("sessions",
             {{"address", "198.51.100.7"}, {"port", 443}, {"protocol", "tcp"}, {"limit", 50}});
    ASSERT_TRUE(answer) << answer.error().message;
    const auto& sessions = (*answer)["sessions"];
    ASSERT_EQ(sessions.size(), 4U);
    EXPECT_EQ(sessions[1]["src"], "198.51.100.7");
    EXPECT_EQ(sessions[1]["sport"], 51000);
    EXPECT_EQ(sessions[1]["dst"], "2001:db8::1");
    EXPECT_EQ(sessions[1]["translated"]["src"], "203.0.113.10");
    EXPECT_EQ(sessions[1]["protocol"], "tcp");
    EXPECT_EQ(sessions[1]["nat"], "full");
    EXPECT_EQ(sessions[1]["state"], "established");
    EXPECT_EQ(sessions[0]["conformance"], nullptr);
    EXPECT_EQ(sessions[1]["conformance"], "undecided");
    EXPECT_EQ(sessions[2]["conformance"], "unknown");
    EXPECT_EQ(sessions[3]["conformance"], "refused");
    EXPECT_EQ(sessions[1]["rule"], test::small_policy().rules[0].id);
    EXPECT_EQ(sessions[1]["interface"], test::small_policy().interfaces[1].name);
    EXPECT_EQ(sessions[1]["initiator"]["packets"], 5);
    EXPECT_EQ(sessions[1]["responder"]["bytes"], 700);
    EXPECT_EQ(sessions[2]["rule"], nullptr);
    EXPECT_EQ(sessions[2]["interface"], nullptr);
    EXPECT_EQ(sessions[2]["state"], "unknown");
    EXPECT_EQ(sessions[2]["nat"], "unknown");
    EXPECT_EQ(sessions[2]["protocol"], "132");
    const auto query = dataplane_->last_query();
    EXPECT_EQ(query.address, address("198.51.100.7"));
    EXPECT_EQ(query.port, 443);
    EXPECT_EQ(query.protocol, 6);
    EXPECT_EQ(query.limit, 50U);
}

// control/ may not include dataplane/, so the names of its states are held against it here.
static_assert(peer::kSessionStates.size() ==
              static_cast<unsigned>(dataplane::SessionState::picked_up) + 1);
static_assert(peer::kSessionStates[static_cast<unsigned>(dataplane::SessionState::established)] ==
              "established");

TEST_F(MethodsTest, ListsAreShown) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    peer::CounterRecord rx{test::text<48>("rx"), 0, {}, 5};
    peer::CounterRecord rx1{test::text<48>("rx"), 1, {}, 7};
    peer::CounterRecord rx_main{test::text<48>("rx"), 0xffff, {}, 1};
    dataplane_->set_counters({rx, rx1, rx_main});
    const auto counters = *call("counters");
    ASSERT_EQ(counters["counters"].size(), 3U);
    EXPECT_EQ(counters["counters"][1], Json::parse(R"({"name":"rx","worker":1,"value":7})"));
    EXPECT_EQ(counters["counters"][2]["worker"], "main");

    peer::NeighbourRecord neighbour;
    neighbour.address = address("192.0.2.254");
    neighbour.mac[5] = 0xab;
    neighbour.state = peer::NeighbourState::reachable;
    dataplane_->set_neighbours({neighbour});
    const auto neighbours = (*call("neighbours"))["neighbours"];
    EXPECT_EQ(neighbours[0]["mac"], "00:00:00:00:00:ab");
    EXPECT_EQ(neighbours[0]["state"], "reachable");
    EXPECT_EQ(neighbours[0]["interface"], test::small_policy().interfaces[0].name);

    peer::InterfaceRecord interface;
    interface.name = test::text<32>("wan");
    interface.device.fill('x');  // no NUL at all
    interface.zones = 0b000011;
    interface.link_up = 1;
    interface.driver = test::text<32>("net_null");
    interface.steering = test::text<192>("one queue");
    interface.rx_queues = 2;
    interface.promiscuous = 1;
    interface.queue_rx[1] = 7;
    dataplane_->set_interfaces({interface});
    const auto interfaces = (*call("interfaces"))["interfaces"];
    EXPECT_EQ(interfaces[0]["name"], "wan");
    EXPECT_EQ(interfaces[0]["device"], std::string(32, 'x'));
    EXPECT_EQ(interfaces[0]["zones"], Json({"internet", "edge-external"}));
    EXPECT_EQ(interfaces[0]["link_up"], true);
    EXPECT_EQ(interfaces[0]["driver"], "net_null");
    EXPECT_EQ(interfaces[0]["steering"], "one queue");
    EXPECT_EQ(interfaces[0]["promiscuous"], true);
    EXPECT_EQ(interfaces[0]["queue_rx"], Json({0, 7}));

    peer::NodeRecord node;
    node.service = test::text<48>("access-443/tcp");
    node.up = 1;
    dataplane_->set_nodes({node});
    EXPECT_EQ((*call("nodes"))["nodes"][0]["service"], "access-443/tcp");

    dataplane_->set_rules({{0, 0, 17}, {999, 0, 1}});
    const auto rules = (*call("rules"))["rules"];
    EXPECT_EQ(rules[0]["rule"], test::small_policy().rules[0].id);
    EXPECT_EQ(rules[0]["hits"], 17);
    EXPECT_EQ(rules[1]["rule"], nullptr);
}

TEST_F(MethodsTest, SignaturesShowWhatBecameOfSessions) {
    start_and_connect();
    peer::SignatureRecord access;
    access.service = test::text<80>("access-443");
    access.protocol = test::text<80>("sip-tls");
    access.mode = static_cast<std::uint8_t>(policy::ConformanceMode::enforce);
    access.matched = 40;
    access.refused = 2;
    access.watched = 1;
    access.undecided = 3;
    peer::SignatureRecord odd = access;
    odd.mode = 9;
    dataplane_->set_signatures({access, odd});
    const auto signatures = (*call("signatures"))["signatures"];
    ASSERT_EQ(signatures.size(), 2U);
    EXPECT_EQ(signatures[0], Json({{"service", "access-443"},
                                   {"class", "sip-tls"},
                                   {"mode", "enforce"},
                                   {"judged", 43},
                                   {"matched", 40},
                                   {"refused", 2},
                                   {"watched", 1},
                                   {"undecided", 3}}));
    EXPECT_EQ(signatures[1]["mode"], "unknown");
}

TEST_F(MethodsTest, DeniesArePulledAndExplained) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    peer::DenyRecord deny;
    deny.unix_ms = 1234;
    deny.source = address("198.51.100.7");
    deny.destination = address("203.0.113.10");
    deny.protocol = 17;
    deny.rule = policy::kNoRule;
    deny.reason = test::text<32>("spoofed-source");
    deny.suppressed = 3;
    std::this_thread::sleep_for(50ms);  // a poll that knows the policy
    dataplane_->add_denies({deny});
    ASSERT_TRUE(eventually([this] { return (*call("denies"))["denies"].size() == 1; }));
    const auto shown = (*call("denies"))["denies"][0];
    EXPECT_EQ(shown["reason"], "spoofed-source");
    EXPECT_EQ(shown["text"], policy::explain(policy::DenyReason::spoofed_source));
    EXPECT_EQ(shown["rule"], nullptr);
    EXPECT_EQ(shown["interface"], test::small_policy().interfaces[0].name);
}

TEST_F(MethodsTest, NonsenseFromTheDataPlaneIsAnErrorAndNoMore) {
    start_and_connect();
    for (const std::size_t size : {0U, 1U, 500U}) {
        dataplane_->answer_status_with(std::vector<std::byte>(size + 1));
        std::this_thread::sleep_for(30ms);
        EXPECT_TRUE(call("status"));
    }
    EXPECT_TRUE(push("alpha"));
}

TEST_F(MethodsTest, AListIsWhatItsHeadSays) {
    options_.poll = 1h;  // polls ask for a list too
    start_and_connect();
    const auto list = [](std::uint32_t count, std::size_t bytes) {
        std::vector<std::byte> body(sizeof(peer::ListHeader) + bytes);
        const peer::ListHeader head{count, 0};
        std::memcpy(body.data(), &head, sizeof head);
        return body;
    };
    constexpr auto kRecord = sizeof(peer::RuleRecord);
    const auto ask = [&](peer::Type type, std::vector<std::byte> body) {
        EXPECT_TRUE(eventually([this] { return call("rules").has_value(); }));
        dataplane_->answer_list_with(type, std::move(body));
        return call("rules");
    };
    EXPECT_TRUE(ask(peer::Type::rules, list(2, 2 * kRecord)));
    for (const auto& body : {list(0, 1),
                             list(1, 0),
                             list(1, kRecord - 1),
                             list(1, kRecord + 1),
                             list(1, 2 * kRecord),
                             list(0x10000001, kRecord),
                             {},
                             list(2, 0)}) {
        const auto answer = ask(peer::Type::rules, body);
        ASSERT_FALSE(answer);
        EXPECT_NE(answer.error().message.find("makes no sense: a list"), std::string::npos);
    }
    const auto other = ask(peer::Type::neighbours, list(0, 0));
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message.find("makes no sense: another list"), std::string::npos);
}

TEST_F(MethodsTest, AListHasAnEnd) {
    start_and_connect();
    constexpr std::size_t kTooMany = (std::size_t{64} << 20) / sizeof(peer::SessionRecord) + 1;
    dataplane_->set_sessions(std::vector<peer::SessionRecord>(kTooMany), 300);
    const auto answer = call("sessions");
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("a list without an end"), std::string::npos);
    EXPECT_TRUE(call("rules"));
}

}  // namespace
}  // namespace portcullis::control::testing
