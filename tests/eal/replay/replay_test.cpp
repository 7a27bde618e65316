// The data plane and identify about captures made here: genuine flows and tunnels, in every order and
// form that captures have. And that a disagreement would be seen.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/eal/replay/replay.h"
#include "tests/support/capture_file.h"
#include "tests/support/first_bytes.h"
#include "tests/support/first_messages.h"

namespace portcullis::dataplane::test {
namespace {

using control::identify::Judgement;
using ::portcullis::test::bytes_of;
using ::portcullis::test::CaptureFile;
using ::portcullis::test::client_hello;
using ::portcullis::test::dns_query;
using ::portcullis::test::ssh_banner;
using ::portcullis::test::stun_request;

constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10, kPush = 0x18,
                       kUrgent = 0x38;

// One flow after another in a capture of raw IP; offsets count from an end's first byte.
class Captured {
  public:
    CaptureFile file;

    void begin(Family family) {
        ++port_;
        const bool v4 = family == Family::ipv4;
        client_ = ip(v4 ? "192.168.7.7" : "2001:db8:7::7");
        server_ = ip(v4 ? "192.168.8.8" : "2001:db8:8::8");
    }
    void open() {
        tcp(true, kSyn, kBeforeFirst, 0);
        tcp(false, kSyn | kAck, kBeforeFirst, 0);
        tcp(true, kAck, 0, 0);
    }
    void tcp(bool client, std::uint8_t flags, std::uint32_t offset, std::uint32_t acked,
             const Bytes& payload = {}, bool broken = false, std::size_t kept = 65535) {
        TcpFields fields;
        fields.flags = flags;
        fields.sequence = (client ? kClientFirst : kServerFirst) + offset;
        fields.ack = (flags & kAck) != 0 ? (client ? kServerFirst : kClientFirst) + acked : 0;
        fields.payload = static_cast<std::uint16_t>(payload.size());
        fields.scale = (flags & kSyn) != 0 ? 3 : -1;
        auto packet = client ? make_tcp(client_, server_, port_, 443, fields)
                             : make_tcp(server_, client_, 443, port_, fields);
        std::copy(payload.begin(), payload.end(),
                  packet.bytes.end() - static_cast<std::ptrdiff_t>(payload.size()));
        packet.finish();
        if (broken) packet.bytes[packet.checksum_at()] ^= 0x55;
        file.add(packet.bytes, time_ += 1'000'000, kept);
    }
    void client(std::uint32_t offset, const Bytes& payload, std::uint32_t acked = 0) {
        tcp(true, kPush, offset, acked, payload);
    }
    void server(std::uint32_t offset, const Bytes& payload, std::uint32_t acked) {
        tcp(false, payload.empty() ? kAck : kPush, offset, acked, payload);
    }
    // Both ends have said so much.
    void close(std::uint32_t client, std::uint32_t server) {
        tcp(true, kFin | kAck, client, server);
        tcp(false, kFin | kAck, server, client + 1);
        tcp(true, kAck, client + 1, server + 1);
    }
    void udp(bool client, const Bytes& payload) {
        const auto packet = client ? make_udp(client_, server_, port_, 3478, payload)
                                   : make_udp(server_, client_, 3478, port_, payload);
        file.add(packet.bytes, time_ += 1'000'000);
    }

    static constexpr std::uint32_t kBeforeFirst = 0xffffffff;

