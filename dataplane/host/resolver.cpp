#include "dataplane/host/resolver.h"

#include <cstring>
#include <tuple>
#include <utility>

namespace portcullis::dataplane {

namespace {

void set_destination(rte_mbuf* frame, const MacAddress& mac) {
    std::memcpy(rte_pktmbuf_mtod(frame, void*), mac.data(), mac.size());
}

}  // namespace

Resolver::Resolver(NeighbourTable& table, HostSink& sink, Ask ask)
    : table_(table), sink_(sink), ask_(std::move(ask)) {}

Resolver::~Resolver() {
    for (auto it = entries_.begin(); it != entries_.end();) {
        drop_queue(it->second, DropReason::shutdown);
        it = erase(it);
    }
}

void Resolver::send(rte_mbuf* frame, Attachment at, const policy::IpAddress& next_hop, Millis now) {
    const Key key{at, next_hop};
    const auto it = entries_.find(key);
    Entry* entry = it != entries_.end() ? &it->second : add(key, now);
    if (entry == nullptr) {
        sink_.discard(frame, DropReason::neighbour_table_full);
        return;
    }
    entry->used = now;
    switch (entry->state) {
        case NeighbourState::reachable:
        case NeighbourState::stale:
            set_destination(frame, entry->mac);
            sink_.transmit(frame, at);
            return;
        case NeighbourState::failed:
            sink_.discard(frame, DropReason::neighbour_failed);
            return;
        case NeighbourState::incomplete:
            break;
    }
    // The newest gives way: what waits longest is the start of somebody's connection.
    if (entry->queue.size() >= kQueuePerNeighbour || waiting_ >= kQueueTotal) {
        sink_.discard(frame, DropReason::neighbour_queue_full);
        return;
    }
    entry->queue.push_back(frame);
    ++waiting_;
    if (entry->tries == 0) ask(key, *entry, now);
}

Resolver::Entry* Resolver::add(const Key& key, Millis now) {
    NeighbourId id = table_.add(key.at, key.address);
    if (id == kNoNeighbour && evict(now)) id = table_.add(key.at, key.address);
    if (id == kNoNeighbour) return nullptr;
    Entry& entry = entries_[key];
    entry.id = id;
    entry.since = now;
    entry.used = now;
    return &entry;
}

// Makes room: the failed or stale entry that has been unused for longest.
bool Resolver::evict(Millis) {
    auto victim = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
        const Entry& entry = it->second;
        if (entry.state != NeighbourState::failed && entry.state != NeighbourState::stale) continue;
        if (victim == entries_.end() || entry.used < victim->second.used) victim = it;
    }
    if (victim == entries_.end()) return false;
    erase(victim);
    return true;
}

void Resolver::answered(Attachment at, const policy::IpAddress& address, const MacAddress& mac,
                        Millis now) {
    const Key key{at, address};
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    // An answer counts once: without a request under way it is no more than hearsay.
    if (it->second.tries == 0)
        overheard(at, address, mac, now);
    else
        learn(key, it->second, mac, now);
}

void Resolver::overheard(Attachment at, const policy::IpAddress& address, const MacAddress& mac,
                         Millis now) {
    const Key key{at, address};
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    Entry& entry = it->second;
    const bool known =
        entry.state == NeighbourState::reachable || entry.state == NeighbourState::stale;
    if (!known) {
        // It exists after all: ask it at its own address; only its answer counts.
        if (entry.state == NeighbourState::failed) {
            entry.state = NeighbourState::incomplete;
            entry.since = now;
            entry.tries = 0;
            table_.set(entry.id, entry.state, MacAddress{});
        }
        if (now >= entry.asked + kRetry || entry.tries == 0) ask(key, entry, now);
        return;
    }
    if (entry.mac == mac || now < entry.changed + kLock) return;
    learn(key, entry, mac, now);
}

void Resolver::learn(const Key& key, Entry& entry, const MacAddress& mac, Millis now) {
    if (entry.mac != mac || entry.changed == 0) entry.changed = now;
    entry.mac = mac;
    entry.state = NeighbourState::reachable;
    entry.since = now;
    entry.tries = 0;
    table_.set(entry.id, entry.state, mac);
    flush(key, entry);
}

void Resolver::flush(const Key& key, Entry& entry) {
    waiting_ -= entry.queue.size();
    for (rte_mbuf* frame : std::exchange(entry.queue, {})) {
        set_destination(frame, entry.mac);
        sink_.transmit(frame, key.at);
    }
}

void Resolver::drop_queue(Entry& entry, DropReason reason) {
    waiting_ -= entry.queue.size();
    for (rte_mbuf* frame : std::exchange(entry.queue, {})) sink_.discard(frame, reason);
}

void Resolver::fail(Entry& entry, Millis now) {
    entry.state = NeighbourState::failed;
    entry.since = now;
    entry.tries = 0;
    table_.set(entry.id, entry.state, MacAddress{});
    drop_queue(entry, DropReason::neighbour_failed);
}

void Resolver::ask(const Key& key, Entry& entry, Millis now) {
    ++entry.tries;
    entry.asked = now;
    const bool known =
        entry.state == NeighbourState::reachable || entry.state == NeighbourState::stale;
    ask_(key.at, key.address, known ? std::optional(entry.mac) : std::nullopt);
}

Resolver::Entries::iterator Resolver::erase(Entries::iterator it) {
    drop_queue(it->second, DropReason::neighbour_failed);
    table_.remove(it->second.id);
    return entries_.erase(it);
}

bool Resolver::advance(const Key& key, Entry& entry, Millis now) {
    if (table_.take_used(entry.id)) entry.used = now;
    switch (entry.state) {
        case NeighbourState::reachable:
            if (now < entry.since + kReachable) return true;
            entry.state = NeighbourState::stale;
            entry.since = now;
            table_.set(entry.id, entry.state, entry.mac);
            return true;
        case NeighbourState::stale:
            if (entry.tries == 0 && now >= entry.used + kForget) return false;
            // Verified only while somebody sends to it.
            if (entry.tries == 0 && entry.used < entry.since) return true;
            [[fallthrough]];
        case NeighbourState::incomplete:
            if (entry.tries > 0 && now < entry.asked + kRetry) return true;
            if (entry.tries >= kTries)
                fail(entry, now);
            else
                ask(key, entry, now);
            return true;
        case NeighbourState::failed:
            return now < entry.since + kFailed;
    }
    return true;
}

void Resolver::tick(Millis now) {
    for (auto it = entries_.begin(); it != entries_.end();)
        it = advance(it->first, it->second, now) ? std::next(it) : erase(it);
}

void Resolver::prune(const std::function<bool(Attachment, const policy::IpAddress&)>& keep) {
    for (auto it = entries_.begin(); it != entries_.end();)
        it = keep(it->first.at, it->first.address) ? std::next(it) : erase(it);
}

std::vector<Resolver::Listed> Resolver::list() const {
    std::vector<Listed> out;
    out.reserve(entries_.size());
    for (const auto& [key, entry] : entries_)
        out.push_back({key.at, key.address, entry.mac, entry.state, entry.since});
    return out;
}

}  // namespace portcullis::dataplane
