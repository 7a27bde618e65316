// Whole Ethernet frames around the IP packets of test_packets.h, and mbufs made by hand to put them
// in.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "dataplane/neighbours.h"
#include "dataplane/packet_note.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::dataplane::test {

inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

inline Bytes ethernet(const MacAddress& destination, const MacAddress& source, std::uint16_t vlan,
                      std::uint16_t ethertype, const Bytes& payload) {
    Bytes frame;
    frame.reserve(18 + payload.size());
    const auto add16 = [&](unsigned value) {
        frame.push_back(static_cast<std::uint8_t>(value >> 8));
        frame.push_back(static_cast<std::uint8_t>(value));
    };
    for (const std::uint8_t byte : destination) frame.push_back(byte);
    for (const std::uint8_t byte : source) frame.push_back(byte);
    if (vlan != 0) {
        add16(0x8100);
        add16(vlan);
    }
    add16(ethertype);
    for (const std::uint8_t byte : payload) frame.push_back(byte);
    return frame;
}

inline Bytes ethernet(const MacAddress& destination, const MacAddress& source, std::uint16_t vlan,
                      const TestPacket& packet) {
    return ethernet(destination, source, vlan, packet.family == Family::ipv4 ? 0x0800 : 0x86dd,
                    packet.bytes);
}

// RFC 826, Ethernet and IPv4.
inline Bytes arp(std::uint16_t operation, const MacAddress& sender, const IpAddress& sender_ip,
                 const IpAddress& target_ip) {
    Bytes b(28, 0);
    put16(b, 0, 1);
    put16(b, 2, 0x0800);
    b[4] = 6;
    b[5] = 4;
    put16(b, 6, operation);
    std::copy(sender.begin(), sender.end(), b.begin() + 8);
    std::copy_n(sender_ip.bytes().begin() + 12, 4, b.begin() + 14);
    std::copy_n(target_ip.bytes().begin() + 12, 4, b.begin() + 24);
    return b;
}

// One buffer of one packet, without a pool: for stages, which never free.
class HandMadeMbuf {
  public:
    HandMadeMbuf() { set({}); }
    explicit HandMadeMbuf(const Bytes& frame) { set(frame); }
    HandMadeMbuf(const HandMadeMbuf&) = delete;
    HandMadeMbuf& operator=(const HandMadeMbuf&) = delete;

    // The frame ends where the buffer does, so that a read behind it is caught by ASan.
    void set(const Bytes& frame) {
        constexpr std::size_t kHeadroom = 128;
        buffer_ = std::make_unique<std::uint8_t[]>(kHeadroom + frame.size());
        std::copy(frame.begin(), frame.end(), buffer_.get() + kHeadroom);
        memory_ = {};
        rte_mbuf& m = *new (memory_.data()) rte_mbuf{};
        m.buf_addr = buffer_.get();
        m.buf_len = static_cast<std::uint16_t>(kHeadroom + frame.size());
        m.data_off = kHeadroom;
        m.data_len = static_cast<std::uint16_t>(frame.size());
        m.pkt_len = m.data_len;
        m.nb_segs = 1;
    }
    rte_mbuf& mbuf() { return *std::launder(reinterpret_cast<rte_mbuf*>(memory_.data())); }
    Bytes frame() {
        const auto* data = rte_pktmbuf_mtod(&mbuf(), const std::uint8_t*);
        return Bytes(data, data + mbuf().data_len);
    }

  private:
    // The mbuf and, right behind it, its private area.
    alignas(64) std::array<std::byte, sizeof(rte_mbuf) + kMbufPrivateBytes> memory_{};
    std::unique_ptr<std::uint8_t[]> buffer_;
};

}  // namespace portcullis::dataplane::test
