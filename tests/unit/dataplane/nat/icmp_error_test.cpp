// ICMP errors: whose they are, and their translation held against whole checksums.
#include "dataplane/nat/icmp_error.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/nat/rewrite.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

class Random {
  public:
    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
    std::uint32_t below(std::uint32_t n) { return word() % n; }
    IpAddress address(bool v4) {
        if (v4) return IpAddress::from_v4(word());
        std::array<std::uint8_t, 16> bytes;
        for (auto& b : bytes) b = static_cast<std::uint8_t>(word());
        bytes[0] = 0x20;
        return IpAddress::from_bytes(bytes);
    }
    std::uint16_t port() { return static_cast<std::uint16_t>(word()); }

  private:
    std::mt19937_64 engine_{4};
};

FlowKey key(const IpAddress& source, std::uint16_t sp, const IpAddress& destination,
            std::uint16_t dp, std::uint8_t protocol, std::uint16_t interface) {
    FlowKey k;
    k.source = source;
    k.source_port = sp;
    k.destination = destination;
    k.destination_port = dp;
    k.protocol = protocol;
    k.interface = interface;
    return k;
}

// A client talks to a VIP, a node behind it answers; routers and ends on both sides complain about
// translated packets. The error must come out as if it were about the packet before translation.
TEST(IcmpError, UndoesTheTranslationOfWhatItQuotes) {
    Random random;
    for (unsigned round = 0; round < 100'000; ++round) {
        const bool v4 = random.below(2) == 0;
        const unsigned kind = random.below(3);
        const bool echo = kind == 2;
        const auto protocol = static_cast<std::uint8_t>(kind == 0 ? 6 : kind == 1 ? 17 : 1);
        const IpAddress client = random.address(v4);
        const IpAddress vip = random.address(v4);
        const IpAddress node = random.address(v4);
        const IpAddress ours = random.below(2) == 0 ? client : random.address(v4);
        const std::uint16_t cp = random.port();
        const std::uint16_t sp = echo ? 0 : random.port();
        const std::uint16_t op = random.below(2) == 0 ? cp : random.port();
        const FlowKey keys[2] = {key(client, cp, vip, sp, protocol, 1),
                                 key(node, sp, ours, op, protocol, 2)};
        const unsigned d = random.below(2);  // who has sent the quoted packet
        const FlowKey& in = keys[d];
        const FlowKey& other = keys[1 - d];

        Bytes payload(random.below(40));
        for (auto& b : payload) b = static_cast<std::uint8_t>(random.word());
        TestPacket quoted;
        if (echo)
            quoted = make_echo(in.source, in.destination, d == 0, cp, payload);
        else if (protocol == 17)
            quoted =
                make_udp(in.source, in.destination, in.source_port, in.destination_port, payload);
        else
            quoted = make_tcp(in.source, in.destination, in.source_port, in.destination_port,
                              {random.word(), random.word(), 0x18, 100,
                               static_cast<std::uint16_t>(payload.size())});
        if (echo && d == 1) {  // the reply has the identifier that the node saw
            put16(quoted.bytes, quoted.l4 + 4, op);
            quoted.finish();
        }
        const bool no_checksum = v4 && protocol == 17 && random.below(4) == 0;
        if (no_checksum) put16(quoted.bytes, quoted.checksum_at(), 0);
        const Bytes original = quoted.bytes;
        ASSERT_EQ(key_of(quoted, in.interface), in);
        translate(quoted.view(), other);
        // What is quoted is what left, cut anywhere behind the first 8 bytes.
        const std::size_t cut =
            quoted.l4 + 8 +
            random.below(static_cast<std::uint32_t>(quoted.bytes.size() - quoted.l4 - 7));
        Bytes quote(quoted.bytes.begin(), quoted.bytes.begin() + static_cast<std::ptrdiff_t>(cut));

        const bool from_peer = random.below(2) == 0;
        const IpAddress reporter = from_peer ? other.source : random.address(v4);
        static constexpr std::uint8_t kTypesV4[] = {3, 11, 12};
        static constexpr std::uint8_t kTypesV6[] = {1, 2, 3, 4};
        const std::uint8_t type = v4 ? kTypesV4[random.below(3)] : kTypesV6[random.below(4)];
        TestPacket error = make_icmp_error(reporter, other.destination, type, 0, quote);
        error.bytes.shrink_to_fit();
        ASSERT_TRUE(error.checksums_right());

        const auto flow = parse_icmp_error(error.view(), other.interface);
        ASSERT_TRUE(flow) << round;
        ASSERT_EQ(flow->key, other);  // the key that the peer's own packets have
        if (protocol == 6) {
            ASSERT_EQ(flow->tcp_sequence, get32(original, quoted.l4 + 4));
        }

        translate_icmp_error(error.view(), *flow, in);
        ASSERT_TRUE(error.checksums_right()) << round;
        const FlowKey outer = key_of(error, 0);
        ASSERT_EQ(outer.destination, in.source);
        ASSERT_EQ(outer.source, from_peer ? in.destination : reporter);
        // The quote is the original again, checksums included; 0 and 0xffff are the same UDP
        // checksum.
        Bytes inner(error.bytes.begin() + flow->l3_offset, error.bytes.end());
        ASSERT_EQ(inner.size(), cut);
        if (cut == quoted.checksum_at() + 1) inner.pop_back();
        ASSERT_TRUE(std::equal(inner.begin(), inner.end(), original.begin())) << round;
    }
}

