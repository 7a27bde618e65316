#include "dataplane/host/announce.h"

#include <algorithm>

#include "dataplane/host/arp.h"
#include "dataplane/host/nd.h"

namespace portcullis::dataplane {

void Announcer::add(const HostInterface& interface, const IpAddress& address, Millis now) {
    queue_.push_back({interface.at, address, 2, now});
}

void Announcer::changed(const HostInterfaces& before, const HostInterfaces& now_answered,
                        Millis now) {
    for (const HostInterface& interface : now_answered.all()) {
        const HostInterface* old = before.find(interface.at);
        for (const IpAddress& address : interface.answered)
            if (old == nullptr || !old->answers(address)) add(interface, address, now);
    }
}

void Announcer::link_up(const HostInterfaces& interfaces, std::uint16_t device, Millis now) {
    for (const HostInterface& interface : interfaces.all()) {
        if (interface.at.device != device) continue;
        for (const IpAddress& address : interface.answered) add(interface, address, now);
    }
}

void Announcer::one(Attachment at, const IpAddress& address, Millis now) {
    queue_.push_back({at, address, 1, now});
}

void Announcer::tick(const HostInterfaces& interfaces, Millis now) {
    std::size_t sent = 0;
    for (std::size_t i = queue_.size(); i > 0 && sent < kPerTick; --i) {
        Pending pending = queue_.front();
        queue_.pop_front();
        if (now < pending.due) {
            queue_.push_back(pending);
            continue;
        }
        // The policy may have changed while it waited.
        const HostInterface* interface = interfaces.find(pending.at);
        if (interface == nullptr || !interface->answers(pending.address)) continue;
        send_(pending.address.is_v4() ? arp_announcement(*interface, pending.address)
                                      : nd_announcement(*interface, pending.address));
        ++sent;
        if (--pending.times > 0) {
            pending.due = now + kRepeat;
            queue_.push_back(pending);
        }
    }
}

}  // namespace portcullis::dataplane
