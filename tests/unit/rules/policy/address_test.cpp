#include "rules/policy/address.h"

#include <gtest/gtest.h>

#include <random>

namespace portcullis::policy {
namespace {

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}
Prefix net(std::string_view text) {
    return Prefix::parse(text).value();
}

TEST(IpAddress, V4TextAndValueAgree) {
    EXPECT_EQ(ip("192.0.2.1"), IpAddress::from_v4(0xc0000201));
    EXPECT_EQ(ip("192.0.2.1").v4(), 0xc0000201U);
    EXPECT_EQ(ip("0.0.0.0").to_string(), "0.0.0.0");
    EXPECT_EQ(ip("255.255.255.255").to_string(), "255.255.255.255");
    EXPECT_EQ(ip("192.0.2.1").family(), Family::ipv4);
    EXPECT_EQ(ip("2001:db8::1").family(), Family::ipv6);
}

TEST(IpAddress, V6TextIsRfc5952) {
    const std::pair<const char*, const char*> cases[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::A", "2001:db8::a"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // first of equal runs
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one group is never "::"
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"1:2:3:4:5:6::", "1:2:3:4:5:6::"},
        {"0:0:3:4:5:6:0:0", "::3:4:5:6:0:0"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
        {"fe80::ffff:0:0", "fe80::ffff:0:0"},
    };
    for (const auto& [text, expected] : cases) {
        const auto address = IpAddress::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), expected) << text;
        EXPECT_EQ(IpAddress::parse(address->to_string()), address) << text;
    }
}

TEST(IpAddress, RejectsWhatIsNoAddress) {
    for (const char* text : {"",
                             " ",
                             "1.2.3",
                             "1.2.3.4.5",
                             "1.2.3.256",
                             "1.2.3.04",
                             "1.2.3.",
                             ".1.2.3",
                             "1..2.3",
                             "+1.2.3.4",
                             "1.2.3.-4",
                             "1.2.3.4 ",
                             " 1.2.3.4",
                             "1.2.3.4/24",
                             "0x1.2.3.4",
                             "1.2.3.4a",
                             ":",
                             ":::",
                             "1",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1:2:3:4:5:6:7:8::",
                             "::1:2:3:4:5:6:7:8",
                             "1::2:3:4:5:6:7:8",
                             "1::2::3",
                             ":1::2",
                             "1:",
                             "1::2:",
                             ":1",
                             "12345::",
                             "g::",
                             "::-1",
                             "::+1",
                             "::1%eth0",
                             "[::1]",
                             "::1/64",
                             "1.2.3.4::",
                             "::1.2.3",
                             "::1.2.3.4:5",
                             "1:2:3:4:5:6:7:1.2.3.4",
                             "::0x1",
                             "::ffff:1.2.3.4",
                             "::ffff:102:304",
                             "0:0:0:0:0:ffff:0:0",
                             "localhost"})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, RandomAddressesSurviveTheirText) {
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        for (unsigned group = 0; group < 8; ++group) {
            if (random() % 2 == 0) continue;  // many zero groups, for "::"
            bytes[2 * group] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : 0);
            bytes[2 * group + 1] = static_cast<std::uint8_t>(random());
        }
        const auto address = IpAddress::from_bytes(bytes);
        EXPECT_EQ(IpAddress::parse(address.to_string()), address) << address.to_string();
    }
}

TEST(Prefix, ParsesAndPrints) {
    EXPECT_EQ(net("192.0.2.0/24").to_string(), "192.0.2.0/24");
    EXPECT_EQ(net("192.0.2.7").to_string(), "192.0.2.7");
    EXPECT_EQ(net("192.0.2.7/32"), Prefix::host(ip("192.0.2.7")));
    EXPECT_EQ(net("0.0.0.0/0"), Prefix::all(Family::ipv4));
    EXPECT_EQ(net("::/0"), Prefix::all(Family::ipv6));
    EXPECT_EQ(net("::/0").to_string(), "::/0");
    EXPECT_EQ(net("2001:db8::/32").to_string(), "2001:db8::/32");
    EXPECT_EQ(net("2001:db8::1/128").to_string(), "2001:db8::1");
    EXPECT_EQ(net("192.0.2.0/24").length(), 24U);
    EXPECT_EQ(net("0.0.0.0/0").family(), Family::ipv4);
}

TEST(Prefix, RejectsHostBitsAndBadLengths) {
    for (const char* text : {"192.0.2.1/24", "2001:db8::1/64", "1.2.3.4/33", "::/129", "1.2.3.0/",
                             "1.2.3.0/024", "1.2.3.0/-1", "1.2.3.0/24 ", "/24", "::ffff:0:0/96"})
        EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Prefix, ContainsWithinItsFamilyOnly) {
    EXPECT_TRUE(net("192.0.2.0/25").contains(ip("192.0.2.127")));
    EXPECT_FALSE(net("192.0.2.0/25").contains(ip("192.0.2.128")));
    EXPECT_TRUE(net("0.0.0.0/0").contains(ip("255.255.255.255")));
    EXPECT_FALSE(net("0.0.0.0/0").contains(ip("2001:db8::1")));
    EXPECT_FALSE(net("::/0").contains(ip("192.0.2.1")));
    EXPECT_FALSE(net("::/0").contains(net("192.0.2.0/24")));
    EXPECT_TRUE(net("2001:db8::/61").contains(ip("2001:db8:0:7:ffff::")));
    EXPECT_FALSE(net("2001:db8::/61").contains(ip("2001:db8:0:8::")));
    EXPECT_TRUE(net("10.0.0.0/8").contains(net("10.30.0.0/16")));
    EXPECT_FALSE(net("10.30.0.0/16").contains(net("10.0.0.0/8")));
    EXPECT_TRUE(net("10.0.0.0/8").contains(net("10.0.0.0/8")));
}

TEST(Prefix, MakeClearsHostBitsAtEveryLength) {
    for (unsigned length = 0; length <= 32; ++length) {
        const std::uint32_t mask = length == 0 ? 0 : 0xffffffffU << (32 - length);
        EXPECT_EQ(Prefix::make(ip("255.255.255.255"), length).address().v4(), mask);
        EXPECT_EQ(Prefix::make(ip("255.255.255.255"), length).length(), length);
    }
    EXPECT_EQ(Prefix::make(ip("2001:db8::ffff"), 127).address(), ip("2001:db8::fffe"));
}

}  // namespace
}  // namespace portcullis::policy