  private:
    static constexpr std::uint32_t kClientFirst = 0xffffffe0, kServerFirst = 77;  // it wraps soon
    IpAddress client_, server_;
    std::uint16_t port_ = 40000;
    std::uint64_t time_ = 1'700'000'000'000'000'000;
};

std::uint32_t size_of(const Bytes& bytes) {
    return static_cast<std::uint32_t>(bytes.size());
}
Bytes part(const Bytes& bytes, std::size_t from, std::size_t to) {
    return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
            bytes.begin() + static_cast<std::ptrdiff_t>(to)};
}
const Bytes kAnswer = bytes_of("an answer");

// A whole conversation that begins with `message`.
void talk(Captured& captured, const Bytes& message, bool stream, Family family) {
    captured.begin(family);
    if (!stream) {
        captured.udp(true, message);
        captured.udp(false, message);
        captured.udp(true, message);
        captured.udp(false, kAnswer);
        return;
    }
    const auto said = size_of(message);
    captured.open();
    captured.client(0, message);
    captured.server(0, {}, said);
    captured.server(0, kAnswer, said);
    captured.client(said, kAnswer, size_of(kAnswer));
    captured.close(said + size_of(kAnswer), size_of(kAnswer));
}

class ReplayTest : public ::testing::Test {
  protected:
    ReplayTest() : replay_([this](const std::string& line) { lines_ += line + "\n"; }) {
        std::string name = std::filesystem::temp_directory_path() / "pc-replay-XXXXXX";
        directory_ = ::mkdtemp(name.data());
    }
    ~ReplayTest() override {
        std::error_code error;
        std::filesystem::remove_all(directory_, error);
    }
    const Tally& play(const CaptureFile& file) {
        const auto path = directory_ / "test.pcap";
        ::portcullis::test::write_file(path, file.pcap(101));
        EXPECT_TRUE(replay_.run(path)) << lines_;
        return replay_.tally();
    }
    // Genuine where `passes`, refused by all classes where not.
    void agree(const Captured& captured, bool passes) {
        const Tally before = replay_.tally();
        const Tally& after = play(captured.file);
        EXPECT_EQ(after.disagreements, before.disagreements) << lines_;
        EXPECT_EQ(after.passed > before.passed, passes);
        EXPECT_GT(after.refused, before.refused);
    }
    bool heard(std::string_view what) const { return lines_.find(what) != std::string::npos; }

    std::string lines_;
    Replay replay_;
    std::filesystem::path directory_;
};

TEST_F(ReplayTest, WhatRealProgramsSendFirst) {
    Captured captured;
    std::size_t flows = 0;
    for (const auto& message : first_messages()) {
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            talk(captured, message.bytes, policy::is_stream(message.classes.front()), family);
            ++flows;
        }
    }
    const Tally& tally = play(captured.file);
    EXPECT_EQ(tally.flows, flows);
    EXPECT_EQ(tally.not_played, 0U);
    EXPECT_GT(tally.passed, 2 * flows);
    EXPECT_EQ(tally.disagreements, 0U) << lines_;
}

TEST_F(ReplayTest, Tunnels) {
    Captured captured;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        talk(captured, ssh_banner(), true, family);
        talk(captured, Bytes(1200, 0xa7), true, family);
        talk(captured, Bytes(148, 0x01), false, family);  // as WireGuard begins
        captured.begin(family);
        captured.open();
        captured.server(0, ssh_banner(), 0);
        captured.client(0, ssh_banner(), size_of(ssh_banner()));
        captured.close(size_of(ssh_banner()), size_of(ssh_banner()));
    }
    agree(captured, false);
}

TEST_F(ReplayTest, AHelloInAnyOrder) {
    const Bytes hello = client_hello("sip.example.com", 3000);
    const auto size = size_of(hello);
    Captured captured;
    captured.begin(Family::ipv4);
    captured.open();
    captured.client(2000, part(hello, 2000, size));
    captured.client(1000, part(hello, 1000, 2000));
    captured.client(0, part(hello, 0, 1000));
    captured.client(500, part(hello, 500, 1500));
    captured.server(0, {}, size);
    captured.server(0, kAnswer, size);
    captured.close(size, size_of(kAnswer));

    captured.begin(Family::ipv6);  // as its sender's NIC was to cut it
    captured.open();
    captured.client(0, hello);
    captured.server(0, {}, size);

    captured.begin(Family::ipv4);  // as a short snap length has it
    captured.open();
    captured.client(0, hello);
    captured.server(0, {}, size);
    captured.tcp(true, kPush, size, 0, Bytes(900, 1), false, 64);
    agree(captured, true);
    EXPECT_GT(replay_.tally().held, 0U);
}

TEST_F(ReplayTest, WhatCapturesHaveOfOrdinaryTcp) {
    const Bytes hello = client_hello();
    const auto size = size_of(hello);
    Captured captured;
    captured.begin(Family::ipv4);
    captured.tcp(true, kSyn, Captured::kBeforeFirst, 0);
    captured.open();
    captured.tcp(true, kAck, 0, 0);
    captured.client(0, hello);
    captured.client(0, hello);
    captured.server(0, {}, size);
    captured.tcp(true, kAck, size - 1, 0, Bytes(1, 0));  // keepalive
    captured.server(0, kAnswer, size);
    captured.tcp(true, kUrgent, size, 9, kAnswer);
    captured.tcp(true, kRst, size + size_of(kAnswer), 0);

    captured.begin(Family::ipv4);  // RFC 7413
    captured.tcp(true, kSyn, Captured::kBeforeFirst, 0, hello);
    captured.tcp(false, kSyn | kAck, Captured::kBeforeFirst, size);
    captured.tcp(true, kAck, size, 0);
    captured.server(0, kAnswer, size);

    captured.begin(Family::ipv4);  // both close at once
    captured.open();
    captured.client(0, hello);
    captured.server(0, {}, size);
    captured.tcp(true, kFin | kAck, size, 0);
    captured.tcp(false, kFin | kAck, 0, size);
    captured.tcp(true, kAck, size + 1, 1);
    captured.tcp(false, kAck, 1, size + 1);
    agree(captured, true);
}

