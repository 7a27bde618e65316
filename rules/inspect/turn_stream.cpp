#include "rules/inspect/turn_stream.h"

#include "rules/inspect/media.h"

namespace portcullis::inspect {

namespace {

constexpr std::uint8_t kTlsHandshake = 22;
constexpr std::uint32_t kPseudoHello = 50;
constexpr std::uint32_t kMsTurnFrame = 4;
constexpr std::uint32_t kIceFrame = 2;
constexpr std::uint32_t kCookieEnd = 8;
// Of first messages: longer ones could not be waited for.
constexpr std::uint32_t kLongestMessage = 4096;

// How long the header of a frame is: `head` begins one.
std::uint32_t frame_header(Bytes head) {
    return head[0] == 2 || head[0] == 3 ? kMsTurnFrame : kIceFrame;
}

// `stream` begins with a message without a frame.
Judgement judge_message(Bytes stream) {
    if (stream.size() < kCookieEnd) return Judgement::viable(kCookieEnd);
    const std::uint32_t length = stun_length(stream);
    if (length > kLongestMessage) return Judgement::violation(Violation::bad_length);
    if (stream.size() < length) return Judgement::viable(length);
    const Media media = classify_media(stream.first(length));
    if (media.kind == MediaKind::stun) return Judgement::match(length);
    return Judgement::violation(media.kind == MediaKind::broken ? Violation::bad_length
                                                                : Violation::wrong_protocol);
}

// `start`: of the first frame. `header`: of each.
Judgement judge_frames(Bytes stream, std::uint32_t start, std::uint32_t header) {
    Continuity continuity;
    std::uint32_t at = start;
    while (true) {
        const Bytes rest = stream.subspan(at);
        if (header == kMsTurnFrame) {
            if (!rest.empty() && rest[0] != 2 && rest[0] != 3)
                return Judgement::violation(Violation::wrong_protocol);
            if (rest.size() > 1 && rest[1] != 0)
                return Judgement::violation(Violation::wrong_protocol);
        }
        if (rest.size() < header) return Judgement::viable(at + header);
        const std::uint32_t length = be16(rest, header - 2);
        if (length == 0 || length > kLongestMessage)
            return Judgement::violation(Violation::bad_length);
        const Bytes inside = rest.subspan(header);
        // A message that cannot fill its frame is found before the frame's end.
        if (inside.size() >= 4 && inside[0] < 0x40 && stun_length(inside) != length)
            return Judgement::violation(Violation::bad_length);
        const std::uint32_t end = at + header + length;
        if (stream.size() < end) return Judgement::viable(end);
        const Media media = classify_media(inside.first(length));
        auto answer = Continuity::Answer::open;
        switch (media.kind) {
            case MediaKind::stun:
                return Judgement::match(end);
            case MediaKind::rtp:
                answer = continuity.rtp(media.ssrc, media.sequence);
                break;
            case MediaKind::rtcp:
                answer = continuity.rtcp(media.ssrc);
                break;
            case MediaKind::broken:
                return Judgement::violation(Violation::bad_length);
            case MediaKind::other:
                return Judgement::violation(Violation::wrong_protocol);
        }
        if (answer == Continuity::Answer::proven) return Judgement::match(end);
        if (answer == Continuity::Answer::refuted)
            return Judgement::violation(Violation::no_continuity);
        at = end;
    }
}

}  // namespace

Judgement judge_turn_stream(Bytes stream) {
    if (stream[0] == kTlsHandshake) {
        Judgement judgement = stream.size() <= kPseudoHello
                                  ? Judgement::viable(kPseudoHello + 1)
                                  : judge_frames(stream, kPseudoHello, kMsTurnFrame);
        judgement.server_may_speak = stream.size() >= kPseudoHello;
        return judgement;
    }
    constexpr std::uint32_t kStunCookie = 0x2112a442;
    if (stream.size() < kCookieEnd) return Judgement::viable(kCookieEnd);
    if (stream[0] < 2 && be32(stream, 4) == kStunCookie) return judge_message(stream);
    return judge_frames(stream, 0, frame_header(stream));
}

}  // namespace portcullis::inspect
