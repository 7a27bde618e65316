// Next hops to MAC addresses: packets wait here while ARP or ND asks, and the shared NeighbourTable
// tells the workers what is known.
//
//   incomplete ── answer ──► reachable ── 60 s ──► stale ── used? ask the known MAC ──► reachable
//       │ 3 requests, 1 s apart, no answer                    │ 3 requests, no answer
//       └──────────────► failed (3 s, packets are dropped at once) ◄───────────────────┘
//
// Only an answer to a request of ours makes an entry usable. What a neighbour says unasked may
// refresh or move an entry that exists, at most once a second (so of two hosts that claim one
// address the first to answer is kept, and a fail-over's announcement still works); it never makes
// one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "dataplane/host/sink.h"
#include "dataplane/neighbours.h"
#include "rules/peer/messages.h"

namespace portcullis::dataplane {

class Resolver {
  public:
    static constexpr std::size_t kQueuePerNeighbour = 16;
    static constexpr std::size_t kQueueTotal = 1024;  // see Engine::make_pools()
    static constexpr unsigned kTries = 3;
    static constexpr Millis kRetry = 1000;
    static constexpr Millis kReachable = 60'000;
    static constexpr Millis kFailed = 3000;
    static constexpr Millis kForget = 600'000;  // a stale entry that nothing uses
    static constexpr Millis kLock = 1000;       // between two changes of a MAC address

    // Sends an ARP request or neighbour solicitation: broadcast, or to the MAC that is verified.
    using Ask = std::function<void(Attachment, const policy::IpAddress& next_hop,
                                   const std::optional<MacAddress>&)>;
    Resolver(NeighbourTable& table, HostSink& sink, Ask ask);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // A finished frame that lacks only its destination MAC address. Takes the packet: it is sent,
    // waits, or is dropped with its reason.
    void send(rte_mbuf* frame, Attachment at, const policy::IpAddress& next_hop, Millis now);
    // A neighbour answered us (ARP reply, solicited advertisement).
    void answered(Attachment at, const policy::IpAddress& address, const MacAddress& mac,
                  Millis now);
    // A neighbour said something unasked (ARP request, unsolicited advertisement).
    void overheard(Attachment at, const policy::IpAddress& address, const MacAddress& mac,
                   Millis now);
    void tick(Millis now);  // every 100 ms or so
    // Entries for which `keep` is false go, with the packets that wait for them.
    void prune(const std::function<bool(Attachment, const policy::IpAddress&)>& keep);

    std::size_t waiting() const { return waiting_; }
    std::size_t size() const { return entries_.size(); }
    struct Listed {
        Attachment at;
        policy::IpAddress address;
        MacAddress mac{};
        NeighbourState state = NeighbourState::incomplete;
        Millis since = 0;  // of the last confirmation, or of the entry
    };
    std::vector<Listed> list() const;

  private:
    struct Key {
        Attachment at;
        policy::IpAddress address;
        friend bool operator<(const Key& a, const Key& b) {
            return std::tie(a.at.device, a.at.vlan, a.address) <
                   std::tie(b.at.device, b.at.vlan, b.address);
        }
    };
    struct Entry {
        NeighbourId id = kNoNeighbour;
        NeighbourState state = NeighbourState::incomplete;
        MacAddress mac{};
        unsigned tries = 0;  // requests sent since the last answer
        Millis since = 0;    // of the state
        Millis asked = 0;    // last request
        Millis used = 0;     // last time a worker or main sent to it
        Millis changed = 0;  // last time the MAC was set
        std::deque<rte_mbuf*> queue;
    };
    using Entries = std::map<Key, Entry>;

    Entry* add(const Key& key, Millis now);
    bool evict(Millis now);
    void learn(const Key& key, Entry& entry, const MacAddress& mac, Millis now);
    void fail(Entry& entry, Millis now);
    void ask(const Key& key, Entry& entry, Millis now);
    void flush(const Key& key, Entry& entry);
    void drop_queue(Entry& entry, DropReason reason);
    Entries::iterator erase(Entries::iterator it);
    bool advance(const Key& key, Entry& entry, Millis now);  // false: forget the entry

    NeighbourTable& table_;
    HostSink& sink_;
    Ask ask_;
    Entries entries_;
    std::size_t waiting_ = 0;
};

}  // namespace portcullis::dataplane
