// The reference matcher: linear first match over a Policy, with the NAT plan. It is the oracle that
// the data plane's rte_acl path is held against, and what `portcullis trace` runs. Clarity over
// speed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::policy {

// Why a first packet is refused. The data plane counts the same names as drop reasons.
enum class DenyReason : std::uint8_t {
    none,            // allowed
    no_rule,         // nothing in the matrix opens this
    site_rule,       // a site rule denies it
    spoofed_source,  // the source does not live behind this interface
    own_source,      // the source is an address of ours (a VIP or an interface)
    bogon_source,    // decision 17
    mixed_family,    // source and destination of different families
};
std::string_view to_string(DenyReason reason);  // "spoofed-source"
std::string_view explain(DenyReason reason);    // one sentence for people

struct FirstPacket {
    std::uint32_t interface = 0;  // ingress, index in Policy::interfaces
    Transport transport = Transport::tcp;
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
};

// The tuple after translation. A value drawn at run time is nullopt.
struct TranslatedTuple {
    std::optional<IpAddress> source;
    std::optional<std::uint16_t> source_port;
    std::optional<IpAddress> destination;  // nullopt where several nodes are possible
    std::optional<std::uint16_t> destination_port;
    std::vector<IpAddress> candidates;  // the possible nodes of a dnat or full service, sorted
};

struct Verdict {
    bool allow = false;
    DenyReason reason = DenyReason::no_rule;
    std::uint32_t rule = kNoRule;  // the allowing rule, or the denying site rule
    Zone from = Zone::internet;    // meaningful once anti-spoofing passed
    NatKind nat = NatKind::none;
    TranslatedTuple translated;  // meaningful where allowed
};

Verdict match(const Policy& policy, const FirstPacket& packet);

// Anti-spoofing alone (decision 17): nullopt if the source may enter here.
std::optional<DenyReason> source_refused(const Policy& policy, std::uint32_t interface,
                                         const AddressClass& source);

// Whether one rule covers a packet whose ends are classified already.
bool covers(const Rule& rule, const FirstPacket& packet, const AddressClass& source,
            const AddressClass& destination);

// The egress for a destination: the connected network or static route of the longest prefix.
struct NextHop {
    std::uint32_t interface = 0;
    IpAddress address;  // the gateway, or the destination itself on a connected network
};
std::optional<NextHop> route(const Policy& policy, const IpAddress& destination);

}  // namespace portcullis::policy
