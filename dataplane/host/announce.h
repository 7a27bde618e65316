// Announcements: gratuitous ARP and unsolicited neighbour advertisements for every address that we
// answer for, so that neighbours learn at once where it lives now: at the start, on a push, when a
// link comes up. Each address is announced twice, a second apart (RFC 5227 section 2.3), in bounded
// slices.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>

#include "dataplane/host/interfaces.h"

namespace portcullis::dataplane {

class Announcer {
  public:
    static constexpr std::size_t kPerTick = 32;
    static constexpr Millis kRepeat = 1000;

    using Send = std::function<void(const Frame&)>;
    explicit Announcer(Send send) : send_(std::move(send)) {}

    // Announces what `now_answered` answers and `before` did not.
    void changed(const HostInterfaces& before, const HostInterfaces& now_answered, Millis now);
    void link_up(const HostInterfaces& interfaces, std::uint16_t device, Millis now);
    // One address, for instance because another host claims it.
    void one(Attachment at, const IpAddress& address, Millis now);
    void tick(const HostInterfaces& interfaces, Millis now);
    std::size_t pending() const { return queue_.size(); }

  private:
    struct Pending {
        Attachment at;
        IpAddress address;
        unsigned times = 0;  // still to be sent
        Millis due = 0;
    };
    void add(const HostInterface& interface, const IpAddress& address, Millis now);

    Send send_;
    std::deque<Pending> queue_;
};

}  // namespace portcullis::dataplane
