// Incremental checksums against whole ones, on random packets of every kind.
#include "dataplane/nat/rewrite.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane {
namespace {

using namespace test;

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
    std::uint16_t port() {
        static constexpr std::array<std::uint16_t, 4> kEdges = {0, 1, 0xffff, 0x8000};
        return below(4) == 0 ? kEdges[below(4)] : static_cast<std::uint16_t>(engine_());
    }
    IpAddress address(bool v4) {
        if (v4) {
            static constexpr std::array<std::uint32_t, 4> kEdges = {0, 0xffffffff, 0xffff0000, 1};
            return IpAddress::from_v4(below(8) == 0 ? kEdges[below(4)]
                                                    : static_cast<std::uint32_t>(engine_()));
        }
        std::array<std::uint8_t, 16> bytes{};
        const unsigned style = below(8);
        for (auto& b : bytes)
            b = style == 0 ? 0 : style == 1 ? 0xff : static_cast<std::uint8_t>(engine_());
        bytes[0] = 0x20;  // not the mapped range
        return IpAddress::from_bytes(bytes);
    }
    Bytes payload() {
        Bytes b(below(70));
        const unsigned style = below(4);
        for (auto& byte : b)
            byte = style == 0 ? 0 : style == 1 ? 0xff : static_cast<std::uint8_t>(engine_());
        return b;
    }
    std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

  private:
    std::mt19937_64 engine_;
};

TEST(Rewrite, ChecksumsStayRightOnRandomPackets) {
    Random random(1);
    for (unsigned round = 0; round < 200'000; ++round) {
        const bool v4 = random.below(2) == 0;
        const IpAddress source = random.address(v4);
        const IpAddress destination = random.address(v4);
        TestPacket p;
        bool request = false;
        bool icmp = false;
        switch (random.below(3)) {
            case 0:
                p = make_udp(source, destination, random.port(), random.port(), random.payload());
                break;
            case 1:
                p = make_tcp(
                    source, destination, random.port(), random.port(),
                    {random.word(), random.word(), 0x18, static_cast<std::uint16_t>(random.word()),
                     static_cast<std::uint16_t>(random.below(60))});
                break;
            default:
                icmp = true;
                request = random.below(2) == 0;
                p = make_echo(source, destination, request, random.port(), random.payload());
        }
        ASSERT_TRUE(p.checksums_right());
        FlowKey other;  // now and then nothing changes
        other.destination = random.below(4) == 0 ? source : random.address(v4);
        other.source = random.below(4) == 0 ? destination : random.address(v4);
        const FlowKey before = key_of(p, 0);
        other.destination_port = random.below(4) == 0 ? before.source_port : random.port();
        other.source_port = random.below(4) == 0 ? before.destination_port : random.port();
        if (icmp) (request ? other.source_port : other.destination_port) = 0;

        translate(p.view(), other);
        const FlowKey after = key_of(p, 0);
        ASSERT_EQ(after.source, other.destination);
        ASSERT_EQ(after.destination, other.source);
        ASSERT_EQ(after.source_port, other.destination_port);
        ASSERT_EQ(after.destination_port, other.source_port);
        ASSERT_TRUE(p.checksums_right()) << "round " << round;
        if (random.below(2) == 0) {
            ASSERT_TRUE(decrement_ttl(p.view()));
            ASSERT_TRUE(p.checksums_right()) << "round " << round;
        }
    }
}

