#include "dataplane/session/stun.h"

#include <algorithm>
#include <cstring>

namespace portcullis::dataplane {
namespace {

constexpr unsigned kUdpHeader = 8;
constexpr unsigned kStunHeader = 20;
constexpr unsigned kMultiplexHeader = 12;
constexpr unsigned kMsTurnSend = 0x0004;  // without a cookie; with one, 4 is Refresh (RFC 5766 13)

std::uint32_t fingerprint_of(const std::uint8_t* id) {
    // A client that makes its own ids collide confuses nobody but itself, so no key is needed.
    std::uint64_t word[2];
    std::memcpy(word, id, sizeof(word));
    std::uint64_t mixed = (word[0] ^ (word[0] >> 29)) * 0x9e3779b97f4a7c15;
    mixed = (mixed ^ word[1] ^ (mixed >> 32)) * 0xbf58476d1ce4e5b9;
    const auto folded = static_cast<std::uint32_t>(mixed >> 32);
    return folded == 0 ? 1 : folded;
}

}  // namespace

StunMessage read_stun(const PacketView& udp) {
    if (udp.l4_bytes() < kUdpHeader + kStunHeader) return {};
    const std::uint8_t* message = udp.l4() + kUdpHeader;
    unsigned bytes = udp.l4_bytes() - kUdpHeader;
    if (message[0] == 0xff && message[1] == 0x10) {
        message += kMultiplexHeader;
        bytes -= kMultiplexHeader;
        if (bytes < kStunHeader) return {};
    }
    const unsigned type = static_cast<unsigned>(message[0] << 8 | message[1]);
    const unsigned length = static_cast<unsigned>(message[2] << 8 | message[3]);
    if (type > 0x3fff || kStunHeader + length > bytes) return {};
    static constexpr std::uint8_t kCookie[4] = {0x21, 0x12, 0xa4, 0x42};
    const bool has_cookie = std::equal(kCookie, kCookie + 4, message + 4);
    if (!has_cookie && type == kMsTurnSend) return {};
    // Class: bits 8 and 4 of the type (RFC 5389 section 6).
    StunMessage::Kind kind = StunMessage::Kind::none;
    if ((type & 0x0110) == 0) kind = StunMessage::Kind::request;
    if ((type & 0x0100) != 0) kind = StunMessage::Kind::response;
    if (kind == StunMessage::Kind::none) return {};
    return {kind, fingerprint_of(message + 4)};
}

void stun_remember(Session& session, std::uint32_t fingerprint) {
    auto& ids = session.protocol.stun.ids;
    auto at = std::find(ids.begin(), ids.end(), fingerprint);  // sent again
    if (at == ids.end()) --at;
    *at = fingerprint;
    std::rotate(ids.begin(), at, at + 1);
}

void stun_answered(Session& session, std::uint32_t fingerprint) {
    auto& ids = session.protocol.stun.ids;
    const auto at = std::find(ids.begin(), ids.end(), fingerprint);
    if (at != ids.end()) std::rotate(at, at + 1, std::find(at, ids.end(), 0U));
}

void stun_forget(Session& session, std::uint32_t fingerprint) {
    auto& ids = session.protocol.stun.ids;
    const auto at = std::find(ids.begin(), ids.end(), fingerprint);
    if (at == ids.end()) return;
    *at = 0;
    std::rotate(at, at + 1, ids.end());
}

bool stun_outstanding(const Session& session, std::uint32_t fingerprint) {
    const auto& ids = session.protocol.stun.ids;
    return fingerprint != 0 && std::find(ids.begin(), ids.end(), fingerprint) != ids.end();
}

}  // namespace portcullis::dataplane