// As from behind SYN cookies. The client takes the first answer, or has lost it and takes the other.
TEST_F(ReplayTest, TwoAnswersToOneSyn) {
    const Bytes hello = client_hello();
    const auto size = size_of(hello);
    constexpr std::uint32_t kOther = 500'000;
    Captured captured;
    for (const std::uint32_t taken : {0U, kOther}) {
        captured.begin(Family::ipv4);
        captured.tcp(true, kSyn, Captured::kBeforeFirst, 0);
        captured.tcp(false, kSyn | kAck, Captured::kBeforeFirst, 0);
        captured.tcp(true, kSyn, Captured::kBeforeFirst, 0);
        captured.tcp(false, kSyn | kAck, kOther - 1, 0);
        captured.tcp(true, kAck, 0, taken);
        captured.client(0, hello, taken);
        captured.server(taken, {}, size);
        captured.server(taken, kAnswer, size);
        captured.close(size, taken + size_of(kAnswer));
    }
    agree(captured, true);
    EXPECT_EQ(replay_.tally().excused[static_cast<unsigned>(Excuse::stray_handshake)], 0U);
    EXPECT_EQ(replay_.tally().excused[static_cast<unsigned>(Excuse::not_captured)], 0U);
}

// Its receiver does not take the decoy, so the data plane must not either.
TEST_F(ReplayTest, DecoysWithAWrongChecksum) {
    const Bytes hello = client_hello();
    Captured captured;
    captured.begin(Family::ipv4);
    captured.open();
    captured.tcp(true, kPush, 0, 0, hello, true);
    captured.client(0, ssh_banner());
    captured.server(0, ssh_banner(), size_of(ssh_banner()));
    agree(captured, false);

    Captured other;
    other.begin(Family::ipv4);
    other.open();
    other.tcp(true, kPush, 0, 0, ssh_banner(), true);
    other.client(0, hello);
    other.server(0, kAnswer, size_of(hello));
    agree(other, true);
    EXPECT_GT(replay_.tally().excused[static_cast<unsigned>(Excuse::wrong_checksum)], 0U);
}

TEST_F(ReplayTest, UdpBeforeAnyAnswer) {
    Captured captured;
    captured.begin(Family::ipv4);
    for (std::uint8_t i = 0; i < 5; ++i) captured.udp(true, stun_request(i));
    captured.udp(false, stun_request());
    captured.begin(Family::ipv4);
    captured.udp(true, dns_query());
    captured.udp(true, ssh_banner());  // refused, where the class is DNS
    captured.udp(false, dns_query());
    agree(captured, true);
}

TEST_F(ReplayTest, KeptCaptures) {
    for (const auto& entry : std::filesystem::directory_iterator(CAPTURES_DIR))
        EXPECT_TRUE(replay_.run(entry.path())) << lines_;
    EXPECT_GT(replay_.tally().passed, 0U);
    EXPECT_EQ(replay_.tally().disagreements, 0U) << lines_;
}

// Did identify say something else, it would be seen.
TEST_F(ReplayTest, AWrongExpectationIsADisagreement) {
    Captured captured;
    talk(captured, client_hello(), true, Family::ipv4);
    talk(captured, dns_query(), false, Family::ipv4);
    replay_.lie([](Judgement& judgement) {
        judgement = judgement.passes
                        ? Judgement{false, inspect::Violation::wrong_protocol, 4, false}
                        : Judgement{true, {}, 0, false};
    });
    const Tally& tally = play(captured.file);
    EXPECT_GE(tally.disagreements, tally.plays);
    EXPECT_TRUE(heard("packet 4 leaked, and 2 more; identify: refused at packet 4")) << lines_;
    EXPECT_TRUE(heard("packet 4 no reset")) << lines_;
    EXPECT_TRUE(heard("packet 4 lost (not-conformant)")) << lines_;
    EXPECT_TRUE(heard("packet 1 reset; identify: passes")) << lines_;
}

}  // namespace
}  // namespace portcullis::dataplane::test
