// The sessions of one worker: table, protocol state, source ports, limits and expiry behind one door.
//
//   lookup()  bulk, by the key as the packet arrived
//   start()   after admit has allowed a first packet
//   track()   every packet of a found session: TCP state and window, UDP/ICMP pseudo-state, A/V path
//   sweep()   a bounded slice of expiry, called once a loop
//
// Nothing here allocates after create(), locks, logs or calls the system. All methods are called by
// the owning worker only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/session/session.h"

namespace portcullis::dataplane {

struct SessionHit {
    Session* session = nullptr;  // nullptr: no session
    Direction direction = Direction::initiator;
};

struct SessionLimits {
    std::uint32_t embryonic_per_source = 256;
    std::uint32_t embryonic_total = 65536;
    std::uint32_t tcp_embryonic_seconds = 30;
    std::uint32_t tcp_closing_seconds = 15;
};

// What admit decided about a first packet.
struct SessionPlan {
    FlowKey initiator;  // as the first packet arrived
    // What the responder sees; for full and snat translated_source_port is drawn by start().
    IpAddress translated_source;
    IpAddress translated_destination;
    std::uint16_t translated_source_port = 0;
    std::uint16_t translated_destination_port = 0;
    std::uint16_t responder_interface = 0;  // where the responder's packets will arrive
    policy::NatKind nat = policy::NatKind::none;
    bool av_path = false;
    bool pick_up = false;  // TCP mid-stream after a restart
    std::uint32_t rule = policy::kNoRule;
    std::uint32_t service = policy::kNoService;
    std::uint32_t generation = 0;
    std::uint32_t idle_seconds = 0;
};

struct StartResult {
    Session* session = nullptr;  // nullptr: refused
    DropReason reason = DropReason::session_table_full;
};

// What track() says about a packet of a found session.
enum class Track : std::uint8_t {
    pass,
    drop,      // TrackResult::reason
    start_new, // a SYN on a closing or ended session: it has been ended, judge the packet as a first one
};
struct TrackResult {
    Track track = Track::pass;
    DropReason reason = DropReason::tcp_out_of_window;
    Session* session = nullptr;  // the one to translate by: the twin where its path carried the request
};

// Source ports of full-NAT addresses: a worker draws only from its own slice, so the owner of a reply
// follows from its destination port alone. Ports that a service listens on are in no slice.
struct PortSlices {
    // Worker that owns `port` of a full-NAT address among `workers`; ports below 1024 are nobody's and
    // give worker 0.
    static unsigned owner(std::uint16_t port, unsigned workers);
};

class Sessions {
  public:
    struct Config {
        std::uint32_t capacity = 1U << 16;  // sessions
        unsigned worker = 0;
        unsigned workers = 1;
        std::array<std::uint64_t, 4> hash_key{};  // drawn at start, the same for all workers
        std::uint32_t port_pools = 64;            // (VIP, node, port) triples with ports of their own
        SessionLimits limits;
    };
    static tl::expected<std::unique_ptr<Sessions>, std::string> create(const Config& config);
    ~Sessions();
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;

    void set_limits(const SessionLimits& limits);  // between bursts

    // keys[i] for i < count <= 64; entries whose bit in `wanted` is 0 are left untouched.
    void lookup(const FlowKey* keys, unsigned count, std::uint64_t wanted, SessionHit* hits);
    SessionHit find(const FlowKey& key);

    StartResult start(const SessionPlan& plan, const PacketView& packet, Millis now);
    // Counts the packet and moves the state; `bytes` is the IP length.
    TrackResult track(const SessionHit& hit, const PacketView& packet, Millis now);

    // Takes the session out of the table and frees its port (not to be drawn again for 120 s while
    // others are free).
    void end(Session& session, Millis now);

    // Visits up to `budget` slots: ends what has expired; for live sessions whose generation is not
    // `generation` calls `rejudge(session)`, which may end() it. One round of the table takes
    // capacity / budget calls; the worker sizes the budget so that a round takes under 10 s.
    template <class Rejudge>
    void sweep(unsigned budget, std::uint32_t generation, Millis now, Rejudge&& rejudge);

    // Every live session, for the peer link's listings: visits slots [first, first + budget).
    // Returns the next slot, or kNoSession after the last.
    template <class Visit>
    std::uint32_t visit(std::uint32_t first, unsigned budget, Visit&& visit);

    std::uint32_t size() const;
    std::uint32_t capacity() const;
    std::uint32_t embryonic() const;
    std::uint64_t memory_bytes() const;  // all tables

    Session& at(std::uint32_t index);
    std::uint32_t index_of(const Session& session) const;

  private:
    class Impl;
    explicit Sessions(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace portcullis::dataplane
