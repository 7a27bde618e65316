// Application conformance in the policy: which rules' sessions are held to which protocol, and how
// strictly.
//
//     Rule::conformance --> Conformance (a service, its mode and published names)
//                       --> SignatureDatabase (compiled patterns of its class)
//
// What a class means is decided in rules/signatures/ (patterns, as data) and rules/inspect/ (lengths
// and everything that is no pattern); the policy carries compiled patterns only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::policy {

// One for each application protocol of the matrix. The order is part of the image format.
enum class ProtocolClass : std::uint8_t {
    none,          // nothing public to hold it to: never inspected
    sip_tls,       // SIP in TLS
    psom_tls,      // web conferencing (PSOM) in TLS
    https,         // HTTP in TLS
    http,          // HTTP in the clear, requests for revocation lists among them
    xmpp,          // server-to-server XMPP, before STARTTLS
    dns_udp,       //
    dns_tcp,       //
    turn_udp,      // MS-TURN or STUN on 3478
    turn_tcp,      // MS-TURN on 443: pseudo-TLS, framed, or STUN over TCP
    media_udp,     // 50000-59999: STUN checks, then RTP and RTCP
    media_tcp,     // 50000-59999: ICE over TCP (RFC 4571), and federation's way to a partner's 443
    xmpp_gateway,  // 23456: TLS by what is seen, not public: watch at most
    logging,       // 50001-50003: likewise
    sba_https,     // 444, survivable branch appliances among them: likewise
    custom,        // the operator's own patterns
};
inline constexpr unsigned kProtocolClassCount = 16;
std::string_view to_string(ProtocolClass protocol);  // "sip-tls"
std::optional<ProtocolClass> parse_protocol_class(std::string_view text);
bool is_stream(ProtocolClass protocol);  // TCP; not for custom, see Conformance::stream
// Whether its wire format is public, so that what differs may be refused.
bool may_be_enforced(ProtocolClass protocol);
// TLS whose ClientHello names a server that can be held against published names.
bool carries_server_name(ProtocolClass protocol);

enum class ConformanceMode : std::uint8_t {
    off,      // not looked at
    watch,    // counted and logged, never dropped
    enforce,  // refused: RST to both sides, or the datagram dropped
};
std::string_view to_string(ConformanceMode mode);  // "watch"

// What a TLS client that names no server gets.
enum class MissingName : std::uint8_t { allow, refuse };
std::string_view to_string(MissingName missing);  // "allow"

// Patterns of one class as Hyperscan 5.4.0 serialises them. Pattern n has the ids 2n (the whole
// first message begins here) and 2n + 1 (its twin: what has arrived can still become one).
struct SignatureDatabase {
    ProtocolClass protocol = ProtocolClass::none;
    std::string name;  // of the class, or the operator's name for a custom one
    // Bytes that its patterns can look at, at most; a custom pattern has no twin and stays viable
    // until as many have arrived.
    std::uint32_t width = 0;
    bool twins = true;
    std::vector<std::uint8_t> serialised;
    friend bool operator==(const SignatureDatabase&, const SignatureDatabase&) = default;
};
inline constexpr std::uint32_t kNoDatabase = 0xffffffff;

struct Conformance {
    std::string name;  // of the service, as topologies write it: "access-443"
    ProtocolClass protocol = ProtocolClass::none;
    ConformanceMode mode = ConformanceMode::watch;
    bool stream = true;                    // TCP; else UDP
    std::uint32_t database = kNoDatabase;  // index in Policy::databases
    // Published names, lower case, sorted: exact, or "*.example.com" for one label more (RFC 6125
    // 6.4.3). Empty: any name passes. TLS classes only.
    std::vector<std::string> names;
    MissingName missing_name = MissingName::allow;
    friend bool operator==(const Conformance&, const Conformance&) = default;
};
inline constexpr std::uint32_t kNoConformance = 0xffffffff;

// Whether Conformance::names may hold it: a host name in lower case (letters, digits, hyphens,
// underscores; RFC 1123 2.1), no address, no final dot, with "*" at most as its whole first label.
bool is_published_name(std::string_view text);

// What a policy may hold; read_image() refuses more.
inline constexpr std::size_t kMostConformance = 4096;
inline constexpr std::size_t kMostDatabases = 48;  // one a class, and the operator's own
inline constexpr std::size_t kMostNames = 1024;    // of one service
inline constexpr std::size_t kMaxDatabaseBytes = std::size_t{1} << 20;
inline constexpr std::uint32_t kMaxWidth = 16384;

// What holds for the conformance of every sound policy; part of find_defect() (policy.h).
std::optional<std::string> find_defect(const std::vector<Conformance>& conformance,
                                       const std::vector<SignatureDatabase>& databases);

}  // namespace portcullis::policy
