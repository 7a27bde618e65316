// The files that `portcullis identify` reads: link layers, fragments, damage.
#include "tests/unit/control/cli/identify_fixture.h"

namespace portcullis::control::cli {
namespace {

using namespace testing;

TEST_F(IdentifyTest, EveryLinkType) {
    const Bytes v4 = make_udp(kClient, kServer, 40000, 53, dns_query()).bytes;
    const Bytes v6 = make_udp(ip("2001:db8::1"), ip("2001:db8::2"), 40000, 53, dns_query()).bytes;
    Bytes padded = v4;
    padded.resize(v4.size() + 9);
    Bytes extended = v6;  // hop-by-hop options and a destination header
    extended[6] = 0;
    extended.insert(extended.begin() + 40, {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0});
    put16(extended, 4, static_cast<unsigned>(extended.size() - 40));
    Bytes sll(14, 0), sll2 = {8, 0}, null = {2, 0, 0, 0}, loop = {0, 0, 0, 24};
    append(sll, {8, 0});
    append(sll, v4);
    sll2.resize(20);
    append(sll2, v4);
    append(null, v4);
    append(loop, v6);
    const std::vector<std::pair<std::uint32_t, Bytes>> captures = {
        {kEthernet, ethernet(0x0800, v4)},
        {kEthernet, ethernet(0x0800, padded, {0x81, 0, 0, 10})},
        {kEthernet, ethernet(0x86dd, v6, {0x88, 0xa8, 0, 10, 0x81, 0, 0, 20})},
        {kEthernet, ethernet(0x86dd, extended)},
        {113, sll},
        {276, sll2},
        {kRaw, v4},
        {kRaw, v6},
        {228, v4},
        {229, v6},
        {0, null},
        {108, loop},
    };
    for (const auto& [link, packet] : captures) {
        CaptureFile file;
        file.add(packet);
        for (const auto& bytes :
             {file.pcap(link), file.pcap(link, true), file.pcap(link, false, true),
              file.pcap(link, true, true), file.pcapng(link)}) {
            const auto output = run(bytes);
            ASSERT_EQ(output.code, kOk) << output.err;
            ASSERT_EQ(output.json().size(), 1U) << link << output.err;
            EXPECT_EQ(output.json()[0]["class"], "dns-udp") << link;
        }
    }
}

TEST_F(IdentifyTest, FragmentsAreSkippedAndNoted) {
    CaptureFile file;
    auto query = make_udp(kClient, kServer, 40000, 53, dns_query());
    file.add(query.bytes);
    put16(query.bytes, 6, 0x2000);
    file.add(query.bytes);
    put16(query.bytes, 6, 0x0003);
    file.add(query.bytes);
    const auto output = run(file.pcap(kRaw));
    ASSERT_EQ(output.json().size(), 1U);
    EXPECT_EQ(output.json()[0]["class"], "dns-udp");
    EXPECT_EQ(output.json()[0]["notes"][0], "1 first fragment of IP packets skipped");
    EXPECT_NE(output.err.find("2 IP fragments"), std::string::npos);
}

TEST_F(IdentifyTest, DamagedFilesSayWhere) {
    CaptureFile file;
    for (int i = 0; i < 3; ++i) file.add(make_udp(kClient, kServer, 40000, 53, dns_query()).bytes);
    auto bytes = file.pcap(kRaw);
    const std::size_t each = (bytes.size() - 24) / 3;
    auto cut = bytes;
    cut.resize(24 + 2 * each + 5);
    auto output = run(cut);
    EXPECT_EQ(output.code, kNegative);
    EXPECT_EQ(output.json().size(), 1U);
    EXPECT_NE(output.err.find("test.pcap: packet 3, byte " + std::to_string(cut.size())),
              std::string::npos)
        << output.err;
    auto huge = bytes;
    huge[24 + each + 8 + 3] = 0x7f;  // a captured length of 2 GB
    output = run(huge);
    EXPECT_EQ(output.code, kNegative);
    EXPECT_NE(output.err.find("packet 2, byte "), std::string::npos) << output.err;

    for (const auto& broken :
         {CaptureFile::Bytes{}, CaptureFile::Bytes(100, 'x'), part(bytes, 0, 20)}) {
        output = run(broken);
        EXPECT_EQ(output.code, kNegative);
        EXPECT_NE(output.err.find("a capture is a pcap or pcapng file"), std::string::npos)
            << output.err;
    }
    output = run(file.pcap(105));
    EXPECT_EQ(output.code, kNegative);
    EXPECT_NE(output.err.find("IEEE802_11"), std::string::npos) << output.err;
    output = identify({"/nowhere/x.pcap"});
    EXPECT_EQ(output.code, kNegative);
    EXPECT_NE(output.err.find("/nowhere/x.pcap"), std::string::npos) << output.err;
}

// RFC 8200 8.1: who sends UDP over IPv6 has to compute a checksum. RFC 768: over IPv4 nobody has to.
TEST_F(IdentifyTest, UdpWithoutAChecksum) {
    CaptureFile file;
    for (const auto& [client, server] :
         {std::pair{kClient, kServer}, std::pair{ip("2001:db8::25"), ip("2001:db8::10")}}) {
        auto packet = make_udp(client, server, 40000, 53, dns_query());
        put16(packet.bytes, packet.checksum_at(), 0);
        file.add(packet.bytes);
    }
    const auto output = run(file.pcap(kRaw));
    const auto list = output.json();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0]["initiator"]["address"], kClient.to_string());
    EXPECT_NE(output.err.find("1 with malformed"), std::string::npos) << output.err;
}

// Whatever stands in a file: an answer, and never a read outside of a packet.
TEST_F(IdentifyTest, DamagedPacketsAreSkipped) {
    CaptureFile whole;
    Talk talk(whole);
    talk.open();
    talk.client(kPush, 0, client_hello("x"));
    const auto sound = whole.pcap(kRaw);
    for (std::size_t at = 24; at < sound.size(); ++at)
        for (const auto value : Bytes{0x00, 0x01, 0x45, 0x60, 0xff}) {
            auto spoiled = sound;
            spoiled[at] = value;
            const auto output = run(spoiled);
            ASSERT_TRUE(output.json().is_array()) << at << ' ' << output.out;
        }
}

}  // namespace
}  // namespace portcullis::control::cli
