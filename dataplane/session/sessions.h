// The sessions of one worker: table, protocol state, source ports, limits and expiry behind one
// door.
//
//   lookup()  bulk, by the key as the packet arrived
//   start()   after admit has allowed a first packet
//   track()   every packet of a found session: TCP state and window, UDP/ICMP pseudo-state, A/V
//   path sweep()   a bounded slice of expiry, called once a loop
//
// Nothing here allocates after create(), locks, logs or calls the system. All methods are called by
// the owning worker only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

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
    // Direction of the packet in `session`. Not the initiator only where an earlier packet of the
    // same burst has started the session from its other side.
    Direction direction = Direction::initiator;
};

// What track() says about a packet of a found session.
enum class Track : std::uint8_t {
    pass,
    drop,  // TrackResult::reason
    // The session is over: a SYN on a closing one, an idle time that had passed, or it was ended by
    // an earlier packet of this burst. It is out of the table: judge the packet as a first one.
    start_new,
};
struct TrackResult {
    Track track = Track::pass;
    DropReason reason = DropReason::tcp_out_of_window;
    // What to translate by: the twin where its path carried the request. `direction` belongs to it
    // and is that of the packet. nullptr with start_new.
    Session* session = nullptr;
    Direction direction = Direction::initiator;
};

// A session freed in a burst is not used again within that burst, so a SessionHit may outlive its
// session for the rest of the burst: track() then says start_new.

// Source ports of full-NAT addresses: a worker draws only from its own slice, so the owner of a
// reply follows from its destination port alone. Ports that a service listens on are in no slice.
struct PortSlices {
    // Worker that owns `port` of a full-NAT address among `workers`; ports below 1024 are nobody's
    // and give worker 0.
    static unsigned owner(std::uint16_t port, unsigned workers);
};

// One pool of source ports: for `full`, one a (VIP, node address, destination port, protocol); for
// `snat`, node = IpAddress{} and port = 0: one for all destinations of the VIP.
struct PortPoolKey {
    IpAddress vip;
    IpAddress node;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;  // policy::Transport
    friend bool operator==(const PortPoolKey&, const PortPoolKey&) = default;
};
struct PortPoolSpec {
    PortPoolKey key;
    std::vector<std::uint16_t> excluded;  // service ports of this VIP and protocol, at most 32
};
class PreparedPorts;  // ports.h

class Sessions {
  public:
    struct Config {
        std::uint32_t capacity = 1U << 16;  // sessions
        unsigned worker = 0;
        unsigned workers = 1;
        std::array<std::uint64_t, 4> hash_key{};  // drawn at start, the same for all workers
        std::uint32_t port_pools = 64;  // (VIP, node, port) triples with ports of their own
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

    // Starts the session, counts the packet and takes its state from it: no track() of this packet.
    // If an earlier packet of the same burst has already started it, this packet is tracked
    // instead. Refused with bad_tcp_flags, not_a_syn, no_free_port, path_conflict, embryonic_limit,
    // session_table_full or what track() says. A full table or an embryonic limit makes the oldest
    // embryonic session (of this source) give way first.
    StartResult start(const SessionPlan& plan, const PacketView& packet, Millis now);
    // Counts the packet and moves the state; `bytes` is the IP length.
    TrackResult track(const SessionHit& hit, const PacketView& packet, Millis now);

    // The session and direction to translate a packet by that must not move its state (an ICMP
    // error about the session): `hit`, or its A/V twin if that path was used last.
    SessionHit path_of(const SessionHit& hit);

    // Takes the session out of the table and frees its port (not to be drawn again for 120 s while
    // others are free). A twin takes over the key they shared.
    void end(Session& session, Millis now);

    // Source ports. prepare_ports() allocates, on any thread, for the pools of a policy; the worker
    // takes them over between bursts: pools it has already stay as they are, those no longer listed
    // go once no session uses them. What it no longer needs is left in `prepared`: destroy that
    // elsewhere.
    static tl::expected<std::unique_ptr<PreparedPorts>, std::string> prepare_ports(
        const Config& config, std::span<const PortPoolSpec> pools);
    void take_ports(PreparedPorts& prepared);

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
