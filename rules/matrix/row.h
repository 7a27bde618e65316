// The Lync port matrix: one Row for each table row of the source documents, 208 in all.
//
// The data lives in rules/matrix/*.yaml, one file for each source document; a generator turns it
// into constant tables at build time (meson.build), so the matrix cannot fail to load. A row says
// what its document says (role, application, ends, features) and, in `openings`, what SEMANTICS.md
// decided that it means: which first packets it opens, between which entities.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "rules/policy/policy.h"

namespace portcullis::matrix {

// Ends of an opening. A `*_vip` of the Edge is ours; Director and pool VIPs are other balancers'.
enum class Entity : std::uint8_t {
    internet,   // every Internet host
    corporate,  // every corporate host
    access_vip,
    web_conferencing_vip,
    av_vip,
    internal_vip,
    access_node,
    web_conferencing_node,
    av_node,
    internal_node,
    other_av_node,  // only as `to` with from: av-node: the A/V nodes other than the sender
    rp_external,
    rp_internal,
    director,                // Director servers, pooled or single
    director_vip,            // VIPs of Director pools
    director_target,         // the VIP of a pooled Director, the host of a single one (decision 14)
    front_end,               // Front End servers
    front_end_vip,           // Front End pool VIPs
    front_end_target,        // a pool's VIP, or its servers where it has none (decision 13)
    front_end_vip_hardware,  // VIPs of pools with hardware balancing
    front_end_vip_dns,       // VIPs of pools with DNS balancing
    cms_server,              // servers of the pool holding the Central Management store
    cms_vip,                 // its VIP
    xmpp_gateway_server,     // servers of the pool holding the XMPP gateway
    xmpp_gateway_vip,        // its VIP
    collocated_mediation,    // Front Ends of pools that run Mediation
    collocated_mediation_vip_hardware,  // their VIPs, hardware balancing
    mediation,
    mediation_vip_hardware,
    director_vip_hardware,
    director_vip_dns,
    office_web_apps,
    persistent_chat,
    branch_appliance,
    pstn_gateway,
    internal_server,  // all declared server roles, branch appliances among them (decision 15)
    client,           // internal clients
    federated_partner,
    xmpp_partner,
};
std::string_view to_string(Entity entity);  // "front-end-vip"

// First packets that a row opens: any of `from` to any of `to`, each named transport and port.
struct Opening {
    std::span<const Entity> from;
    std::span<const Entity> to;
    std::span<const policy::Transport> transports;
    std::span<const policy::PortRange> ports;  // destination ports
    policy::PortRange source_ports;            // any, but for decision 5
    // Feature names (features.h spelling). Empty = unconditional; else any one of `any_of` opens
    // it, and each one of `all_of` must be on as well.
    std::span<const std::string_view> any_of;
    std::span<const std::string_view> all_of;
    bool lync_2010 = false;
    bool lync_2013 = false;
    // From nodes, leaving as the Access VIP (decision 7). Inbound NAT follows from `to`.
    bool snat = false;
};

struct Row {
    std::string_view id;        // "2013-edge.external-nodes.01": document, table, row number
    std::string_view document;  // file name in the data set, e.g. "lync-2013-edge-scaled-hlb"
    std::string_view table;     // "external-nodes"
    std::uint16_t number = 0;   // of the row in its table, from 1
    std::string_view role;
    std::string_view application;
    std::string_view transports;  // as documented, normalised: "tcp", "tcp/udp", "dhcp", ""
    std::string_view ports;       // as documented, normalised: "443", "50000-59999", "67/68", ""
    std::string_view from;        // as documented, in our words
    std::string_view to;
    std::string_view note;  // our own words
    // Exactly one of the next three is not empty.
    std::span<const std::string_view> restates;  // ids of the rows that this one repeats
    std::string_view no_rule;                    // why this row makes no rule
    std::span<const Opening> openings;
    // Every feature that one of the openings asks for, or those of the rows that this one repeats;
    // sorted.
    std::span<const std::string_view> features;
};

std::span<const Row>
rows();  // ordered by document, then as the document orders its tables and rows
const Row* find(std::string_view id);  // nullptr if there is none

}  // namespace portcullis::matrix
