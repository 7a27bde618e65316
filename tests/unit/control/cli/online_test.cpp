// The online commands, run as functions against a daemon and a fake data plane.
#include "control/cli/online.h"

#include <fstream>
#include <sstream>

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

using cli::Arguments;

class OnlineTest : public DaemonTest {
  protected:
    int run(Arguments arguments) {
        arguments.insert(arguments.end(), {"--socket", options_.socket});
        return run_as_is(arguments);
    }
    int run_as_is(const Arguments& arguments) {
        out_.str("");
        err_.str("");
        std::istringstream in;
        cli::Streams streams{in, out_, err_};
        return cli::dispatch(arguments, streams);
    }
    std::string file(const std::string& content) const {
        const auto path = directory_.path() / "site.yaml";
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    bool said(const std::string& text) const { return out_.str().find(text) != std::string::npos; }
    bool complained(const std::string& text) const {
        return err_.str().find(text) != std::string::npos;
    }
    Json json() const { return Json::parse(out_.str()); }

    std::ostringstream out_;
    std::ostringstream err_;
};

TEST_F(OnlineTest, PushConfirmRollbackStatusHistory) {
    start_and_connect();
    EXPECT_EQ(run({"status"}), cli::kOk);
    EXPECT_TRUE(said("none: everything is dropped"));

    ASSERT_EQ(run({"push", file("alpha")}), cli::kOk) << err_.str();
    EXPECT_TRUE(said("runs as generation 1"));
    EXPECT_TRUE(said("finding     duplicate: covered"));
    ASSERT_EQ(run({"push", file("alpha")}), cli::kOk);
    EXPECT_TRUE(said("runs already"));
    ASSERT_EQ(run({"push", file("beta"), "--dry-run"}), cli::kOk);
    EXPECT_TRUE(said("nothing was pushed"));
    ASSERT_EQ(run({"push", file("beta"), "--confirm", "60"}), cli::kOk);
    EXPECT_TRUE(said("rolled back in 60 s, unless: portcullis confirm"));

    EXPECT_EQ(run({"status"}), cli::kOk);
    EXPECT_TRUE(said("beta"));
    EXPECT_TRUE(said("rolled back in 60 s"));
    EXPECT_EQ(run({"confirm"}), cli::kOk);
    EXPECT_TRUE(said("beta runs as generation 2"));
    EXPECT_EQ(run({"confirm"}), cli::kNegative);
    EXPECT_TRUE(complained("portcullis confirm: nothing awaits confirmation"));
    EXPECT_EQ(run({"rollback", "--json"}), cli::kOk);
    EXPECT_EQ(json()["name"], "alpha");

    EXPECT_EQ(run({"history"}), cli::kOk);
    EXPECT_TRUE(said("confirmed"));
    EXPECT_TRUE(said("uid " + std::to_string(::geteuid())));
    EXPECT_EQ(run({"status", "--json"}), cli::kOk);
    EXPECT_EQ(json()["dataplane"]["running"], policy::to_string(hash_of("alpha")));
}

TEST_F(OnlineTest, CountersSayHowEvenTheWorkersAre) {
    start_and_connect();
    const auto record = [](const char* name, std::uint16_t worker, std::uint64_t value) {
        return peer::CounterRecord{test::text<48>(name), worker, {}, value};
    };
    dataplane_->set_counters({record("rx", 0, 900), record("handed-out", 0, 3),
                              record("sessions", 0, 5), record("rx", 1, 300),
                              record("sessions", 1, 15), record("rx", 0xffff, 0)});
    EXPECT_EQ(run({"counters"}), cli::kOk);
    EXPECT_TRUE(said("of it handed over")) << out_.str();
    EXPECT_TRUE(said("75.0 %")) << out_.str();  // of what was received, by worker 0
    EXPECT_TRUE(said("0.3 %")) << out_.str();   // of that handed over; 0.25 % of all
    dataplane_->set_counters({record("rx", 0, 900), record("sessions", 0, 5)});
    EXPECT_EQ(run({"counters"}), cli::kOk);
    EXPECT_FALSE(said("handed over")) << "one worker has nobody to give to";
}

TEST_F(OnlineTest, SignaturesShowWhatSessionsTurnedOutToBe) {
    start_and_connect();
    EXPECT_EQ(run({"signatures"}), cli::kOk);
    EXPECT_TRUE(said("nothing is held to a protocol")) << out_.str();
    peer::SignatureRecord access;
    access.service = test::text<80>("access-443");
    access.protocol = test::text<80>("sip-tls");
    access.mode = static_cast<std::uint8_t>(policy::ConformanceMode::enforce);
    access.matched = 1040;
    access.refused = 2;
    access.undecided = 3;
    dataplane_->set_signatures({access});
    EXPECT_EQ(run({"signatures"}), cli::kOk);
    for (const char* part :
         {"service", "judged", "undecided", "access-443", "sip-tls", "enforce", "1042", "1040"})
        EXPECT_TRUE(said(part)) << part << " in " << out_.str();
    EXPECT_EQ(run({"signatures", "--json"}), cli::kOk);
    EXPECT_EQ(json()["signatures"][0]["matched"], 1040);
    EXPECT_EQ(json()["signatures"][0]["undecided"], 3);
}

TEST_F(OnlineTest, ErrorsOfATopologyAreLinesOnStandardError) {
    start_and_connect();
    const auto path = file("bad");
    EXPECT_EQ(run({"push", path}), cli::kNegative);
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(err_.str(), path + ":3:7: no key 'vipp' (did you mean 'vip'?)\n" + path +
                              ":9:1: no nodes (add one)\n" + "portcullis push: " + path +
                              " has 2 errors\n");
    EXPECT_EQ(dataplane_->loads(), 0U);
}

TEST_F(OnlineTest, WhatCannotBePushedIsSaidBefore) {
    start_and_connect();
    EXPECT_EQ(run({"push", "/no/such/file"}), cli::kNegative);
    EXPECT_TRUE(complained("cannot read /no/such/file"));
    EXPECT_EQ(run({"push", file("\xff\xfe")}), cli::kNegative);
    EXPECT_TRUE(complained("not UTF-8"));
    EXPECT_EQ(run({"push", file(std::string((4 << 20) + 1, 'a'))}), cli::kNegative);
    EXPECT_TRUE(complained("larger than"));
    EXPECT_EQ(run({"push"}), cli::kUsage);
    EXPECT_EQ(run({"push", "a", "b"}), cli::kUsage);
    EXPECT_EQ(run({"push", file("alpha"), "--confirm", "0"}), cli::kUsage);
    EXPECT_EQ(run({"push", file("alpha"), "--confirm", "soon"}), cli::kUsage);
    EXPECT_EQ(dataplane_->loads(), 0U);
}

TEST_F(OnlineTest, WithoutADaemonOneLineSaysWhatToDo) {
    for (const auto* command : {"confirm", "rollback", "status", "counters", "sessions",
                                "neighbours", "interfaces", "nodes", "hits", "denies", "history"}) {
        EXPECT_EQ(run({command}), cli::kNegative) << command;
        EXPECT_TRUE(complained("start portcullis-control")) << command;
        EXPECT_EQ(out_.str(), "");
        EXPECT_EQ(run({command, "extra"}), cli::kUsage) << command;
        EXPECT_EQ(run_as_is({command, "--help"}), cli::kOk) << command;
        EXPECT_TRUE(said("--socket"));
    }
}

TEST_F(OnlineTest, ListsAreTablesOrJson) {
    start_and_connect();
    for (const auto* command : {"counters", "sessions", "neighbours", "interfaces", "nodes", "hits",
                                "denies", "history"}) {
        EXPECT_EQ(run({command}), cli::kOk) << command << err_.str();
        EXPECT_NE(out_.str(), "") << command;
        EXPECT_EQ(run({command, "--json"}), cli::kOk) << command;
        EXPECT_TRUE(json().is_object()) << command;
    }
    ASSERT_EQ(run({"push", file("alpha")}), cli::kOk);

    dataplane_->set_counters({{test::text<48>("rx"), 0, {}, 5},
                              {test::text<48>("tx"), 0, {}, 0},
                              {test::text<48>("rx"), 0xffff, {}, 2}});
    EXPECT_EQ(run({"counters"}), cli::kOk);
    EXPECT_EQ(out_.str(),
              "counter  total  worker 0  main\n"
              "rx       7      5         2\n");
    EXPECT_EQ(run({"counters", "--all"}), cli::kOk);
    EXPECT_TRUE(said("tx       0      0"));

    peer::SessionRecord session;
    session.protocol = 17;
    session.source = policy::IpAddress::parse("2001:db8::7")->bytes();
    session.destination = policy::IpAddress::parse("2001:db8::8")->bytes();
    session.source_port = 1;
    session.destination_port = 3478;
    session.translated_source = session.source;
    session.translated_destination = session.destination;
    session.translated_source_port = 1;
    session.translated_destination_port = 3478;
    session.idle_seconds = 75;
    auto translated = session;
    translated.translated_destination = policy::IpAddress::parse("2001:db8::9")->bytes();
    translated.conformance = peer::SessionConformance::undecided;
    auto refused = session;
    refused.conformance = peer::SessionConformance::refused;
    dataplane_->set_sessions({session, translated, refused}, 10);
    EXPECT_EQ(run({"sessions", "--address", "2001:db8::7", "--port", "3478", "--proto", "udp"}),
              cli::kOk);
    EXPECT_TRUE(said("[2001:db8::7]:1 -> [2001:db8::8]:3478"));
    EXPECT_TRUE(said("[2001:db8::7]:1 -> [2001:db8::9]:3478"));
    EXPECT_TRUE(said("1m 15s"));
    EXPECT_TRUE(said("free, undecided"));
    EXPECT_TRUE(said("free, refused"));
    EXPECT_EQ(dataplane_->last_query().protocol, 17);
    EXPECT_EQ(run({"sessions", "--address", "nowhere"}), cli::kNegative);
    EXPECT_TRUE(complained("address is to be an IPv4 or IPv6 address"));

    peer::NodeRecord node;
    node.node = test::text<32>("edge1");
    dataplane_->set_nodes({node});
    EXPECT_EQ(run({"nodes"}), cli::kOk);
    EXPECT_TRUE(said("DOWN"));
    dataplane_->set_rules({{0, 0, 17}});
    EXPECT_EQ(run({"hits"}), cli::kOk);
    EXPECT_TRUE(said(test::small_policy().rules[0].id));
}

TEST(Online, DurationsAreShort) {
    EXPECT_EQ(cli::duration(0), "0s");
    EXPECT_EQ(cli::duration(59), "59s");
    EXPECT_EQ(cli::duration(60), "1m");
    EXPECT_EQ(cli::duration(3725), "1h 2m");
    EXPECT_EQ(cli::duration(90000), "1d 1h");
}

TEST(Online, CellsTakeWhateverIsThere) {
    const auto json = Json::parse(R"({"a":"x","b":true,"c":7,"d":null,"e":["p","q"],"f":-1})");
    EXPECT_EQ(cli::cell(json, "a"), "x");
    EXPECT_EQ(cli::cell(json, "b"), "yes");
    EXPECT_EQ(cli::cell(json, "c"), "7");
    EXPECT_EQ(cli::cell(json, "d"), "-");
    EXPECT_EQ(cli::cell(json, "e"), "p, q");
    EXPECT_EQ(cli::cell(json, "none"), "-");
    EXPECT_EQ(cli::cell(Json(1), "a"), "-");
    EXPECT_EQ(cli::count(json, "a"), 0U);
}

}  // namespace
}  // namespace portcullis::control::testing
