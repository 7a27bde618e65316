// The sessions of one worker: table, protocol state, source ports, limits and expiry behind one
// door.
//
//   lookup()  bulk, by the key as the packet arrived
//   start()   after admit has allowed a first packet
//   track()   every packet of a found session: TCP state and window, UDP/ICMP pseudo-state, A/V path
//   sweep()   a bounded slice of expiry, called once a loop
//
// Nothing here allocates after create(), locks, logs or calls the system. All methods are called by
// the owning worker only.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/session/begun.h"
#include "dataplane/session/embryonic.h"
#include "dataplane/session/huge_array.h"
#include "dataplane/session/key_hash.h"
#include "dataplane/session/ports.h"
#include "dataplane/session/session.h"
#include "dataplane/session/stun.h"
#include "dataplane/session/table.h"
#include "dataplane/session/tcp.h"

namespace portcullis::dataplane {

struct SessionHit {
    Session* session = nullptr;  // nullptr: no session
    Direction direction = Direction::initiator;
};

struct SessionLimits {
    std::uint32_t embryonic_per_source = 256;
    // For each worker. Never more than half of the capacity, nor than create() was told (where that
    // is less than 65536, 65536): half-open sessions cannot fill the table.
    std::uint32_t embryonic_total = 65536;
    std::uint32_t tcp_embryonic_seconds = 30;
    std::uint32_t tcp_closing_seconds = 15;
};

inline constexpr std::uint32_t kOneWaySeconds =
    30;  // idle time of what was never answered, at most

// What a refused UDP session lasts, as long as the inspector takes by default to give up an undecided one. Were
// it forgotten at once, its next datagram would be the first of another session.
inline constexpr std::uint32_t kRefusedMillis = 10'000;

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
    bool pick_up = false;    // TCP mid-stream after a restart; within kPickUpWindow only
    bool undecided = false;  // its first bytes are to be looked at; never of what is picked up
    bool enforced = false;   // and must conform: what has begun here is not picked up
    // Not from the Internet: what is picked up may be the answer to a connection that has begun here.
    bool from_inside = false;
    std::uint32_t rule = policy::kNoRule;
    std::uint32_t generation = 0;
    std::uint32_t idle_seconds = 0;
};

// Whom to tell of sessions that ended before their first bytes were judged.
class UndecidedEnds {
  public:
    virtual ~UndecidedEnds() = default;
    // The session is still whole. Called inside end(), from wherever that is called.
    virtual void ended_undecided(Session& session) = 0;
};

struct StartResult {
    Session* session = nullptr;  // nullptr: refused
    DropReason reason = DropReason::session_table_full;
    // Direction of the packet in `session`. Not the initiator only where an earlier packet of the
    // same burst has started the session from its other side.
    Direction direction = Direction::initiator;
    bool is_new = false;
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
// session for the rest of the burst: track() then says start_new. Its keys stay as they were, so a
// packet that has been tracked can still be translated.

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
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;

    void set_limits(const SessionLimits& limits);  // between bursts
    void tell(UndecidedEnds* undecided) { undecided_ends_ = undecided; }

    // Bulk lookup, in three steps so that memory is asked for long before it is needed: prefetch() as
    // soon as a key is known (in words), prefetch_session() with the hash that it returned some
    // packets later, lookup() once all are. lookup() calls found(i, hit) for each bit i of `wanted`,
    // lowest first; found() may end sessions. None may start between prefetch_session() and the end
    // of lookup().
    [[gnu::always_inline]] std::uint64_t prefetch(const KeyWords& key) const {
        const std::uint64_t hash = hash_(key);
        table_.prefetch(hash);
        return hash;
    }
    // The session that it probably is (SessionTable::guess), to be given to lookup().
    SessionTable::Reference prefetch_session(std::uint64_t hash, const FlowKey& key) const {
        const SessionTable::Reference candidate = table_.guess(hash);
        if (candidate >= SessionTable::kElsewhere) return candidate;
        const auto* session = reinterpret_cast<const char*>(&sessions_[candidate >> 1]);
        __builtin_prefetch(session, 1, 3);
        __builtin_prefetch(session + 64, 1, 3);
        if (key.protocol == static_cast<std::uint8_t>(policy::Transport::tcp))
            __builtin_prefetch(session + 128, 1);
        return candidate;
    }
    template <class Found>
    void lookup(const FlowKey* keys, const std::uint64_t* hashes,
                const SessionTable::Reference* candidates, std::uint64_t wanted, Found&& found);
    SessionHit find(const FlowKey& key);

