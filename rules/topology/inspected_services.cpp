#include "rules/topology/inspected_services.h"

#include <algorithm>
#include <array>

namespace portcullis::topology {
namespace {

using policy::ProtocolClass;

constexpr InspectedService kServices[] = {
    {"access-443", ProtocolClass::sip_tls, "SIP from clients to the Access VIP"},
    {"access-5061", ProtocolClass::sip_tls, "SIP from partners to the Access VIP"},
    {"access-5269", ProtocolClass::xmpp, "XMPP from partners to the Access VIP"},
    {"web-conferencing-443", ProtocolClass::psom_tls,
     "conference content, clients to the Web Conferencing VIP"},
    {"av-443", ProtocolClass::turn_tcp, "media over TCP to the A/V VIP and nodes"},
    {"av-3478", ProtocolClass::turn_udp, "media over UDP to and from the A/V VIP and nodes"},
    {"media-udp", ProtocolClass::media_udp, "50000-59999/udp of A/V nodes"},
    {"media-tcp", ProtocolClass::media_tcp,
     "50000-59999/tcp of A/V nodes, and what they send to 443 of a partner"},
    {"sip-out", ProtocolClass::sip_tls, "SIP from Access nodes to partners"},
    {"xmpp-out", ProtocolClass::xmpp, "XMPP from Access nodes to partners"},
    {"crl", ProtocolClass::http, "revocation lists, fetched by Access nodes"},
    {"dns-udp", ProtocolClass::dns_udp, "DNS of Access nodes"},
    {"dns-tcp", ProtocolClass::dns_tcp, "DNS of Access nodes over TCP"},
    {"reverse-proxy-443", ProtocolClass::https, "web services, Internet to the reverse proxy"},
    {"reverse-proxy-80", ProtocolClass::http, "the same in the clear"},
    {"proxied-https", ProtocolClass::https, "4443, reverse proxy to pools and Directors"},
    {"proxied-http", ProtocolClass::http, "8080, reverse proxy to pools and Directors"},
    {"internal-443", ProtocolClass::turn_tcp, "media over TCP, corporate to the Edge"},
    {"internal-3478", ProtocolClass::turn_udp, "media over UDP, corporate to the Edge"},
    {"internal-5061", ProtocolClass::sip_tls, "SIP from servers to the Edge internal VIP"},
    {"internal-5062", ProtocolClass::sip_tls, "media authentication, servers to the Edge"},
    {"edge-sip-in", ProtocolClass::sip_tls, "SIP from Edge nodes to servers"},
    {"edge-psom", ProtocolClass::psom_tls, "8057, conference content to Edge nodes"},
    {"edge-replication", ProtocolClass::https, "4443, configuration to Edge nodes"},
    {"edge-xmpp-gateway", ProtocolClass::xmpp_gateway, "23456, XMPP gateway to Edge nodes"},
    {"edge-logging", ProtocolClass::logging, "50001-50003, central logging of Edge nodes"},
    {"corporate-sip", ProtocolClass::sip_tls, "5061 between corporate hosts"},
    {"corporate-https", ProtocolClass::https, "443 and 4443 between corporate hosts"},
    {"corporate-http", ProtocolClass::http, "80 and 8080 between corporate hosts"},
    {"corporate-psom", ProtocolClass::psom_tls, "8057 and 8058 between corporate hosts"},
    {"corporate-sba", ProtocolClass::sba_https,
     "444 between servers, branch appliances among them"},
    {"corporate-logging", ProtocolClass::logging, "50001-50003, central logging of Directors"},
};

constexpr auto kWords = [] {
    std::array<std::string_view, std::size(kServices)> words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = kServices[i].name;
    return words;
}();

}  // namespace

std::span<const InspectedService> inspected_services() {
    return kServices;
}

const InspectedService* find_inspected_service(std::string_view name) {
    const auto found = std::ranges::find(kServices, name, &InspectedService::name);
    return found == std::end(kServices) ? nullptr : found;
}

std::span<const std::string_view> inspected_service_words() {
    return kWords;
}

}  // namespace portcullis::topology
