// The topology: what an engineer wrote down about a Lync deployment, as plain values.
//
// Filled by load() (load.h) from YAML, already checked: every address lies in its zone, no two
// entities share one, VIPs have nodes, counts add up. Nothing here is derived; deriving is the
// compiler's job.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rules/policy/policy.h"
#include "rules/topology/features.h"

namespace portcullis::topology {

using policy::InterfaceAddress;
using policy::IpAddress;
using policy::PortRange;
using policy::Prefix;
using policy::Transport;
using policy::Zone;
using policy::ZoneSet;

struct Location {
    int line = 0;  // from 1
    int column = 0;
};

enum class Release : std::uint8_t { lync_2010, lync_2013 };
std::string_view to_string(Release release);

// An entity's address in each family; at least one is set where the entity exists.
struct DualAddress {
    std::optional<IpAddress> v4;
    std::optional<IpAddress> v6;
    bool any() const { return v4 || v6; }
    const std::optional<IpAddress>& of(policy::Family family) const {
        return family == policy::Family::ipv4 ? v4 : v6;
    }
};

struct Interface {
    std::string name;
    std::string device;
    std::uint16_t vlan = 0;
    std::uint16_t mtu = 1500;
    std::vector<InterfaceAddress> addresses;
    ZoneSet zones;
    Location where;
};

struct Route {
    Prefix prefix;
    IpAddress gateway;
    std::size_t interface = 0;  // whose connected network holds the gateway
    Location where;
};

// One Edge Server: its address for each service and leg.
struct EdgeNode {
    std::string name;
    DualAddress access;
    DualAddress web_conferencing;
    DualAddress av;
    DualAddress internal;
    std::uint32_t weight = 1;
    Location where;
};

struct Edge {
    // Not set where balancing is on neither interface.
    DualAddress access_vip;
    DualAddress web_conferencing_vip;
    DualAddress av_vip;
    DualAddress internal_vip;
    std::vector<EdgeNode> nodes;
};

struct ReverseProxy {
    std::string name;
    DualAddress external;
    DualAddress internal;
    Location where;
};

enum class PoolRole : std::uint8_t {
    director,
    front_end,
    mediation,
    office_web_apps,
    persistent_chat,
};
std::string_view to_string(PoolRole role);  // "front-end"

enum class Balancing : std::uint8_t { hardware, dns };

struct Server {
    std::string name;  // given, or the address as text
    DualAddress address;
    Location where;
};

struct Pool {
    std::string name;
    PoolRole role = PoolRole::front_end;
    Balancing balancing = Balancing::hardware;  // which balancer table gives its VIP's ports
    DualAddress vip;                            // not set: reached at its servers
    std::vector<Server> servers;
    bool holds_central_management_store = false;
    bool holds_xmpp_gateway = false;
    bool runs_mediation = false;  // Front End pools with a collocated Mediation Server
    Location where;
};

// Federated or XMPP partners: a list of prefixes, or everybody.
struct Partners {
    bool declared = false;
    bool open = false;  // Any
    std::vector<Prefix> prefixes;
};

// Idle times in seconds and balancing weights; the defaults are SEMANTICS "Service settings".
struct ServiceSettings {
    std::uint32_t access_idle = 1800;
    std::uint32_t web_conferencing_idle = 1800;
    std::uint32_t av_tcp_idle = 1800;
    std::uint32_t av_udp_idle = 300;
    std::uint32_t av_direct_idle = 300;  // the 50,000-59,999 range
    std::uint32_t internal_sip_idle = 1800;
    std::uint32_t internal_av_udp_idle = 300;
    std::uint32_t internal_av_tcp_idle = 1800;
    std::uint32_t reverse_proxy_idle = 1800;
    std::uint32_t tcp_idle = 1800;
    std::uint32_t udp_idle = 120;
    std::uint32_t dns_idle = 15;
};

// How strictly a service is held to its protocol.
struct ServiceConformance {
    std::optional<policy::ConformanceMode> mode;  // not set: Conformance::mode
    std::vector<std::string> names;               // as policy::Conformance::names
    policy::MissingName missing_name = policy::MissingName::allow;
    Location where;
};

// A protocol of the operator's own, as regular expressions for its first bytes.
struct CustomClass {
    std::string name;
    Transport transport = Transport::tcp;
    std::vector<std::string> patterns;
    std::vector<Location> pattern_places;  // of each of them
    Location where;
};

struct Conformance {
    // Of what names none. `enforce` means: wherever the class may be enforced, else watch.
    policy::ConformanceMode mode = policy::ConformanceMode::watch;
    std::map<std::string, ServiceConformance, std::less<>> services;  // of inspected_services.h
    std::vector<CustomClass> classes;
};

// What a site rule's sessions are held to.
struct SiteConformance {
    policy::ProtocolClass protocol = policy::ProtocolClass::none;
    std::size_t custom = 0;  // index in Conformance::classes, for class custom
    ServiceConformance how;
};

struct SiteRule {
    std::string name;  // given, or "site-N" by position from 1
    policy::Action action = policy::Action::allow;
    Zone from = Zone::internet;
    Zone to = Zone::internet;
    std::vector<Transport> transports;  // all three where a deny names none
    std::vector<PortRange> ports;       // destination ports; one "any" range where none is named
    std::vector<Prefix> sources;        // empty = the whole zone
    std::vector<Prefix> destinations;
    std::optional<SiteConformance> conformance;  // not set: that of the VIP's service, if any
    std::string reason;
    Location where;
};

struct Topology {
    std::string name;  // the file's base name without extension
    Release release = Release::lync_2013;
    FeatureSet features;
    std::vector<Interface> interfaces;
    std::vector<Route> routes;
    // networks.corporate and the corporate interfaces' prefixes, sorted
    std::vector<Prefix> corporate;
    std::vector<Prefix> clients;  // networks.clients; empty: no internal clients, no client rules
    Edge edge;
    std::vector<ReverseProxy> reverse_proxies;
    std::vector<Pool> pools;
    std::vector<Server> pstn_gateways;
    std::vector<Server> branch_appliances;  // SBAs
    Partners federated;
    Partners xmpp;
    ServiceSettings service_settings;
    policy::Settings settings;
    Conformance conformance;
    std::vector<SiteRule> site_rules;
    // Where the sections stand, for errors about them; line 0 where a section is absent.
    Location features_where;
    Location partners_where;
};

}  // namespace portcullis::topology
