// Every class with the signatures that ship: each prefix of what is genuine is viable, says truly
// when to ask again, and nothing passes as another.
#include "rules/inspect/judge.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/rules/inspect/rig.h"

namespace portcullis::inspect {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;
using Kind = Judgement::Kind;

struct Sample {
    std::string name;
    Message message;
    std::vector<ProtocolClass> passes;  // as
};

constexpr auto kTlsClasses = {ProtocolClass::sip_tls, ProtocolClass::psom_tls,
                              ProtocolClass::https,   ProtocolClass::xmpp_gateway,
                              ProtocolClass::logging, ProtocolClass::sba_https};
constexpr auto kStreams = {
    ProtocolClass::sip_tls,  ProtocolClass::psom_tls,  ProtocolClass::https,
    ProtocolClass::http,     ProtocolClass::xmpp,      ProtocolClass::dns_tcp,
    ProtocolClass::turn_tcp, ProtocolClass::media_tcp, ProtocolClass::xmpp_gateway,
    ProtocolClass::logging,  ProtocolClass::sba_https};
constexpr auto kDatagrams = {ProtocolClass::dns_udp, ProtocolClass::turn_udp,
                             ProtocolClass::media_udp};

std::vector<Sample> streams() {
    Hello wide;
    wide.padding = 3000;
    wide.records = 4;
    Hello old;
    old.extensions = false;
    old.minor = 1;
    old.session_id = 0;
    Hello greased;
    greased.suites = {0x1a, 0x1a, 0xfe, 0xff, 0x13, 0x02, 0xcc, 0xa9};
    Hello drawn;
    drawn.suites = {0x0e, 0xee, 0x66, 0x1e, 0x00, 0x2f, 0x16, 0x6d};
    Hello plain;
    plain.padding = 40;
    Message twice = client_hello(plain);
    Message noise = client_hello(plain);
    // The padding becomes two extensions of one type; what follows the version, no hello at all.
    const std::size_t padding = twice.size() - 44;
    twice[padding + 3] = 16;
    std::copy_n(twice.begin() + static_cast<std::ptrdiff_t>(padding), 3,
                twice.begin() + static_cast<std::ptrdiff_t>(padding + 20));
    twice[padding + 23] = 20;
    std::fill(noise.begin() + 11, noise.end(), 0x5a);
    const std::vector<ProtocolClass> turn = {ProtocolClass::turn_tcp, ProtocolClass::media_tcp};
    const Message allocate = ms_turn_framed(ms_turn_allocate());
    return {
        {"hello", client_hello(), kTlsClasses},
        {"wide hello", client_hello(wide), kTlsClasses},
        {"old hello", client_hello(old), kTlsClasses},
        {"hello with GREASE and suites of its own", client_hello(greased), kTlsClasses},
        {"hello with suites that it has drawn", client_hello(drawn), {}},
        {"hello in the form of SSL 2.0", sslv2_hello(), kTlsClasses},
        {"with nothing but SSL 2.0's own ciphers", sslv2_hello({1, 0, 0x80}), {}},
        {"SSL 2.0", sslv2_hello({0, 0, 0x35}, 2), {}},
        {"a byte too many in the form of SSL 2.0", {0x80, 0x1d, 1, 3, 1, 0, 3, 0, 0, 0, 16}, {}},
        {"hello with an extension twice", twice, {}},
        {"hello with other bytes behind its head", noise, {}},
        {"request", http_request(), {ProtocolClass::http}},
        {"to a proxy", http_request("GET HTTP://example.com/ HTTP/1.0"), {ProtocolClass::http}},
        {"to go on as HTTP/2",
         http_request("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c, TLS/1.2"),
         {ProtocolClass::http}},
        {"lines end as they like", text("GET / HTTP/1.1\r\nHost: a\n\n"), {ProtocolClass::http}},
        {"websocket", http_request("GET /chat HTTP/1.1\r\nuPgRADE: WebSocket"), {}},
        {"any tunnel", http_request("POST /attach HTTP/1.1\r\nUpgrade:tcp"), {}},
        {"websocket among others", http_request("GET / HTTP/1.1\r\nUpgrade: h2c,\twebsocket"), {}},
        {"long request",
         http_request("POST /" + std::string(1500, 'a') + " HTTP/1.0"),
         {ProtocolClass::http}},
        {"xmpp", xmpp_stream(), {ProtocolClass::xmpp}},
        {"xmpp in other quotes",
         text("<stream:stream to=\"a>b\" xmlns:db='jabber:server:dialback' xmlns = "
              "\"jabber:server\" >"),
         {ProtocolClass::xmpp}},
        {"a client of xmpp",
         text("<stream:stream to='a' xmlns='jabber:client' version='1.0'>"),
         {}},
        {"xmpp of nobody", text("<stream:stream to='a'>"), {}},
        {"xmpp, then something else", text("<stream:stream SSH-2.0"), {}},
        {"zone", dns_over_tcp(dns_query("example.com", 252, false)), {ProtocolClass::dns_tcp}},
        {"zone, asked for by Windows",
         dns_over_tcp(dns_query("example.com", 252, false) + text("MS")),
         {ProtocolClass::dns_tcp}},
        {"zone with more behind",
         dns_over_tcp(dns_query("example.com", 252, false) + text("MX")),
         {}},
        {"address with more behind",
         dns_over_tcp(dns_query("example.com", 1, false) + text("MS")),
         {}},
        {"dns", dns_over_tcp(dns_query()), {ProtocolClass::dns_tcp}},
        {"framed turn", allocate, turn},
        {"unpadded turn", ms_turn_framed(ms_turn_allocate(5)), turn},
        {"pseudo-tls", pseudo_hello() + allocate, turn},
        {"stun", stun_binding(), turn},
        {"ice", rfc4571(stun_binding(3)), {ProtocolClass::media_tcp}},
        {"ssh", text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), {}},
        {"smtp", text("EHLO example.com\r\n"), {}},
        {"connect", http_request("CONNECT example.com:22 HTTP/1.1"), {}},
        {"empty lines", text("\r\n\r\n") + http_request(), {ProtocolClass::http}},
        {"too many empty lines", text("\r\n\r\n\r\n") + http_request(), {}},
        {"connect behind an empty line",
         text("\r\n") + http_request("CONNECT example.com:22 HTTP/1.1"),
         {}},
        {"empty line, no target", text("\r\n") + http_request("GET sip:a HTTP/1.1"), {}},
        {"raw bytes", http_request("GET /caf\xc3\xa9\xff HTTP/1.1"), {ProtocolClass::http}},
        {"alert", {21, 3, 1, 0, 2, 2, 40}, {}},
        {"zeros", Message(64, 0), {}},
    };
}

