// One session: both keys, what its packets become, and the state of its protocol.
//
// A Session belongs to one worker (its owner) and is touched by no other thread. Times are
// milliseconds of the worker's clock (Millis), which starts at 1 with the data plane.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/packet.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

using Millis = std::uint64_t;

// Who sent a packet. Indexes the two-element arrays below.
enum class Direction : std::uint8_t { initiator = 0, responder = 1 };
constexpr Direction opposite(Direction d) {
    return d == Direction::initiator ? Direction::responder : Direction::initiator;
}
constexpr unsigned index_of(Direction d) {
    return static_cast<unsigned>(d);
}

enum class SessionState : std::uint8_t {
    free,
    syn_sent,      // TCP: the initiator's SYN has passed (embryonic)
    syn_received,  // TCP: the responder's SYN-ACK has passed (embryonic)
    established,   // TCP: handshake complete; UDP and ICMP: the responder has answered
    one_way,       // UDP, ICMP: only the initiator has sent
    fin_wait,      // TCP: one side has sent FIN
    closing,       // TCP: both sides have sent FIN, or a valid RST has passed
    picked_up,     // TCP: taken over mid-stream after a data-plane restart, window unknown
};
constexpr bool is_embryonic(SessionState s) {
    return s == SessionState::syn_sent || s == SessionState::syn_received;
}

// Only the initiator's word is known: what a flood with forged sources consists of, like half-open
// TCP.
constexpr bool is_unanswered(SessionState s) {
    return s == SessionState::one_way || s == SessionState::picked_up;
}

// Session::aside: what its packets are to be asked beside their protocol's state. 0 for nearly all.
inline constexpr std::uint8_t kAsideTwin = 1;       // UDP: `link` is its twin on the other path
inline constexpr std::uint8_t kAsideUndecided = 2;  // its first bytes are still being looked at
inline constexpr std::uint8_t kAsideUnheard = 4;    // undecided TCP: there have been none yet
inline constexpr std::uint8_t kAsideRefused = 8;    // UDP of another protocol: nothing of it passes

inline constexpr std::uint32_t kNoSession = 0xffffffff;
inline constexpr std::uint32_t kNoNeighbour = 0xffffffff;
inline constexpr std::uint16_t kNoInterface = 0xffff;

// What a session may be idle, in the unit that is compared; at least a second, and less than what 32 bits
// hold.
constexpr std::uint32_t idle_milliseconds(std::uint32_t seconds) {
    constexpr std::uint32_t kLongest = 4'000'000;  // seconds
    return std::clamp(seconds, 1U, kLongest) * 1000;
}

// RFC 793 / RFC 7323 window tracking, one side. Sequence numbers in host order.
struct TcpSide {
    std::uint32_t end = 0;         // highest sequence + length sent
    std::uint32_t max_end = 0;     // highest acknowledged + window the other side granted
    std::uint32_t acked = 0;       // highest acknowledgement of this side's data
    std::uint16_t max_window = 0;  // largest window ever offered, before scaling
    std::uint8_t window_scale = 0;
    std::uint8_t flags = 0;  // kTcpSide* of tcp.h
};

// Outstanding STUN requests of an A/V session: fingerprints of the last transaction ids (RFC 5389
// section 6), the newest first, then those that have been answered, then zeros.
struct StunTransactions {
    std::array<std::uint32_t, 8> ids{};
};

// Three cache lines. What each packet touches is in the first two; the third is for TCP, for A/V
// paths, and for what is asked once a generation.
//
//     [0, 24)     state, when it was last used, how much has passed
//     [24, 104)   both keys, one in each line
//     [104, 128)  where packets leave
struct alignas(64) Session {
    std::uint32_t last_seen = 0;  // low 32 bits of Millis: ask seen_ago()
    SessionState state = SessionState::free;
    bool av_path = false;    // replies follow the path of their request
    std::uint8_t aside = 0;  // kAside*: one byte, so that asking for all of them is one test
    bool twin_last = false;  // the last inbound packet came on the twin's path
    // Counters of the packets that each direction sent; bytes() has them whole.
    std::uint32_t packets[2] = {0, 0};
    std::uint32_t bytes_low[2] = {0, 0};

    // [initiator]: as the initiator's packets arrive here. [responder]: as the responder's do.
    // A packet of direction d leaves with source = key[!d].destination, destination =
    // key[!d].source and the ports likewise: that is the whole of NAT.
    FlowKey key[2];

    std::uint32_t generation = 0;
    // Egress of packets of each direction, and the neighbour they leave to. kNoInterface or
    // kNoNeighbour: to be resolved by translate and forward.
    std::uint16_t egress[2] = {kNoInterface, kNoInterface};
    std::uint32_t neighbour[2] = {kNoNeighbour, kNoNeighbour};
    std::uint32_t idle_ms = 0;  // of the rule, once established: idle_milliseconds()
    policy::NatKind nat = policy::NatKind::none;
    bool holds_port = false;      // a source port of ours is taken (full, snat)
    std::uint8_t table_keys = 0;  // bit d: the table finds this session by key[d]
    std::uint8_t shared_key = 0;  // index of the key that this session and its twin have in common

    union Protocol {
        Protocol() : tcp{} {}
        TcpSide tcp[2];
        StunTransactions stun;
    } protocol;
    std::uint32_t bytes_high[2] = {0, 0};
    Millis started = 0;
    std::uint32_t rule = policy::kNoRule;  // index in the policy of `generation`
    // Private to Sessions. UDP: index of the same client's session on the other path. TCP: index of
    // the record among the embryonic ones. Free: index of the next free session.
    std::uint32_t link = kNoSession;
    // While undecided. kAsideUnheard: sequence number of the initiator's first byte; else the
    // inspector's record (inspect::Inspection). kAsideRefused: since when, low 32 bits of Millis.
    std::uint32_t inspection = 0;

    bool has_twin() const { return (aside & kAsideTwin) != 0; }
    bool undecided() const { return (aside & kAsideUndecided) != 0; }
    bool refused() const { return (aside & kAsideRefused) != 0; }
    bool concerns_inspect() const { return (aside & (kAsideUndecided | kAsideRefused)) != 0; }
    void refuse(Millis now) {
        aside |= kAsideRefused;
        inspection = static_cast<std::uint32_t>(now);
    }
    void clear_aside(std::uint8_t flags) { aside = static_cast<std::uint8_t>(aside & ~flags); }
    std::uint64_t bytes(unsigned direction) const {
        return std::uint64_t{bytes_high[direction]} << 32 | bytes_low[direction];
    }
    // Milliseconds since it was last used. The sweep ends what is idle long before this wraps.
    std::uint32_t seen_ago(Millis now) const { return static_cast<std::uint32_t>(now) - last_seen; }
    void seen(Millis now) { last_seen = static_cast<std::uint32_t>(now); }
    void count(Direction direction, std::uint16_t ip_bytes) {
        const unsigned d = index_of(direction);
        ++packets[d];
        bytes_low[d] += ip_bytes;
        if (bytes_low[d] < ip_bytes) [[unlikely]]
            ++bytes_high[d];
    }
};
static_assert(sizeof(Session) == 192);
static_assert(offsetof(Session, key) == 24 && offsetof(Session, generation) == 104);
static_assert(offsetof(Session, protocol) == 128);

}  // namespace portcullis::dataplane
