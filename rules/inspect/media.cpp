#include "rules/inspect/media.h"

namespace portcullis::inspect {

namespace {

constexpr std::uint32_t kStunCookie = 0x2112a442;    // RFC 5389 6
constexpr std::uint32_t kMsTurnCookie = 0x72c64bc6;  // [MS-TURN] 2.2.2.8
constexpr std::uint32_t kMsTurnCookieHeader = 0x000f0004;
constexpr std::uint16_t kMultiplexed = 0xff10;  // [MS-TURN] 2.2.3
constexpr std::size_t kMultiplexedHeader = 12;
constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kRtcpHeader = 8;

// Do attributes fill `body` exactly? RFC 5389 pads them to 4 bytes, MS-TURN does not.
bool attributes_fill(Bytes body, bool padded) {
    while (!body.empty()) {
        if (body.size() < 4) return false;
        std::size_t length = 4 + std::size_t{be16(body, 2)};
        if (length > body.size()) return false;
        if (padded) length = (length + 3) / 4 * 4;
        body = length < body.size() ? body.subspan(length) : Bytes{};
    }
    return true;
}

Media classify_stun(Bytes message) {
    if (message.size() < kStunHeader) return {};
    const bool ms_turn = message.size() >= kStunHeader + 8 &&
                         be32(message, kStunHeader) == kMsTurnCookieHeader &&
                         be32(message, kStunHeader + 4) == kMsTurnCookie;
    if (!ms_turn && be32(message, 4) != kStunCookie) return {};
    const Bytes body = message.subspan(kStunHeader);
    const bool fits = stun_length(message) == message.size() &&
                      (attributes_fill(body, true) || attributes_fill(body, false));
    return {fits ? MediaKind::stun : MediaKind::broken};
}

// Only the first packet of a compound one is looked at, and no padding anywhere: SRTP and SRTCP
// encrypt them.
Media classify_rtp(Bytes packet) {
    if (packet.size() >= 2 && packet[1] >= 192 && packet[1] < 224) {  // RFC 5761 4
        if (packet.size() < kRtcpHeader) return {};
        if ((std::size_t{be16(packet, 2)} + 1) * 4 > packet.size()) return {};
        return {MediaKind::rtcp, be32(packet, 4)};
    }
    if (packet.size() < kRtpHeader) return {};
    std::size_t header = kRtpHeader + std::size_t{packet[0] & 0x0fU} * 4;
    if ((packet[0] & 0x10U) != 0) {
        if (packet.size() < header + 4) return {};
        header += 4 + std::size_t{be16(packet, header + 2)} * 4;
    }
    if (packet.size() < header) return {};
    return {MediaKind::rtp, be32(packet, 8), be16(packet, 2)};
}

}  // namespace

Media classify_media(Bytes message) {
    if (message.size() > kMultiplexedHeader && be16(message, 0) == kMultiplexed) {
        if (be16(message, 2) != message.size() - 4) return {MediaKind::broken};
        message = message.subspan(kMultiplexedHeader);
    }
    if (message.empty()) return {};
    if (message[0] < 0x40) return classify_stun(message);
    if (message[0] >= 0x80 && message[0] < 0xc0) return classify_rtp(message);
    return {};
}

Continuity::Answer Continuity::rtp(std::uint32_t ssrc, std::uint16_t sequence) {
    Source* source = nullptr;
    for (Source& known : sources_)
        if (known.run != 0 && known.ssrc == ssrc) source = &known;
    if (source == nullptr) {
        // A stranger takes the place of the one that has less to show.
        source = sources_[0].run <= sources_[1].run ? &sources_[0] : &sources_[1];
        *source = {ssrc, sequence, 1};
    } else {
        const auto step = static_cast<std::uint16_t>(sequence - source->sequence);
        if (step != 0 && step < 0x8000) {
            source->sequence = sequence;
            if (++source->run >= kProof) return Answer::proven;
        }
    }
    return ++seen_ >= kPatience ? Answer::refuted : Answer::open;
}

Continuity::Answer Continuity::rtcp(std::uint32_t ssrc) {
    if (reports_ == 0 || ssrc != reporter_) reports_ = 0;
    reporter_ = ssrc;
    return ++reports_ >= kProof ? Answer::proven : Answer::open;
}

}  // namespace portcullis::inspect
