#include "dataplane/stages/answers.h"

#include <algorithm>
#include <utility>

namespace portcullis::dataplane {

namespace {
constexpr std::uint64_t kToken = 1000;
}

bool RateLimit::ready(std::uint32_t per_second, Millis now) {
    const std::uint64_t depth = std::max<std::uint64_t>(per_second / 10, 1) * kToken;
    // One token a second is one thousandth a millisecond.
    tokens_ = filled_ == 0 ? depth : std::min(depth, tokens_ + (now - filled_) * per_second);
    filled_ = now;
    return per_second != 0 && tokens_ >= kToken;
}

bool RateLimit::take(std::uint32_t per_second, Millis now) {
    if (!ready(per_second, now)) return false;
    tokens_ -= kToken;
    return true;
}

template <class Build>
void Answers::make(Build&& build, bool limited) {
    // The limit is asked first, so that a flood does not even cost the building.
    if (count_ == kCapacity || (limited && !limit_.ready(per_second_, now_))) {
        ++suppressed_;
        return;
    }
    const std::size_t bytes = build(std::span<std::uint8_t>(answers_[count_].packet));
    if (bytes == 0) return;  // one of those that must not be answered
    if (limited) limit_.take(per_second_, now_);
    answers_[count_++].bytes = static_cast<std::uint16_t>(bytes);
}

void Answers::icmp_error(const PacketView& packet, IcmpError error, std::uint32_t mtu,
                         const IpAddress& from) {
    make([&](std::span<std::uint8_t> out) {
        return build_icmp_error(packet, error, mtu, from, out);
    });
}

void Answers::tcp_reset(const PacketView& segment) {
    make([&](std::span<std::uint8_t> out) { return build_tcp_reset(segment, out); });
}

void Answers::session_resets(const Session& session) {
    if (session.key[0].protocol != static_cast<std::uint8_t>(policy::Transport::tcp)) return;
    for (const Direction to : {Direction::initiator, Direction::responder})
        for (const ResetAt at : {ResetAt::sent, ResetAt::acknowledged})
            make(
                [&](std::span<std::uint8_t> out) {
                    return build_session_reset(session, to, at, out);
                },
                false);
}

std::uint64_t Answers::take_suppressed() {
    return std::exchange(suppressed_, 0);
}

}  // namespace portcullis::dataplane
