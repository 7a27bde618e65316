// Conversations that the tests of `identify` put into captures.
#pragma once

#include <string_view>

#include "tests/support/capture_file.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::control::cli::testing {

using dataplane::test::append;
using dataplane::test::Bytes;
using dataplane::test::ip;
using dataplane::test::make_ip;
using dataplane::test::make_udp;
using dataplane::test::put16;
using dataplane::test::put32;
using test::CaptureFile;

inline constexpr std::uint32_t kEthernet = 1, kRaw = 101;
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPush = 0x18, kAck = 0x10,
                              kSynAck = 0x12;
inline const auto kClient = ip("198.51.100.25");
inline const auto kServer = ip("203.0.113.10");

inline Bytes ethernet(std::uint16_t type, const Bytes& payload, const Bytes& tags = {}) {
    Bytes frame(12, 2);
    append(frame, tags);
    append(frame, {static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)});
    append(frame, payload);
    return frame;
}

inline Bytes dns_query() {
    return {0x12, 0x34, 1,   0,   0,   1,   0,   0,   0,   0, 0, 0, 3, 's', 'i',
            'p',  7,    'c', 'o', 'n', 't', 'o', 's', 'o', 0, 0, 1, 0, 1};
}

inline Bytes client_hello(std::string_view name) {
    Bytes extension = {0, 0, 0, 0, 0, 0, 0, 0, 0};
    append(extension, Bytes(name.begin(), name.end()));
    const auto length = static_cast<unsigned>(name.size());
    put16(extension, 2, length + 5);
    put16(extension, 4, length + 3);
    put16(extension, 7, length);
    Bytes hello = {0x16, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    append(hello, Bytes(32, 0x5a));
    append(hello, {0, 0, 4, 0x13, 1, 0xc0, 0x2f, 1, 0, 0, 0});
    put16(hello, hello.size() - 2, static_cast<unsigned>(extension.size()));
    append(hello, extension);
    put16(hello, 3, static_cast<unsigned>(hello.size() - 5));
    put16(hello, 7, static_cast<unsigned>(hello.size() - 9));
    return hello;
}

// A TCP conversation, packet by packet, in a capture of raw IP.
class Talk {
  public:
    explicit Talk(CaptureFile& file, std::uint16_t port = 40000) : file_(file), port_(port) {}

    void client(std::uint8_t flags, std::uint32_t offset = 0, const Bytes& payload = {},
                std::size_t kept = 65535) {
        add(true, flags, kClientStart + offset, kServerStart, payload, kept);
    }
    void server(std::uint8_t flags, std::uint32_t acked = 0, const Bytes& payload = {}) {
        add(false, flags, kServerStart, kClientStart + acked, payload, 65535);
    }
    void open() {
        add(true, kSyn, kClientStart - 1, 0, {}, 65535);
        answer();
        client(kAck);
    }
    // What a receiver throws away.
    void client_broken(std::uint32_t offset, const Bytes& payload) {
        break_next_ = true;
        client(0x18, offset, payload);
    }
    // From now on, as captured on the client's host: its NIC was to fill the checksums in.
    void leave_sums_to_nic() { left_to_nic_ = true; }
    void answer() { add(false, kSynAck, kServerStart - 1, kClientStart, {}, 65535); }

  private:
    static constexpr std::uint32_t kClientStart = 0xfffffff0, kServerStart = 5000;
    void add(bool from_client, std::uint8_t flags, std::uint32_t sequence, std::uint32_t ack,
             const Bytes& payload, std::size_t kept) {
        Bytes tcp(20, 0);
        put16(tcp, from_client ? 0 : 2, port_);
        put16(tcp, from_client ? 2 : 0, 443);
        put32(tcp, 4, sequence);
        put32(tcp, 8, ack);
        tcp[12] = 0x50;
        tcp[13] = flags;
        append(tcp, payload);
        auto packet =
            make_ip(from_client ? kClient : kServer, from_client ? kServer : kClient, 6, tcp);
        packet.finish();
        if (break_next_ || (left_to_nic_ && from_client))
            packet.bytes[packet.checksum_at()] ^= 0x55;
        break_next_ = false;
        file_.add(packet.bytes, time_ += 1'000'000, kept);
    }
    CaptureFile& file_;
    std::uint16_t port_;
    bool break_next_ = false, left_to_nic_ = false;
    std::uint64_t time_ = 1'700'000'000'000'000'000;
};

inline Bytes part(const Bytes& of, std::size_t from, std::size_t to) {
    return {of.begin() + static_cast<std::ptrdiff_t>(from),
            of.begin() + static_cast<std::ptrdiff_t>(to)};
}

}  // namespace portcullis::control::cli::testing