TEST(IcmpError, OnlyErrorsAboutASessionsPacketsAreRead) {
    const IpAddress a = ip("192.0.2.1");
    const IpAddress b = ip("198.51.100.2");
    const TestPacket udp = make_udp(a, b, 1000, 2000, {1, 2, 3, 4});
    const auto parse = [&](std::uint8_t type, const Bytes& quote, const IpAddress& to) {
        TestPacket p = make_icmp_error(ip("203.0.113.1"), to, type, 0, quote);
        p.bytes.shrink_to_fit();
        return parse_icmp_error(p.view(), 0).has_value();
    };
    for (unsigned type = 0; type < 256; ++type)
        EXPECT_EQ(parse(static_cast<std::uint8_t>(type), udp.bytes, a),
                  type == 3 || type == 11 || type == 12);
    EXPECT_FALSE(parse(3, udp.bytes, b)) << "not to the sender of what is quoted";
    Bytes quote = udp.bytes;
    quote.resize(28);
    EXPECT_TRUE(parse(3, quote, a)) << "8 bytes are enough";
    quote.resize(27);
    EXPECT_FALSE(parse(3, quote, a));
    quote = udp.bytes;
    put16(quote, 6, 0x2000);
    EXPECT_TRUE(parse(3, quote, a)) << "a first fragment";
    for (unsigned offset = 1; offset < 0x2000; offset <<= 1) {
        put16(quote, 6, static_cast<std::uint16_t>(0x2000 | offset));
        EXPECT_FALSE(parse(3, quote, a)) << "another fragment, at " << offset;
    }
    quote = udp.bytes;
    quote[0] = 0x65;
    EXPECT_FALSE(parse(3, quote, a));
    quote[0] = 0x44;
    EXPECT_FALSE(parse(3, quote, a));
    quote[0] = 0x4f;
    EXPECT_FALSE(parse(3, quote, a)) << "a header longer than the quote";
    quote = udp.bytes;
    quote[9] = 47;
    EXPECT_FALSE(parse(3, quote, a)) << "no protocol of ours";
    const TestPacket inner_error = make_icmp_error(a, b, 3, 0, udp.bytes);
    EXPECT_FALSE(parse(3, inner_error.bytes, a)) << "an error about an error";
}

