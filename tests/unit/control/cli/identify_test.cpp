// What `portcullis identify` says of the flows of captures made here, and of kept ones of real
// programs.
#include <functional>

#include "tests/unit/control/cli/identify_fixture.h"

namespace portcullis::control::cli {
namespace {

using namespace testing;

TEST_F(IdentifyTest, SaysAllOfAFlow) {
    CaptureFile file;
    file.add(Bytes(20, 0));
    Talk talk(file);
    talk.open();
    const auto hello = client_hello("sip.contoso.com");
    talk.client(kPush, 0, hello);
    talk.server(kAck, static_cast<std::uint32_t>(hello.size()));
    const auto list = flows(file);
    ASSERT_EQ(list.size(), 1U);
    const Json expected = {
        {"first_packet", 2},
        {"transport", "tcp"},
        {"initiator", {{"address", "198.51.100.25"}, {"port", 40000}}},
        {"responder", {{"address", "203.0.113.10"}, {"port", 443}}},
        {"class", "https"},
        {"passes",
         {{"turn-tcp", false},
          {"media-tcp", false},
          {"https", true},
          {"sip-tls", true},
          {"psom-tls", true},
          {"http", false},
          {"xmpp", false},
          {"dns-tcp", false}}},
        {"reasons", Json::object()},
        {"server_name", "sip.contoso.com"},
        {"notes", Json::array()},
    };
    auto got = list[0];
    EXPECT_EQ(got["reasons"].size(), 5U);
    EXPECT_EQ(got["reasons"]["http"], "the first bytes are of another protocol");
    got["reasons"] = Json::object();
    EXPECT_EQ(got, expected) << got.dump(2);

    const auto text = run(file.pcap(kRaw), {});
    EXPECT_EQ(text.out.rfind("#2 tcp 198.51.100.25:40000 > 203.0.113.10:443  https, server name "
                             "sip.contoso.com\n      passes    https, sip-tls, psom-tls\n",
                             0),
              0U)
        << text.out;
    EXPECT_NE(text.err.find("1 of other protocols"), std::string::npos) << text.err;
}

// However a hello is cut, whatever overtakes what, and whatever is sent twice.
TEST_F(IdentifyTest, SegmentsInAnyOrder) {
    const auto hello = client_hello("edge.contoso.com");
    const auto size = static_cast<std::uint32_t>(hello.size());
    using Send = std::function<void(Talk&)>;
    const std::vector<Send> ways = {
        [&](Talk& talk) {
            for (std::uint32_t at = 0; at < size; ++at) {
                talk.client(kPush, at, part(hello, at, at + 1));
                talk.server(kAck, at + 1);
            }
        },
        [&](Talk& talk) {
            for (std::uint32_t at = size; at-- > 0;)
                talk.client(kPush, at, part(hello, at, at + 1));
        },
        [&](Talk& talk) {
            talk.client(kPush, 20, part(hello, 20, size));
            talk.client(kPush, 0, part(hello, 0, 40));
            talk.client(kPush, 0, part(hello, 0, 40));
        },
    };
    for (const auto& send : ways) {
        CaptureFile file;
        Talk talk(file);
        talk.open();
        send(talk);
        talk.server(kPush, size, Bytes(10, 's'));
        const auto flow = flows(file)[0];
        EXPECT_EQ(flow["class"], "https") << flow.dump(2);
        EXPECT_EQ(flow["server_name"], "edge.contoso.com");
    }
}

TEST_F(IdentifyTest, OtherBytesForTheSamePlace) {
    const auto hello = client_hello("edge.contoso.com");
    auto other = hello;
    other[4] ^= 1;
    CaptureFile file;
    Talk talk(file);
    talk.open();
    talk.client(kPush, 0, part(hello, 0, 10));
    talk.client(kPush, 0, part(other, 0, 30));
    const auto flow = flows(file)[0];
    EXPECT_EQ(flow["passes"]["https"], false);
    EXPECT_EQ(flow["reasons"]["sip-tls"], "bytes sent again were not the same as before");
}

// A decoy with a wrong checksum speaks for nobody, whichever comes first; but where all checksums of
// an end are wrong they were left to its NIC.
TEST_F(IdentifyTest, WrongChecksums) {
    const auto hello = client_hello("edge.contoso.com");
    const Bytes tunnel = {'S', 'S', 'H', '-', '2', '.', '0', '-', 'x', '\r', '\n'};
    const auto seen = [&](const std::function<void(Talk&)>& speak) {
        CaptureFile file;
        Talk talk(file);
        speak(talk);
        return flows(file)[0];
    };
    const auto hidden = seen([&](Talk& talk) {
        talk.open();
        talk.client_broken(0, hello);
        talk.client(kPush, 0, tunnel);
    });
    EXPECT_EQ(hidden["class"], "unknown");
    EXPECT_EQ(hidden["notes"][0],
              "1 packet with a wrong checksum, which no receiver takes, skipped");
    EXPECT_EQ(seen([&](Talk& talk) {
                  talk.open();
                  talk.client_broken(0, tunnel);
                  talk.client(kPush, 0, hello);
              })["class"],
              "https");
    const auto on_host = seen([&](Talk& talk) {
        talk.leave_sums_to_nic();
        talk.open();
        talk.client(kPush, 0, hello);
    });
    EXPECT_EQ(on_host["class"], "https");
    EXPECT_TRUE(on_host["notes"].empty());
}

// Some hosts leave only the sums of payload to their NIC. What is acknowledged has arrived then.
TEST_F(IdentifyTest, UnfinishedChecksums) {
    const auto hello = client_hello("edge.contoso.com");
    const auto seen = [&](const Bytes& again, bool acknowledged) {
        CaptureFile file;
        Talk talk(file);
        talk.open();
        talk.client_broken(0, part(hello, 0, 40));
        talk.client_broken(40, part(hello, 40, hello.size()));
        if (!again.empty()) talk.client(kPush, 0, again);
        if (acknowledged)
            talk.server(kPush, static_cast<std::uint32_t>(hello.size()), {0x16, 3, 3});
        return flows(file)[0];
    };
    const auto delivered = seen({}, true);
    EXPECT_EQ(delivered["class"], "https");
    EXPECT_EQ(delivered["server_name"], "edge.contoso.com");
    EXPECT_TRUE(delivered["notes"].empty());
    EXPECT_EQ(seen({}, false)["class"], "undecided") << "nobody has it";
    // What came with a right sum is what the server has read.
    EXPECT_EQ(seen({'S', 'S', 'H', '-', '2', '.', '0', '-', 'x', '\r', '\n'}, true)["class"],
              "unknown");
}

TEST_F(IdentifyTest, WhatHasNoClass) {
    const auto seen = [&](const std::function<void(Talk&)>& speak) {
        CaptureFile file;
        Talk talk(file);
        speak(talk);
        const auto list = flows(file);
        EXPECT_EQ(list.size(), 1U);
        return list[0]["class"].get<std::string>();
    };
    const auto hello = client_hello("x");
    EXPECT_EQ(seen([&](Talk& t) {
                  t.open(), t.server(kPush, 0, Bytes{'2', '2', '0'});
              }),
              "server first");
    EXPECT_EQ(seen([&](Talk& t) { t.open(), t.client(kFin | kAck); }), "no payload");
    EXPECT_EQ(seen([&](Talk& t) { t.client(kPush, 0, hello), t.server(kAck, 5); }), "no start");
    EXPECT_EQ(seen([&](Talk& t) {
                  t.open(), t.client(kPush, 0, Bytes{'S', 'S', 'H', '-', '2', '.', '0'});
              }),
              "unknown");
    EXPECT_EQ(seen([&](Talk& t) { t.open(), t.client(kPush, 0, part(hello, 0, 9)); }), "undecided");
    EXPECT_EQ(seen([&](Talk& t) { t.open(), t.client(kPush, 0, hello, 20 + 20 + 6); }),
              "truncated");
    EXPECT_EQ(seen([&](Talk& t) { t.open(), t.client(kPush, 0, hello, 20 + 20); }), "truncated");
    EXPECT_EQ(seen([&](Talk& t) { t.open(), t.client(kPush, 3, part(hello, 3, 40)); }),
              "undecided");
    // Its SYN is not there, but the answer to it.
    EXPECT_EQ(seen([&](Talk& t) { t.answer(), t.client(kPush, 0, hello); }), "https");
    // What a RST carries is no part of the stream.
    EXPECT_EQ(seen([&](Talk& t) { t.open(), t.client(kRst | kAck, 0, hello); }), "no payload");

    CaptureFile file;
    file.add(make_udp(kClient, kServer, 40000, 53, dns_query()).bytes, 0, 40);
    EXPECT_EQ(flows(file)[0]["class"], "truncated");
    EXPECT_EQ(flows(file)[0]["passes"]["dns-udp"], nullptr);
}

TEST_F(IdentifyTest, APortUsedAgainIsAnotherFlow) {
    CaptureFile file;
    Talk talk(file);
    talk.open();
    talk.client(kPush, 0, client_hello("a"));
    talk.client(kFin | kAck, 100);
    Talk again(file);
    again.client(kSyn, 1000);
    again.client(kSyn, 1000);
    again.client(kPush, 1001, Bytes{'S', 'S', 'H', '-', '2'});
    Talk(file, 40001).open();
    const auto list = flows(file);
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0]["class"], "https");
    EXPECT_EQ(list[1]["class"], "unknown");
    EXPECT_EQ(list[1]["first_packet"], 6);
    EXPECT_EQ(list[2]["class"], "no payload");
}