TEST(Judge, StreamsPassAsWhatTheyAreFromEveryPrefix) {
    for (const ProtocolClass protocol : kStreams) {
        const auto names = protocol == ProtocolClass::https
                               ? std::vector<std::string>{"meet.example.com"}
                               : std::vector<std::string>{};
        Rig rig(service_of(protocol, ConformanceMode::enforce, names));
        for (const Sample& sample : streams()) {
            SCOPED_TRACE(sample.name + " as " + std::string(to_string(protocol)));
            const bool passes = std::ranges::count(sample.passes, protocol) != 0;
            std::uint32_t needed = 1;
            auto last = Kind::viable;
            for (std::uint32_t size = 1; size <= sample.message.size(); ++size) {
                const Judgement judgement =
                    judge_stream(rig.protocol(), rig.scratch(), Bytes(sample.message).first(size));
                if (passes) {
                    ASSERT_NE(static_cast<int>(judgement.kind), static_cast<int>(Kind::violation))
                        << to_string(judgement.why) << " at " << size;
                }
                if (judgement.kind == Kind::match) {
                    ASSERT_LE(judgement.bytes, size);
                    ASSERT_GE(size, needed) << "asked too late";
                }
                if (judgement.kind == Kind::viable) {
                    ASSERT_GT(judgement.bytes, size);
                    ASSERT_EQ(static_cast<int>(last), static_cast<int>(Kind::viable));
                    needed = std::max(needed, judgement.bytes);
                }
                if (last == Kind::violation) {
                    ASSERT_EQ(static_cast<int>(judgement.kind), static_cast<int>(last));
                }
                last = judgement.kind;
            }
            if (sample.name == "old hello" && !names.empty()) {
                EXPECT_EQ(static_cast<int>(last), static_cast<int>(Kind::match));
            } else {
                EXPECT_EQ(last == Kind::match, passes);
            }
        }
    }
}

TEST(Judge, DatagramsPassAsWhatTheyAre) {
    const struct {
        std::string name;
        Message message;
        std::vector<ProtocolClass> passes;
    } samples[] = {
        {"binding", stun_binding(), {ProtocolClass::turn_udp, ProtocolClass::media_udp}},
        {"allocate", ms_turn_allocate(), {ProtocolClass::turn_udp}},
        {"multiplexed", multiplexed(ms_turn_allocate()), {ProtocolClass::turn_udp}},
        {"query", dns_query(), {ProtocolClass::dns_udp}},
        {"reverse query", dns_query("7.2.0.192.in-addr.arpa", 12), {ProtocolClass::dns_udp}},
        {"of the root", dns_query("", 2), {ProtocolClass::dns_udp}},
        {"service", dns_query("_sipfederationtls._tcp.example.com", 33), {ProtocolClass::dns_udp}},
        {"netbios name", dns_query("FHEPFCELEHFCEPFFFACACACACACACABL", 32, false), {}},
        {"netbios status", dns_query("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 33, false), {}},
        {"key", dns_query("example.com", 25), {}},
        {"hello", client_hello(), {}},
        {"quic", Message{0xc3, 0, 0, 0, 1, 8} + Message(1200, 0x55), {}},
        {"wireguard", Message{1, 0, 0, 0} + Message(144, 0x66), {}},
    };
    for (const ProtocolClass protocol : kDatagrams) {
        Rig rig(service_of(protocol, ConformanceMode::enforce));
        for (const auto& [name, message, passes] : samples) {
            const auto [judgement, media] = judge_datagram(rig.protocol(), rig.scratch(), message);
            EXPECT_EQ(judgement.kind == Kind::match, std::ranges::count(passes, protocol) != 0)
                << name << " as " << to_string(protocol);
            if (passes.empty()) {
                EXPECT_EQ(static_cast<int>(judgement.kind), static_cast<int>(Kind::violation));
            }
        }
    }
}

}  // namespace
}  // namespace portcullis::inspect
