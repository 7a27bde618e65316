// The policy: what a compiled topology means to a packet, independent of any topology file.
//
//     topology + matrix --compile--> Policy --write_image--> bytes --read_image--> Policy
//
// The compiler fills it (rules/compile/), the reference matcher judges packets by it (match.h), the
// image carries it (image.h), and the data plane builds its lookup structures from it. Rules are
// ordered: the first that matches decides, and what no rule matches is denied.
//
// A rule is matched on the untranslated tuple of the FIRST packet of a connection, as its sender
// emitted it. Replies never need a rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/policy/address.h"
#include "rules/policy/conformance.h"

namespace portcullis::policy {

// Where an address lives (SEMANTICS "Zones"). The order is part of the image format.
enum class Zone : std::uint8_t {
    internet,
    edge_external,
    rp_external,
    edge_internal,
    rp_internal,
    corporate,
};
inline constexpr unsigned kZoneCount = 6;
std::string_view to_string(Zone zone);  // "edge-external", the spelling of topology files
std::optional<Zone> parse_zone(std::string_view text);

class ZoneSet {
  public:
    constexpr void add(Zone zone) {
        bits_ |= static_cast<std::uint8_t>(1U << static_cast<unsigned>(zone));
    }
    constexpr bool contains(Zone zone) const {
        return (bits_ >> static_cast<unsigned>(zone) & 1U) != 0;
    }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr std::uint8_t bits() const { return bits_; }
    static constexpr ZoneSet from_bits(std::uint8_t bits) {
        ZoneSet set;
        set.bits_ = bits;
        return set;
    }
    friend constexpr bool operator==(ZoneSet, ZoneSet) = default;