TEST_F(IdentifyTest, OneClassOnly) {
    CaptureFile file;
    Talk talk(file);
    talk.open();
    talk.client(kPush, 0, client_hello("x"));
    const auto output = run(file.pcap(kRaw), {"--json", "--class", "sip-tls"});
    EXPECT_EQ(output.json()[0]["class"], "sip-tls");
    EXPECT_EQ(output.json()[0]["passes"].size(), 1U);
    EXPECT_NE(run(file.pcap(kRaw), {"--class", "sip-tsl"}).err.find("did you mean 'sip-tls'?"),
              std::string::npos);
    EXPECT_EQ(run(file.pcap(kRaw), {"--class", "logging"}).code, kUsage);
}

TEST_F(IdentifyTest, HoldsFlowsToTheServicesOfATopology) {
    CaptureFile file;
    Talk talk(file);
    talk.open();
    talk.client(kPush, 0, Bytes{'S', 'S', 'H', '-', '2', '.', '0'});
    file.add(make_udp(kClient, ip("192.0.2.77"), 40000, 53, dns_query()).bytes);
    const std::string topology = std::string(SAMPLES_DIR) + "/lync-2013-scaled-hlb.yaml";
    const auto list = run(file.pcap(kRaw), {"--json", "--topology", topology}).json();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[1]["service"], nullptr);
    EXPECT_EQ(list[0]["service"]["name"], "access-443");
    EXPECT_EQ(list[0]["service"]["class"], "sip-tls");
    EXPECT_EQ(list[0]["service"]["passes"], false);
    EXPECT_EQ(list[0]["service"]["reason"], "the first bytes are of another protocol");
    EXPECT_NE(run(file.pcap(kRaw), {"--topology", topology})
                  .out.find("access-443 (sip-tls, watch): refused, were it enforced: the first"),
              std::string::npos);
    EXPECT_EQ(identify({"x.pcap", "--topology", "/nowhere.yaml"}).code, kNegative);
}

TEST(IdentifyKept, RealPrograms) {
    const std::vector<std::pair<std::string, std::string>> kept = {
        {"curl-http", "http"},
        {"curl-https", "https"},
        {"dig-tcp", "dns-tcp"},
        {"dig-udp", "dns-udp"},
        {"openssl-tls13", "https"},
        {"openssl-tls12-no-name", "https"},
        {"ssh", "unknown"},
        {"ssh-server-first", "server first"},
        {"turnutils-tcp", "turn-tcp"},
        {"turnutils-udp", "turn-udp"},
    };
    for (const auto& [name, expected] : kept) {
        const auto output = identify({std::string(CAPTURES_DIR) + "/" + name + ".pcap", "--json"});
        ASSERT_EQ(output.code, kOk) << output.err;
        const auto list = output.json();
        ASSERT_FALSE(list.empty()) << name;
        for (const auto& flow : list)
            EXPECT_TRUE(flow["class"] == expected || flow["class"] == "no payload") << name;
        EXPECT_NE(list[0]["class"], "no payload") << name;
    }
}

}  // namespace
}  // namespace portcullis::control::cli