    // Starts the session, counts the packet and takes its state from it: no track() of this packet.
    // If an earlier packet of the same burst has already started it, this packet is tracked
    // instead. Refused with bad_tcp_flags, not_a_syn, no_free_port, path_conflict, embryonic_limit,
    // session_table_full or what track() says. An embryonic limit makes the oldest embryonic
    // session (of this source) give way first; a full table one that nobody has answered yet.
    StartResult start(const SessionPlan& plan, const PacketView& packet, Millis now);
    // Counts the packet and moves the state.
    TrackResult track(const SessionHit& hit, const PacketView& packet, Millis now);
    // The same for the bulk of all packets: those of an established session, with nothing aside,
    // that change no state but its counters and TCP windows. False, and nothing has happened: ask track().
    bool track_established(const SessionHit& hit, const PacketView& packet, Millis now);

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

    std::uint32_t size() const { return size_; }
    std::uint32_t capacity() const { return capacity_; }
    std::uint32_t embryonic() const { return embryonic_.size(); }
    std::uint64_t memory_bytes() const;       // sessions, table, limits; without ports
    std::uint64_t port_memory_bytes() const;  // 2 bytes a port of each pool

    // When the session ends unless another packet comes.
    Millis expires(const Session& session, Millis now) const {
        return now - session.seen_ago(now) + idle_limit(session);
    }

    // Slots are numbered [0, slots()): at least capacity() + 64.
    std::uint32_t slots() const { return static_cast<std::uint32_t>(sessions_.size()); }
    Session& at(std::uint32_t index) { return sessions_[index]; }
    std::uint32_t index_of(const Session& session) const {
        return static_cast<std::uint32_t>(&session - sessions_.data());
    }

  private:
    // Freed sessions queue up behind at least this many others before they are used again: more
    // than a burst can start.
    static constexpr std::uint32_t kReserve = 64;
    static constexpr unsigned kMaxSearch = 128;  // slots looked at for one to give way

    Sessions(const Config& config, HugeArray<Session> sessions, SessionTable table,
             Embryonic embryonic, BegunConnections begun);

    static constexpr SessionTable::Reference reference(std::uint32_t index, unsigned direction) {
        return index << 1 | direction;
    }
    SessionHit find(const FlowKey& key, std::uint64_t hash);
    bool expired(const Session& session, Millis now) const;
    std::uint32_t idle_limit(const Session& session) const;  // milliseconds

    // sessions.cpp: start and end
    bool clear_responder_key(const FlowKey& key, Millis now, SessionHit& twin);
    bool make_room_among_embryonic(const IpAddress& source, Millis now);
    bool make_room_in_table(Millis now);
    bool end_an_unanswered(Millis now);
    std::uint32_t take_slot(Millis now);
    void give_slot(std::uint32_t index);
    bool draw_port(const SessionPlan& plan, FlowKey& responder, Millis now);
    bool has_begun_here(const SessionPlan& plan, const FlowKey& responder) const;
    void enter(std::uint32_t index, const SessionHit& twin);

    // track.cpp
    TrackResult track_tcp(Session& session, Direction direction, const PacketView& packet,
                          Millis now);
    TrackResult track_datagram(Session& session, Direction direction, const PacketView& packet,
                               Millis now);
    Session* twin_of(Session& session);
    void note_inbound(Session& session, const PacketView& packet);
    void note_begun(const Session& session, Millis now);