  private:
    std::uint8_t bits_ = 0;
};

// IANA protocol numbers. `icmp` means echo in either family (ICMPv6 too) and is opened by site
// rules only: as ports it has source = the echo identifier and destination = 0.
enum class Transport : std::uint8_t { icmp = 1, tcp = 6, udp = 17 };
std::string_view to_string(Transport transport);

// What Portcullis knows of an address before any rule is asked.
enum class AddressKind : std::uint8_t {
    member,  // a host of `zone`
    own,     // ours: an interface address or a VIP of ours, on the leg `zone`; never a source
    bogon,   // SEMANTICS decision 17: never a source from the Internet, never in "Any"
};

// Longest prefix wins; what no entry covers is a member of `internet`.
struct AddressClass {
    Prefix prefix;
    AddressKind kind = AddressKind::member;
    Zone zone = Zone::internet;  // meaningless for bogon
    friend bool operator==(const AddressClass&, const AddressClass&) = default;
};

struct InterfaceAddress {
    IpAddress address;
    std::uint8_t prefix_length = 0;  // in the address's own family
    Prefix network() const { return Prefix::make(address, prefix_length); }
    friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct Interface {
    std::string name;
    std::string device;      // a device name of dataplane.conf
    std::uint16_t vlan = 0;  // 802.1Q id, 0 = untagged
    std::uint16_t mtu = 1500;
    ZoneSet zones;
    std::vector<InterfaceAddress> addresses;
    // Every address this interface answers ARP and ND for: its own, the VIPs of its leg, and on
    // `internet` each perimeter address inside its prefixes. Sorted.
    std::vector<IpAddress> answered;
    friend bool operator==(const Interface&, const Interface&) = default;
};

// Static routes; connected networks are derived from the interfaces.
struct Route {
    Prefix prefix;
    IpAddress gateway;
    std::uint32_t interface = 0;  // index in Policy::interfaces
    friend bool operator==(const Route&, const Route&) = default;
};

enum class NatKind : std::uint8_t {
    none,  // untouched
    dnat,  // destination VIP -> node, source kept
    full,  // destination VIP -> node, source -> VIP and a port of ours; destination port kept
    snat,  // source -> VIP and a port of ours, destination kept
};
std::string_view to_string(NatKind kind);

enum class ProbeKind : std::uint8_t { none, tcp, stun };

struct Node {
    std::string name;
    IpAddress address;
    std::uint32_t weight = 1;  // rendezvous weight, 1-1000
    friend bool operator==(const Node&, const Node&) = default;
};

// A translated service of ours: (VIP, transport, port) and the nodes behind it. For snat: the VIP
// that becomes the source; no nodes, port 0.
struct Service {
    std::string name;  // stable, e.g. "access-443/tcp", "av-3478/udp/ipv6"
    IpAddress vip;
    Transport transport = Transport::tcp;
    std::uint16_t port = 0;
    NatKind nat = NatKind::none;
    std::vector<Node> nodes;  // same family as vip
    ProbeKind probe = ProbeKind::none;
    std::vector<std::uint16_t> probe_ports;  // a node is up when every one answers
    friend bool operator==(const Service&, const Service&) = default;
};
inline constexpr std::uint32_t kNoService = 0xffffffff;

enum class Action : std::uint8_t { allow, deny };
enum class Origin : std::uint8_t { site, matrix };

struct Rule {
    std::string id;  // stable: derives from rows and entities, never from position
    Origin origin = Origin::matrix;
    Action action = Action::allow;
    Transport transport = Transport::tcp;
    Family family = Family::ipv4;
    Zone from = Zone::internet;
    Zone to = Zone::internet;
    // Empty = every member of the zone. Sources are never own addresses. Sorted, no duplicates.
    std::vector<Prefix> sources;
    std::vector<Prefix> destinations;
    // The destination's class must be of zone `to` too, whatever `destinations` says, and is never
    // a bogon. An address of ours is covered only where `destinations` names it as a host prefix (a
    // VIP), not by a wider prefix and not by an empty list, unless `covers_own` is set.
    // Only site denies set it: they reach ours like any other address of `to`.
    bool covers_own = false;
    PortRange source_ports;
    PortRange destination_ports;
    std::uint32_t service = kNoService;  // index in Policy::services, set iff nat != none
    NatKind nat = NatKind::none;
    // A/V 3478/udp and 443/tcp, through the VIP or direct: replies follow the path of their
    // request.
    bool av_path = false;
    std::uint32_t idle_seconds = 0;              // of an established session
    std::uint32_t conformance = kNoConformance;  // index in Policy::conformance; TCP and UDP only
    std::vector<std::string> rows;               // matrix row ids, sorted; empty for site rules
    std::string reason;                          // one sentence: why this rule exists
    friend bool operator==(const Rule&, const Rule&) = default;
};

// Things allowed outside the matrix (SEMANTICS decision 19), listed like rules in reports.
struct Builtin {
    std::string id;
    std::string reason;
    friend bool operator==(const Builtin&, const Builtin&) = default;
};

struct Settings {
    bool strict_bogons = false;
    std::uint32_t tcp_embryonic_seconds = 30;
    std::uint32_t tcp_closing_seconds = 15;
    std::uint32_t embryonic_per_source = 256;
    std::uint32_t embryonic_total = 65536;      // for each worker
    std::uint32_t icmp_echo_per_second = 100;   // answered, for each interface
    std::uint32_t icmp_error_per_second = 100;  // sent, for each worker
    std::uint32_t probe_interval_ms = 2000;
    std::uint32_t probe_rise = 2;  // answers in a row until up
    std::uint32_t probe_fall = 3;  // silences in a row until down
    friend bool operator==(const Settings&, const Settings&) = default;
};

inline constexpr std::uint32_t kNoRule = 0xffffffff;

// A first packet and what must become of it. The loader replays all of them before it publishes.
struct Witness {
    std::uint32_t interface = 0;  // ingress, index in Policy::interfaces
    Transport transport = Transport::tcp;
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    bool allow = false;
    std::uint32_t rule = kNoRule;  // the deciding rule; kNoRule where silence or spoofing denies
    friend bool operator==(const Witness&, const Witness&) = default;
};

struct Policy {
    std::string topology_name;  // for people; the file's base name
    std::string release;        // "lync-2010" or "lync-2013"
    std::vector<Interface> interfaces;
    std::vector<Route> routes;            // longest prefix first
    std::vector<AddressClass> addresses;  // longest prefix first
    std::vector<Service> services;
    std::vector<Rule> rules;
    std::vector<Conformance> conformance;
    std::vector<SignatureDatabase> databases;
    std::vector<Builtin> builtins;
    std::vector<Witness> witnesses;
    Settings settings;
    friend bool operator==(const Policy&, const Policy&) = default;
};

// The class of one address: longest prefix in policy.addresses, else a member of `internet`.
AddressClass classify(const Policy& policy, const IpAddress& address);

// What no sound policy has: an index out of range, a list out of order, a rule that disagrees with
// its service, two rules of one id... nullopt if there is nothing of the kind. read_image() refuses
// a policy with a defect, so the data plane may rely on its absence.
std::optional<std::string> find_defect(const Policy& policy);

}  // namespace portcullis::policy
