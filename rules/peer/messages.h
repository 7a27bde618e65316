// The peer link: what control and the data plane say to each other. Plain structs over one
// SOCK_SEQPACKET unix socket; the data plane listens, control connects. Host byte order (both ends
// are one machine), no padding left to chance (static_assert below).
//
// Every message is a Header followed by its body; a record's length is given by its type, but for
// the list replies, which carry `count` records and say with `more` whether another message
// follows. A request is answered by exactly one reply, or one list, with the same `sequence`. The
// image itself never travels in a message: LoadImage carries one descriptor (SCM_RIGHTS) of a memfd
// sealed with F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL.
//
// Control may have several requests under way; they may be answered in any order (a status while an
// image is being loaded, say). In every record `interface` and `rule` are indices in the policy
// that runs when the reply is made (Policy::interfaces, Policy::rules); what no longer exists there,
// and the rule of a session whose next packet is judged anew, is kNoInterface or policy::kNoRule. `protocol` is as on the wire:
// 6, 17, 1, 58.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "rules/peer/neighbour_state.h"

namespace portcullis::peer {

inline constexpr std::uint32_t kMagic = 0x50434c31;  // "PCL1"
inline constexpr std::uint16_t kVersion = 5;
inline constexpr std::uint32_t kMaxMessageBytes = 65536;
inline constexpr std::uint16_t kNoInterface = 0xffff;
inline constexpr unsigned kMaxWorkers = 32;

enum class Type : std::uint16_t {
    // requests, control -> data plane
    load_image = 1,       // LoadImage and one descriptor
    confirm = 2,          // empty: the running policy is final
    rollback = 3,         // empty: back to the previous policy
    get_status = 4,       // empty
    get_counters = 5,     // empty
    get_sessions = 6,     // SessionQuery
    get_neighbours = 7,   // empty
    get_interfaces = 8,   // empty
    get_rules = 9,        // empty: hit counters of the running policy's rules
    get_nodes = 10,       // empty: probe state
    get_denies = 11,      // empty: takes the sampled denies recorded since the last call
    get_signatures = 12,  // empty: what became of the sessions held to a protocol
    // replies, data plane -> control
    result = 64,      // Result: of load_image, confirm, rollback, and of any request that failed
    status = 65,      // Status
    counters = 66,    // ListHeader, CounterRecord...
    sessions = 67,    // ListHeader, SessionRecord...
    neighbours = 68,  // ListHeader, NeighbourRecord...
    interfaces = 69,  // ListHeader, InterfaceRecord...
    rules = 70,       // ListHeader, RuleRecord...
    nodes = 71,       // ListHeader, NodeRecord...
    denies = 72,      // ListHeader, DenyRecord...
    signatures = 73,  // ListHeader, SignatureRecord...
};

struct Header {
    std::uint32_t magic = kMagic;
    std::uint16_t version = kVersion;
    Type type = Type::result;
    std::uint32_t sequence = 0;
    std::uint32_t body_bytes = 0;
};

using Hash = std::array<std::uint8_t, 16>;     // policy::ImageHash
using Address = std::array<std::uint8_t, 16>;  // policy::IpAddress bytes: IPv4 as ::ffff:a.b.c.d
template <std::size_t N>
using Text = std::array<char, N>;  // NUL-terminated, cut if longer

struct LoadImage {
    std::uint64_t image_bytes = 0;
    Hash hash{};                        // what control means to load
    std::uint32_t confirm_seconds = 0;  // 0: final; else rolled back unless confirmed in time
    std::uint32_t reserved = 0;
};

enum class Outcome : std::uint32_t { ok = 0, refused = 1, failed = 2, busy = 3 };

struct Result {
    Outcome outcome = Outcome::ok;
    std::uint32_t generation = 0;  // running now
    Hash hash{};                   // of the policy that runs now
    Text<512> text{};              // why not, one sentence
};

struct Status {
    Hash running{};   // zero: no policy, everything is dropped
    Hash previous{};  // what rollback goes back to; zero: nothing
    std::uint32_t generation = 0;
    std::uint32_t confirm_seconds_left = 0;  // 0: no confirmation pending
    std::uint64_t uptime_seconds = 0;
    std::uint64_t sessions = 0;
    std::uint64_t session_capacity = 0;  // of all workers
    std::uint32_t workers = 0;
    std::uint32_t pid = 0;
    std::uint64_t policy_age_seconds = 0;
    // 1: a load, confirmation or rollback is being carried out, whose sender may be gone: `running`
    // may become another policy at any moment.
    std::uint32_t loading = 0;
    std::uint32_t reserved = 0;
};

struct ListHeader {
    std::uint32_t count = 0;
    std::uint32_t more = 0;  // 1: another message of this list follows
};

// worker 0..n-1, or 0xffff for main. Names as in the X-macro lists ("drop.no-rule", "rx", "tx").
struct CounterRecord {
    Text<48> name{};
    std::uint16_t worker = 0;
    std::uint16_t reserved[3]{};
    std::uint64_t value = 0;
};

struct SessionQuery {
    Address address{};          // either end, before or after translation; all zero: any
    std::uint16_t port = 0;     // either end; 0: any
    std::uint8_t protocol = 0;  // 0: any
    std::uint8_t reserved = 0;
    std::uint32_t limit = 1000;  // records at most
};

// Names of SessionRecord::state, in the order of dataplane::SessionState.
inline constexpr std::array<std::string_view, 8> kSessionStates = {
    "free",    "syn-sent", "syn-received", "established",
    "one-way", "fin-wait", "closing",      "picked-up"};

enum class SessionConformance : std::uint8_t {
    none = 0,  // judged, or held to nothing by the running policy
    undecided = 1,
    refused = 2,  // only UDP is ever seen so: nothing of it passes, for 10 s. TCP ends at once
};

struct SessionRecord {
    // As the initiator emits it, and as the responder sees it.
    Address source{}, destination{};
    Address translated_source{}, translated_destination{};
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint16_t translated_source_port = 0, translated_destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t nat = 0;    // policy::NatKind
    std::uint8_t state = 0;  // index in kSessionStates
    SessionConformance conformance = SessionConformance::none;
    std::uint16_t worker = 0;
    std::uint16_t interface = 0;  // ingress
    std::uint32_t rule = 0;       // index in the running policy
    std::uint32_t idle_seconds = 0;
    std::uint32_t expires_seconds = 0;
    std::uint32_t age_seconds = 0;
    std::uint64_t packets[2]{}, bytes[2]{};  // [0] from the initiator, [1] from the responder
};

struct NeighbourRecord {
    Address address{};
    std::uint8_t mac[6]{};
    NeighbourState state = NeighbourState::incomplete;
    std::uint8_t reserved = 0;
    std::uint32_t interface = 0;
    std::uint32_t age_seconds = 0;
};

// Of a device and VLAN; what concerns the device alone is the same for each of its interfaces.
struct InterfaceRecord {
    Text<32> name{};
    Text<32> device{};
    std::uint8_t mac[6]{};
    std::uint16_t vlan = 0;
    std::uint16_t mtu = 0;
    std::uint8_t link_up = 0;
    std::uint8_t zones = 0;  // policy::ZoneSet bits
    std::uint32_t speed_mbps = 0;
    std::uint64_t rx_packets = 0, tx_packets = 0, rx_bytes = 0, tx_bytes = 0, rx_missed = 0;
    Text<32> driver{};
    // How its packets find their worker, and how many are expected to be handed over; for people.
    Text<192> steering{};
    std::uint32_t rx_queues = 0;  // queue i is read by worker i
    // 1: frames for others come in too, for it takes no list of what is ours.
    std::uint8_t promiscuous = 0;
    std::uint8_t reserved[3]{};
    std::uint64_t queue_rx[kMaxWorkers]{};  // packets read from each
};

struct RuleRecord {
    std::uint32_t rule = 0;  // index in the running policy
    std::uint32_t reserved = 0;
    std::uint64_t hits = 0;  // sessions started, or packets denied; survives reloads by rule id
};

struct NodeRecord {
    Text<48> service{};
    Text<32> node{};
    Address address{};
    std::uint8_t up = 0;
    std::uint8_t reserved[3]{};
    std::uint32_t since_seconds = 0;
};

// Of a service that the running policy holds to a protocol; survives reloads by `service`.
struct SignatureRecord {
    Text<80> service{};
    Text<80> protocol{};    // its class, or the name of the operator's own patterns
    std::uint8_t mode = 0;  // policy::ConformanceMode
    std::uint8_t reserved[7]{};
    std::uint64_t matched = 0;    // sessions whose protocol was recognised
    std::uint64_t refused = 0;    // sessions ended for not speaking it
    std::uint64_t watched = 0;    // sessions that would have been, and went on
    std::uint64_t undecided = 0;  // sessions whose first bytes are looked at now
};

// A denied first packet; or, where `service` is set, a session that does not speak the protocol its
// rule is for. Then the addresses are those of the session's first packet.
struct DenyRecord {
    std::uint64_t unix_ms = 0;
    Address source{}, destination{};
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t passed = 0;  // 1: only watched, nothing was dropped
    std::uint16_t interface = 0;
    std::uint32_t rule = 0;        // the denying site rule, or the one that allowed the session
    Text<32> reason{};             // name of a drop reason, or of an inspect::Violation
    std::uint32_t suppressed = 0;  // denies not recorded since the record before
    std::uint8_t reserved[3]{};
    std::uint8_t first_count = 0;                // of `first_bytes`
    std::array<std::uint8_t, 32> first_bytes{};  // what the initiator has sent first
    std::uint32_t limit = 0;                     // that was reached: inspect::limit_of()
    Text<80> service{};
};

static_assert(sizeof(Header) == 16);
static_assert(std::is_trivially_copyable_v<Result> && sizeof(Result) == 536);
static_assert(std::is_trivially_copyable_v<SessionRecord>);
static_assert(std::has_unique_object_representations_v<DenyRecord>);

}  // namespace portcullis::peer
