// STUN and MS-TURN transaction ids in UDP payloads: which request does a reply answer?
#pragma once

#include <cstdint>

#include "dataplane/packet.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

struct StunMessage {
    enum class Kind : std::uint8_t { none, request, response };
    Kind kind = Kind::none;
    std::uint32_t fingerprint = 0;  // of the transaction id, never 0
};

// Reads the header of RFC 5389 section 6: 20 bytes of type, length and a transaction id, whose
// first 4 bytes are the magic cookie, or part of the id in RFC 3489 and MS-TURN. The whole 16 bytes
// are taken. The message may stand behind a multiplexed TURN header (0xff 0x10, 12 bytes;
// [MS-TURN] 2.2.3). Requests that have no answer (indications, MS-TURN Send) are `none`, and so is
// all else.
StunMessage read_stun(const PacketView& udp);

// False for what read_stun() has no interest in, as its first byte tells: RTP, TLS, TURN channel data.
inline bool may_be_stun(const PacketView& udp) {
    constexpr unsigned kUdpHeader = 8;
    if (udp.protocol != 17 || udp.l4_bytes() <= kUdpHeader) return false;
    const std::uint8_t first = udp.l4()[kUdpHeader];
    return first < 0x40 || first == 0xff;
}

// A request has passed on this session's path. The oldest gives its place, one that has been
// answered before any other.
void stun_remember(Session& session, std::uint32_t fingerprint);
// Its answer has passed. A request sent twice is answered twice, so it is not forgotten yet.
void stun_answered(Session& session, std::uint32_t fingerprint);
void stun_forget(Session& session, std::uint32_t fingerprint);
bool stun_outstanding(const Session& session, std::uint32_t fingerprint);

}  // namespace portcullis::dataplane