    const KeyHash hash_;
    SessionLimits limits_;
    const std::uint32_t capacity_;
    HugeArray<Session> sessions_;
    SessionTable table_;
    Embryonic embryonic_;
    BegunConnections begun_;
    PortPools ports_;
    std::uint32_t size_ = 0;
    std::uint32_t unanswered_ = 0;     // sessions that is_unanswered()
    std::uint32_t give_way_next_ = 0;  // slot where the next search begins
    std::uint32_t first_free_ = kNoSession;
    std::uint32_t last_free_ = kNoSession;
    std::uint32_t sweep_next_ = 0;
    UndecidedEnds* undecided_ends_ = nullptr;
};

inline SessionHit Sessions::find(const FlowKey& key, std::uint64_t hash) {
    const SessionTable::Reference found =
        table_.find(hash, [this, &key](SessionTable::Reference candidate) {
            return sessions_[candidate >> 1].key[candidate & 1] == key;
        });
    if (found == SessionTable::kNone) return {};
    return {&sessions_[found >> 1], static_cast<Direction>(found & 1)};
}

inline SessionHit Sessions::find(const FlowKey& key) {
    return find(key, hash_(key));
}

template <class Found>
void Sessions::lookup(const FlowKey* keys, const std::uint64_t* hashes,
                      const SessionTable::Reference* candidates, std::uint64_t wanted,
                      Found&& found) {
    for (std::uint64_t left = wanted; left != 0; left &= left - 1) {
        const int i = std::countr_zero(left);
        const SessionTable::Reference first = candidates[i];
        const bool is_it =
            first < SessionTable::kElsewhere && sessions_[first >> 1].key[first & 1] == keys[i];
        SessionHit hit;
        if (is_it) [[likely]]
            hit = {&sessions_[first >> 1], static_cast<Direction>(first & 1)};
        else if (first != SessionTable::kNone)
            hit = find(keys[i], hashes[i]);
        found(i, hit);
    }
}

inline std::uint32_t Sessions::idle_limit(const Session& session) const {
    if (is_embryonic(session.state)) return idle_milliseconds(limits_.tcp_embryonic_seconds);
    if (session.state == SessionState::closing)
        return idle_milliseconds(limits_.tcp_closing_seconds);
    if (session.state == SessionState::one_way)
        return std::min(session.idle_ms, idle_milliseconds(kOneWaySeconds));
    return session.idle_ms;
}

inline bool Sessions::expired(const Session& session, Millis now) const {
    if (session.seen_ago(now) >= idle_limit(session)) return true;
    return session.refused() &&
           static_cast<std::uint32_t>(now) - session.inspection >= kRefusedMillis;
}

inline bool Sessions::track_established(const SessionHit& hit, const PacketView& packet,
                                        Millis now) {
    Session& session = *hit.session;
    if (session.state != SessionState::established || session.aside != 0 ||
        session.seen_ago(now) >= session.idle_ms)
        return false;
    if (packet.protocol == static_cast<std::uint8_t>(policy::Transport::tcp)) {
        if (!tcp_track_established(session, hit.direction, packet)) return false;
    } else if (session.av_path && may_be_stun(packet)) {
        return false;
    }
    session.seen(now);
    session.count(hit.direction, packet.l3_bytes);
    return true;
}

template <class Rejudge>
void Sessions::sweep(unsigned budget, std::uint32_t generation, Millis now, Rejudge&& rejudge) {
    for (; budget > 0; --budget) {
        Session& session = sessions_[sweep_next_];
        if (++sweep_next_ == sessions_.size()) sweep_next_ = 0;
        if (session.state == SessionState::free) continue;
        if (expired(session, now))
            end(session, now);
        else if (session.generation != generation)
            rejudge(session);
    }
}

template <class Visit>
std::uint32_t Sessions::visit(std::uint32_t first, unsigned budget, Visit&& visit) {
    for (; budget > 0 && first < sessions_.size(); --budget, ++first)
        if (sessions_[first].state != SessionState::free) visit(sessions_[first]);
    return first < sessions_.size() ? first : kNoSession;
}

}  // namespace portcullis::dataplane
