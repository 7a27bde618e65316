// Every key and every word that a topology file may hold, in one place: the readers refuse what is
// not here, and a test holds topology.schema.json against it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rules/topology/topology.h"

namespace portcullis::topology {

using Words = std::span<const std::string_view>;

// The keys of one kind of map; `definition` is its name under "$defs" of the schema, "" the file
// itself.
struct KeySet {
    std::string_view definition;
    Words keys;
};

// One number of `service-settings`.
struct NumberSetting {
    std::string_view key;
    std::uint32_t ServiceSettings::*idle = nullptr;    // either this one
    std::uint32_t policy::Settings::*limit = nullptr;  // or this one is set
    std::uint32_t least = 0;
    std::uint32_t most = 0;
};

namespace keys {

inline constexpr std::array<std::string_view, 15> kTopLevel = {
    "release",  "interfaces",       "routes",        "networks",      "features",
    "edge",     "reverse-proxy",    "pools",         "pstn-gateways", "branch-appliances",
    "partners", "service-settings", "strict-bogons", "conformance",   "site-rules",
};
inline constexpr std::array<std::string_view, 6> kInterface = {"device",    "vlan",  "mtu",
                                                               "addresses", "zones", "gateway"};
inline constexpr std::array<std::string_view, 2> kRoute = {"to", "via"};
inline constexpr std::array<std::string_view, 2> kNetworks = {"corporate", "clients"};
inline constexpr std::array<std::string_view, 2> kEdge = {"vips", "nodes"};
inline constexpr std::array<std::string_view, 4> kEdgeVips = {"access", "web-conferencing", "av",
                                                              "internal"};
inline constexpr std::array<std::string_view, 5> kEdgeNode = {"access", "web-conferencing", "av",
                                                              "internal", "weight"};
inline constexpr std::array<std::string_view, 3> kReverseProxy = {"name", "external", "internal"};
inline constexpr std::array<std::string_view, 6> kPool = {"role",      "vip",   "servers",
                                                          "balancing", "holds", "runs"};
inline constexpr std::array<std::string_view, 2> kPartners = {"federated", "xmpp"};
inline constexpr std::array<std::string_view, 2> kSiteAction = {"allow", "deny"};
inline constexpr std::array<std::string_view, 13> kSiteRule = {
    "name",         "from",   "to",    "tcp",  "udp",   "icmp",        "sources",
    "destinations", "reason", "class", "mode", "names", "missing-name"};
inline constexpr std::array<std::string_view, 3> kConformance = {"default", "services", "classes"};
inline constexpr std::array<std::string_view, 3> kServiceConformance = {"mode", "names",
                                                                        "missing-name"};
inline constexpr std::array<std::string_view, 2> kCustomClass = {"transport", "patterns"};

inline constexpr std::array<std::string_view, 2> kReleases = {"lync-2010", "lync-2013"};
inline constexpr std::array<std::string_view, 5> kRoles = {"director", "front-end", "mediation",
                                                           "office-web-apps", "persistent-chat"};
inline constexpr std::array<std::string_view, 2> kBalancing = {"hardware", "dns"};
inline constexpr std::array<std::string_view, 2> kHolds = {"cms", "xmpp-gateway"};
inline constexpr std::array<std::string_view, 1> kRuns = {"mediation"};
inline constexpr std::array<std::string_view, 6> kZones = {
    "internet", "edge-external", "rp-external", "edge-internal", "rp-internal", "corporate"};
// In the order of their enums.
inline constexpr std::array<std::string_view, 3> kModes = {"off", "watch", "enforce"};
inline constexpr std::array<std::string_view, 2> kMissingName = {"allow", "refuse"};
inline constexpr std::array<std::string_view, 2> kClassTransports = {"tcp", "udp"};
inline constexpr std::array<std::string_view, 2> kOpen = {"open", "any"};

// Seconds, packets a second, or counts; README.md says which.
inline constexpr std::uint32_t kLongestIdle = 86400;
inline constexpr std::array<NumberSetting, 20> kNumberSettings = {{
    {"access-idle", &ServiceSettings::access_idle, nullptr, 1, kLongestIdle},
    {"web-conferencing-idle", &ServiceSettings::web_conferencing_idle, nullptr, 1, kLongestIdle},
    {"av-tcp-idle", &ServiceSettings::av_tcp_idle, nullptr, 1, kLongestIdle},
    {"av-udp-idle", &ServiceSettings::av_udp_idle, nullptr, 1, kLongestIdle},
    {"av-direct-idle", &ServiceSettings::av_direct_idle, nullptr, 1, kLongestIdle},
    {"internal-sip-idle", &ServiceSettings::internal_sip_idle, nullptr, 1, kLongestIdle},
    {"internal-av-udp-idle", &ServiceSettings::internal_av_udp_idle, nullptr, 1, kLongestIdle},
    {"internal-av-tcp-idle", &ServiceSettings::internal_av_tcp_idle, nullptr, 1, kLongestIdle},
    {"reverse-proxy-idle", &ServiceSettings::reverse_proxy_idle, nullptr, 1, kLongestIdle},
    {"tcp-idle", &ServiceSettings::tcp_idle, nullptr, 1, kLongestIdle},
    {"udp-idle", &ServiceSettings::udp_idle, nullptr, 1, kLongestIdle},
    {"dns-idle", &ServiceSettings::dns_idle, nullptr, 1, kLongestIdle},
    {"tcp-embryonic", nullptr, &policy::Settings::tcp_embryonic_seconds, 1, 600},
    {"tcp-closing", nullptr, &policy::Settings::tcp_closing_seconds, 1, 600},
    {"embryonic-per-source", nullptr, &policy::Settings::embryonic_per_source, 1, 1000000},
    {"embryonic-total", nullptr, &policy::Settings::embryonic_total, 1, 10000000},
    {"icmp-echo-per-second", nullptr, &policy::Settings::icmp_echo_per_second, 0, 1000000},
    {"icmp-error-per-second", nullptr, &policy::Settings::icmp_error_per_second, 0, 1000000},
    {"probe-rise", nullptr, &policy::Settings::probe_rise, 1, 100},
    {"probe-fall", nullptr, &policy::Settings::probe_fall, 1, 100},
}};
inline constexpr std::string_view kProbeInterval = "probe-interval";  // seconds, fractions allowed

}  // namespace keys

// Every map of the format, for the readers of `features` and `service-settings` and for the test.
Words feature_words();     // the names of all features
Words feature_map_keys();  // those and "defaults"
Words service_setting_keys();
Words class_words();  // the built-in classes that a site rule may name, "none" among them
std::vector<KeySet> all_key_sets();

}  // namespace portcullis::topology