// The short way for TCP and UDP against the long one, byte by byte. A checksum of ffff and one of 0
// are the same sum: only an IPv4 UDP checksum of 0 says something else, and stays.
TEST(Rewrite, ForwardIsTranslateAndTtlInOne) {
    Random random(2);
    for (unsigned round = 0; round < 200'000; ++round) {
        const bool v4 = random.below(2) == 0;
        const IpAddress source = random.address(v4);
        const IpAddress destination = random.address(v4);
        const Bytes payload = random.payload();
        TestPacket p = random.below(2) == 0
                           ? make_udp(source, destination, random.port(), random.port(), payload)
                           : make_tcp(source, destination, random.port(), random.port(),
                                      {random.word(), random.word(), 0x18});
        const unsigned ttl_at = v4 ? 8 : 7;
        p.bytes[ttl_at] = static_cast<std::uint8_t>(2 + random.below(254));
        p.finish();
        const bool udp_without = v4 && p.protocol == 17 && random.below(8) == 0;
        if (udp_without) put16(p.bytes, p.checksum_at(), 0);
        FlowKey other;
        other.destination = random.below(4) == 0 ? source : random.address(v4);
        other.source = random.below(4) == 0 ? destination : random.address(v4);
        other.destination_port = random.port();
        other.source_port = random.port();

        TestPacket slow = p;
        translate(slow.view(), other);
        ASSERT_TRUE(decrement_ttl(slow.view()));
        v4 ? forward_ipv4(p.view(), other) : forward_ipv6(p.view(), other);
        ASSERT_TRUE(udp_without ? get16(p.bytes, p.checksum_at()) == 0 : p.checksums_right())
            << "round " << round;
        for (const unsigned at : {p.checksum_at(), v4 ? 10U : p.checksum_at()}) {
            put16(slow.bytes, at, 0);
            put16(p.bytes, at, 0);
        }
        ASSERT_EQ(p.bytes, slow.bytes) << "round " << round;
    }
}

TEST(Rewrite, UdpWithoutAChecksumStaysSo) {
    TestPacket p = make_udp(ip("192.0.2.1"), ip("198.51.100.2"), 1000, 2000, {1, 2, 3});
    put16(p.bytes, p.checksum_at(), 0);
    FlowKey other;
    other.source = ip("10.0.0.1");
    other.destination = ip("10.0.0.2");
    other.source_port = 7;
    other.destination_port = 9;
    translate(p.view(), other);
    EXPECT_EQ(get16(p.bytes, p.checksum_at()), 0U);
    EXPECT_EQ(get16(p.bytes, 10), p.header_checksum());
}

TEST(Rewrite, AComputedZeroIsSentAsFfff) {
    // For every destination port: among all of them one gives a checksum of 0.
    unsigned seen = 0;
    for (unsigned port = 0; port < 65536; ++port) {
        TestPacket p = make_udp(ip("192.0.2.1"), ip("198.51.100.2"), 1000, 2000, {1, 2, 3, 4});
        FlowKey other = key_of(p, 0);
        std::swap(other.source, other.destination);
        other.destination_port = 1000;
        other.source_port = static_cast<std::uint16_t>(port);
        translate(p.view(), other);
        ASSERT_NE(get16(p.bytes, p.checksum_at()), 0U);
        ASSERT_TRUE(p.checksums_right());
        seen += get16(p.bytes, p.checksum_at()) == 0xffff;
    }
    EXPECT_GE(seen, 1U);
}

TEST(Rewrite, ABrokenChecksumStaysBroken) {
    TestPacket p = make_tcp(ip("192.0.2.1"), ip("198.51.100.2"), 1000, 2000, {1, 2, 0x10, 100, 8});
    p.bytes.back() ^= 0x40;
    FlowKey other;
    other.source = ip("10.0.0.1");
    other.destination = ip("10.0.0.2");
    translate(p.view(), other);
    EXPECT_NE(get16(p.bytes, p.checksum_at()), p.transport_checksum());
}

TEST(Rewrite, TtlIsNotTakenToZero) {
    for (const char* host : {"192.0.2.1", "2001:db8::1"}) {
        TestPacket p = make_udp(ip(host), ip(host), 1, 2);
        const unsigned at = p.family == Family::ipv4 ? 8 : 7;
        for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
            p.bytes[at] = ttl;
            const Bytes before = p.bytes;
            EXPECT_FALSE(decrement_ttl(p.view()));
            EXPECT_EQ(p.bytes, before);
        }
        p.bytes[at] = 2;
        p.finish();
        EXPECT_TRUE(decrement_ttl(p.view()));
        EXPECT_EQ(p.bytes[at], 1);
        EXPECT_TRUE(p.checksums_right());
    }
}

}  // namespace
}  // namespace portcullis::dataplane
