// The lengths inside STUN and MS-TURN messages, RTP and RTCP packets, and what a datagram of media
// is by its first bytes (RFC 7983).
#pragma once

#include <cstdint>

#include "rules/inspect/bytes.h"

namespace portcullis::inspect {

enum class MediaKind : std::uint8_t {
    stun,    // RFC 5389, or MS-TURN; whole and consistent
    rtp,     // could be: proves nothing on its own
    rtcp,    // likewise
    broken,  // STUN or MS-TURN whose lengths contradict each other
    other,
};
struct Media {
    MediaKind kind = MediaKind::other;
    std::uint32_t ssrc = 0;      // rtp, rtcp
    std::uint16_t sequence = 0;  // rtp
};
// `message` is a whole datagram or the inside of a frame.
Media classify_media(Bytes message);

// Of the message whose first 4 bytes these are, header included.
inline constexpr std::uint32_t kStunHeader = 20;
constexpr std::uint32_t stun_length(Bytes head) {
    return kStunHeader + be16(head, 2);
}

// Does one stream of a direction go on? Proof is three packets of one source with rising numbers
// (RFC 3550 6.3.1 asks for two in a row; three chance hits are out of reach). Two sources may
// take turns and packets may overtake each other: among five there are three of one.
class Continuity {
  public:
    enum class Answer : std::uint8_t { open, proven, refuted };
    Answer rtp(std::uint32_t ssrc, std::uint16_t sequence);
    // RTCP has no numbers; three reports of one source are proof, others are none of the five.
    Answer rtcp(std::uint32_t ssrc);
    // The stream has been silent for long: it proves itself anew. Reports come as seldom as they
    // like, and are remembered.
    void pause() {
        sources_[0] = sources_[1] = {};
        seen_ = 0;
    }

  private:
    static constexpr unsigned kProof = 3;
    static constexpr unsigned kPatience = 5;
    struct Source {
        std::uint32_t ssrc = 0;
        std::uint16_t sequence = 0;
        std::uint8_t run = 0;
    };
    Source sources_[2];
    std::uint32_t reporter_ = 0;
    std::uint8_t reports_ = 0;
    std::uint8_t seen_ = 0;
};

}  // namespace portcullis::inspect