// It would be looked up as the session of an IPv4 address.
TEST(IcmpError, AQuotedAddressThatIsMappedIsNone) {
    const IpAddress a = ip("2001:db8::1");
    const IpAddress b = ip("2001:db8::2");
    Bytes quote = make_udp(a, b, 1000, 2000, {1, 2, 3, 4}).bytes;
    EXPECT_TRUE(parse_icmp_error(make_icmp_error(b, a, 1, 0, quote).view(), 0));
    std::fill_n(quote.begin() + 24, 10, std::uint8_t{0});
    quote[34] = quote[35] = 0xff;
    EXPECT_FALSE(parse_icmp_error(make_icmp_error(b, a, 1, 0, quote).view(), 0));
}

TEST(IcmpError, ExtensionHeadersInAQuote) {
    const IpAddress a = ip("2001:db8::1");
    const IpAddress b = ip("2001:db8::2");
    TestPacket udp = make_udp(a, b, 1000, 2000, {1, 2, 3, 4});
    const auto with = [&](const Bytes& extensions, std::uint8_t first) {
        Bytes quote(udp.bytes.begin(), udp.bytes.begin() + 40);
        quote[6] = first;
        append(quote, extensions);
        append(quote, Bytes(udp.bytes.begin() + 40, udp.bytes.end()));
        TestPacket p = make_icmp_error(b, a, 1, 0, quote);
        p.bytes.shrink_to_fit();
        return parse_icmp_error(p.view(), 0);
    };
    const auto flow =
        with({60, 0, 1, 4, 0, 0, 0, 0, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0);
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->key.destination_port, 1000);
    EXPECT_EQ(flow->l4_offset, 40 + 8 + 40 + 24);
    EXPECT_TRUE(with({17, 0, 0, 1, 0, 0, 0, 9}, 44)) << "a first fragment";
    EXPECT_FALSE(with({17, 0, 0, 8, 0, 0, 0, 9}, 44)) << "another fragment";
    EXPECT_FALSE(with({17, 0, 0x80, 0, 0, 0, 0, 9}, 44)) << "one far behind";
    EXPECT_FALSE(with({17, 200, 0, 0, 0, 0, 0, 0}, 60)) << "beyond the quote";
    Bytes chain;
    for (unsigned i = 0; i < 6; ++i) append(chain, {60, 0, 1, 4, 0, 0, 0, 0});
    EXPECT_FALSE(with(chain, 60)) << "a chain without end";
}

TEST(IcmpError, NothingIsReadBeyondTheEnd) {
    std::mt19937 random(9);
    const TestPacket quotes[] = {make_udp(ip("192.0.2.1"), ip("192.0.2.2"), 1, 2, {1, 2, 3}),
                                 make_tcp(ip("2001:db8::1"), ip("2001:db8::2"), 1, 2, {})};
    FlowKey other;
    unsigned parsed = 0;
    for (unsigned round = 0; round < 200'000; ++round) {
        const TestPacket& q = quotes[round % 2];
        other.source = key_of(q, 0).source;
        other.destination = key_of(q, 0).destination;
        TestPacket p = make_icmp_error(key_of(q, 0).destination, key_of(q, 0).source,
                                       q.family == Family::ipv4 ? 3 : 1, 0, q.bytes);
        p.bytes.resize(p.l4 + random() % (p.bytes.size() - p.l4 + 1));
        for (std::size_t i = p.l4 + 8; i < p.bytes.size(); ++i)
            if (random() % 30 == 0) p.bytes[i] = static_cast<std::uint8_t>(random());
        p.bytes.shrink_to_fit();
        if (const auto flow = parse_icmp_error(p.view(), 0)) {
            ++parsed;
            ASSERT_LE(flow->l4_offset + 8U, p.bytes.size());
            translate_icmp_error(p.view(), *flow, other);
        }
    }
    EXPECT_GT(parsed, 10'000U);
}

}  // namespace
}  // namespace portcullis::dataplane
