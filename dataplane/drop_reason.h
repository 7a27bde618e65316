// Every way a packet ends without being sent: one line each, and the only list of them.
//
//     X(enumerator, counter name, sentence for people)
//
// Each worker counts them; `portcullis counters` shows them as "drop.<name>". The names of denied
// first packets are those of policy::DenyReason.
#pragma once

#include <cstdint>
#include <string_view>

// clang-format off
#define PORTCULLIS_DROP_REASONS(X)                                                                     \
    /* parse */                                                                                        \
    X(no_policy,          "no-policy",          "no policy is loaded: everything is dropped")          \
    X(unknown_interface,  "unknown-interface",  "no interface has this device and VLAN")               \
    X(not_for_us,         "not-for-us",         "the destination MAC address is another host's")       \
    X(bad_ethernet,       "bad-ethernet",       "the frame is too short or its tagging is not supported") \
    X(unknown_ethertype,  "unknown-ethertype",  "neither ARP, IPv4 nor IPv6")                          \
    X(bad_arp,            "bad-arp",            "a malformed ARP packet")                              \
    X(bad_ip_header,      "bad-ip-header",      "version, header length or total length do not add up") \
    X(bad_ip_checksum,    "bad-ip-checksum",    "the IPv4 header checksum is wrong")                   \
    X(ip_options,         "ip-options",         "IPv4 options are not passed")                         \
    X(fragment,           "fragment",           "IP fragments are not passed")                         \
    X(bad_extension,      "bad-extension",      "an IPv6 extension chain that is malformed, too long or not passed") \
    X(bad_l4_header,      "bad-l4-header",      "a TCP, UDP or ICMP header that is cut short or contradicts itself") \
    X(unknown_protocol,   "unknown-protocol",   "neither TCP, UDP nor ICMP")                           \
    X(land,               "land",               "source and destination are the same address")         \
    X(multi_segment,      "multi-segment",      "spread over several buffers, or without headroom")           \
    /* steer */                                                                                        \
    X(handover_full,      "handover-full",      "the ring to the owning worker was full")              \
    /* lookup, admit */                                                                                \
    X(spoofed_source,     "spoofed-source",     "the source does not live behind this interface")      \
    X(own_source,         "own-source",         "the source is an address of ours")                    \
    X(bogon_source,       "bogon-source",       "the source is no address of the Internet")            \
    X(no_rule,            "no-rule",            "nothing in the matrix opens this")                    \
    X(site_rule,          "site-rule",          "a site rule denies it")                               \
    X(mixed_family,       "mixed-family",       "source and destination are of different families")    \
    X(not_a_syn,          "not-a-syn",          "TCP without a session and without a SYN")             \
    X(bad_tcp_flags,      "bad-tcp-flags",      "a combination of TCP flags that no stack sends")      \
    X(tcp_out_of_window,  "tcp-out-of-window",  "a TCP segment outside the session's window")          \
    X(tcp_closed,         "tcp-closed",         "a TCP segment of a session that has ended")           \
    X(no_live_node,       "no-live-node",       "no node of the service answers its probe")            \
    X(no_free_port,       "no-free-port",       "every source port of the VIP is taken")               \
    X(session_table_full, "session-table-full", "no room for another session")                         \
    X(embryonic_limit,    "embryonic-limit",    "too many half-open sessions from this source")        \
    X(path_conflict,      "path-conflict",      "the same client already uses the other path to this A/V node") \
    X(binding_gone,       "binding-gone",       "the session's translation is no longer valid")        \
    X(policy_changed,     "policy-changed",     "the session is no longer allowed")                    \
    X(restart_reset,      "restart-reset",      "a translated connection from before a restart; answered with RST") \
    X(icmp_no_session,    "icmp-no-session",    "an ICMP error or echo reply that belongs to no session")            \
    X(icmp_not_passed,    "icmp-not-passed",    "an ICMP type that is not passed")                     \
    /* inspect */                                                                                      \
    X(not_conformant,     "not-conformant",     "the session does not speak the protocol that its port is open for") \
    X(bad_l4_checksum,    "bad-l4-checksum",    "a wrong TCP or UDP checksum, before the session's protocol is known: its receiver would throw it away") \
    X(inspection_hold,    "inspection-hold",    "out of order, or ambiguous, before the session's protocol is known: to be sent again") \
    /* translate, forward */                                                                           \
    X(ttl_expired,        "ttl-expired",        "TTL or hop limit ran out")                            \
    X(no_route,           "no-route",           "no route to the destination")                         \
    X(too_big,            "too-big",            "larger than the egress MTU and not to be fragmented") \
    X(neighbour_failed,   "neighbour-failed",   "the next hop does not answer ARP or ND")              \
    X(neighbour_queue_full, "neighbour-queue-full", "too many packets wait for the next hop")          \
    X(neighbour_table_full, "neighbour-table-full", "too many next hops")                              \
    X(punt_full,          "punt-full",          "the ring to the main thread was full")                \
    X(host_rate_limit,    "host-rate-limit",    "more ICMP to own addresses than the limit")           \
    X(host_unhandled,     "host-unhandled",     "sent to an address of ours that offers nothing there")\
    X(tx_full,            "tx-full",            "the device's transmit queue was full")                \
    X(shutdown,           "shutdown",           "still queued when the data plane stopped")
// clang-format on

namespace portcullis::dataplane {

enum class DropReason : std::uint8_t {
#define X(name, text, sentence) name,
    PORTCULLIS_DROP_REASONS(X)
#undef X
};

inline constexpr unsigned kDropReasonCount = 0
#define X(name, text, sentence) +1
    PORTCULLIS_DROP_REASONS(X)
#undef X
    ;

std::string_view to_string(DropReason reason);  // "no-rule"
std::string_view explain(DropReason reason);    // the sentence

}  // namespace portcullis::dataplane
