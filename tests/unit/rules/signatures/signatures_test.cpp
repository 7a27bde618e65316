#include "rules/signatures/signatures.h"

#include <gtest/gtest.h>

#include <set>

#include "rules/signatures/compile.h"
#include "tests/unit/rules/signatures/scanner.h"

namespace portcullis::signatures {
namespace {

using policy::ProtocolClass;
using namespace std::string_view_literals;

TEST(Signatures, AreThereForEveryClassButTwo) {
    ASSERT_EQ(classes().size(), policy::kProtocolClassCount - 2);
    for (unsigned i = 0; i < policy::kProtocolClassCount; ++i) {
        const auto protocol = static_cast<ProtocolClass>(i);
        const auto* found = find(protocol);
        ASSERT_EQ(found == nullptr,
                  protocol == ProtocolClass::none || protocol == ProtocolClass::custom);
        if (found == nullptr) continue;
        EXPECT_EQ(found->protocol, protocol);
        EXPECT_FALSE(found->summary.empty());
        EXPECT_FALSE(found->source.empty());
        EXPECT_FALSE(found->patterns.empty());
        EXPECT_EQ(found->transport == policy::Transport::tcp, policy::is_stream(protocol))
            << policy::to_string(protocol);
    }
}

TEST(Signatures, WatchOnlyWhatIsNotPublic) {
    std::set<ProtocolClass> watched;
    for (const auto& found : classes())
        if (!found.watch_only.empty()) watched.insert(found.protocol);
    for (const auto& found : classes())
        EXPECT_EQ(policy::may_be_enforced(found.protocol), found.watch_only.empty());
    EXPECT_EQ(watched, (std::set{ProtocolClass::xmpp_gateway, ProtocolClass::logging,
                                 ProtocolClass::sba_https}));
}

TEST(Signatures, NamesAreThoseOfTlsServices) {
    std::set<ProtocolClass> named;
    for (const auto& found : classes())
        if (found.names) named.insert(found.protocol);
    for (const auto& found : classes())
        EXPECT_EQ(policy::carries_server_name(found.protocol), found.names);
    EXPECT_EQ(named,
              (std::set{ProtocolClass::sip_tls, ProtocolClass::psom_tls, ProtocolClass::https}));
}

// A genuine ClientHello is no pseudo one, but the pseudo one looks like a ClientHello.
TEST(Signatures, PseudoTlsIsTriedFirstAndTlsNeverInMedia) {
    for (const auto protocol : {ProtocolClass::turn_tcp, ProtocolClass::media_tcp}) {
        const auto patterns = find(protocol)->patterns;
        EXPECT_EQ(patterns.front().message, Message::pseudo_tls);
        EXPECT_EQ(patterns.front().bytes, 50U);
        EXPECT_EQ(patterns.front().width, 50U);
        for (const auto& pattern : patterns) EXPECT_NE(pattern.message, Message::tls_hello);
    }
}

TEST(Signatures, MessagesHaveNames) {
    EXPECT_EQ(to_string(Message::tls_hello), "tls-hello");
    EXPECT_EQ(to_string(Message::framed_dns_query), "framed-dns-query");
}

TEST(Compile, GivesADatabaseForEachClass) {
    for (const auto& found : classes()) {
        const auto database = compile(found.protocol);
        ASSERT_TRUE(database) << database.error();
        EXPECT_EQ(database->protocol, found.protocol);
        EXPECT_EQ(database->name, policy::to_string(found.protocol));
        EXPECT_TRUE(database->twins);
        std::uint32_t width = 0;
        for (const auto& pattern : found.patterns) width = std::max(width, pattern.width);
        EXPECT_EQ(database->width, width);
        EXPECT_GT(database->serialised.size(), 100U);
        EXPECT_LE(database->serialised.size(), policy::kMaxDatabaseBytes) << database->name;
        EXPECT_EQ(compile(found.protocol), database) << "asked again";
    }
}

TEST(Compile, RefusesClassesWithoutSignatures) {
    EXPECT_EQ(compile(ProtocolClass::none).error(), "there are no signatures of the class 'none'");
    EXPECT_EQ(compile(ProtocolClass::custom).error(),
              "there are no signatures of the class 'custom'");
}

// What must be neither a match nor viable, and from which byte on.
TEST(Compile, TellsProtocolsApart) {
    struct Case {
        ProtocolClass protocol;
        std::string_view bytes;
        std::size_t dies_at;  // bytes read when nothing is possible any more
    };
    const Case cases[] = {
        {ProtocolClass::sip_tls, "SSH-2.0-OpenSSH_9.2p1"sv, 1},
        {ProtocolClass::sip_tls, "GET / HTTP/1.1\r\n"sv, 1},
        {ProtocolClass::https, "\x16\x03\x01\x00\xa5\x02"sv, 6},  // a ServerHello
        {ProtocolClass::https, "\x80\x2e\x01\x00\x02"sv, 4},      // SSL 2.0
        {ProtocolClass::http, "CONNECT example.com:443 HTTP/1.1\r\n"sv, 1},
        {ProtocolClass::http, "GET / HTTP/2.0\r\n"sv, 12},
        {ProtocolClass::http, "PRI * HTTP/2.0\r\n"sv, 2},
        {ProtocolClass::http, "\x16\x03\x01"sv, 1},
        {ProtocolClass::xmpp, "<stream:features/>"sv, 9},
        {ProtocolClass::xmpp, "GET / HTTP/1.1\r\n"sv, 1},
        {ProtocolClass::dns_udp, "\x12\x34\x81\x80\x00\x01"sv, 3},  // a response
        {ProtocolClass::dns_udp, "\x12\x34\x28\x00"sv, 3},          // an update
        {ProtocolClass::turn_tcp, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv, 4},
        {ProtocolClass::turn_tcp, "SSH-2.0-OpenSSH_9.2p1"sv, 1},
        {ProtocolClass::turn_tcp, "\x00\x01\x00\x00\x12\x34"sv, 5},  // RFC 3489, without the cookie
        {ProtocolClass::turn_udp, "\x38\x00\x00\x00"sv, 1},          // OpenVPN
        {ProtocolClass::turn_udp, "\x01\x00\x00\x00\x00\x01\x02\x03"sv, 2},  // WireGuard
        {ProtocolClass::media_udp, "\x00\x01\x00\x00\x12\x34"sv, 5},
        {ProtocolClass::media_tcp, "\x16\x03\x03\x00\xa5\x01"sv, 3},
    };
    for (const auto& asked : cases) {
        const auto database = compile(asked.protocol);
        ASSERT_TRUE(database) << database.error();
        const Scanner scanner(*database);
        for (std::size_t length = 1; length <= asked.bytes.size(); ++length)
            EXPECT_EQ(scanner.ids(asked.bytes.substr(0, length)).empty(), length >= asked.dies_at)
                << policy::to_string(asked.protocol) << ' ' << length << ' ' << asked.bytes;
    }
}

}  // namespace
}  // namespace portcullis::signatures
