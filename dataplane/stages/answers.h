// What a worker says about packets that it will not pass: ICMP errors and TCP resets, rate-limited.
//
// Stages write them here as plain IP packets while the burst is under way; the worker turns them
// into mbufs, and forward sends them like any other packet.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/nat/originate.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

// A token bucket over the worker's clock: `per_second` on average, a tenth of that at once.
class RateLimit {
  public:
    bool take(std::uint32_t per_second, Millis now);
    // Whether take() would say yes.
    bool ready(std::uint32_t per_second, Millis now);

  private:
    std::uint64_t tokens_ = 0;  // thousandths
    Millis filled_ = 0;
};

struct Answer {
    std::uint16_t bytes = 0;  // of the IP packet
    std::array<std::uint8_t, kMaxOriginatedBytes> packet;
};

class Answers {
  public:
    // In one burst: four resets for each packet of it.
    static constexpr unsigned kCapacity = 256;

    // Between bursts.
    void start_burst(std::uint32_t per_second, Millis now) {
        count_ = 0;
        per_second_ = per_second;
        now_ = now;
    }

    // About `packet`, to its source; `from` is the address of ours that says so.
    void icmp_error(const PacketView& packet, IcmpError error, std::uint32_t mtu,
                    const IpAddress& from);
    // To the sender of a TCP segment.
    void tcp_reset(const PacketView& segment);
    // To both ends of a TCP session that is about to be ended; nothing for other protocols. Not
    // limited: there are up to four for each session (originate.h), made by a push or by a client that
    // has shaken hands with the server before it spoke another protocol: forged addresses ask for none.
    void session_resets(const Session& session);

    std::span<const Answer> made() const { return {answers_.data(), count_}; }
    std::uint64_t take_suppressed();  // not made because of the limit, since the last call

  private:
    template <class Build>
    void make(Build&& build, bool limited = true);

    unsigned count_ = 0;
    std::uint32_t per_second_ = 0;
    Millis now_ = 0;
    RateLimit limit_;
    std::uint64_t suppressed_ = 0;
    std::array<Answer, kCapacity> answers_;
};

}  // namespace portcullis::dataplane
