// What the matrix opens, decision by decision, against lists written out by hand from SEMANTICS.md.
// Each test takes EVERYTHING that one release opens toward some entities, so that a row too many
// fails it as surely as one too few.
//
// A line reads "from > to transport/port" with, where they apply, " source/range", " all:features",
// " any:features", " snat".
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/matrix/row.h"

namespace portcullis::matrix {
namespace {

enum class Release { lync_2010, lync_2013 };
using Lines = std::vector<std::string>;

std::string spell(const policy::PortRange& range) {
    if (range.is_any()) return "any";
    if (range.first == range.last) return std::to_string(range.first);
    return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::string spell(std::string_view mark, std::span<const std::string_view> features) {
    std::string text;
    for (const std::string_view feature : features) {
        text += text.empty() ? mark : ",";
        text += feature;
    }
    return text;
}

void spell(const Opening& opening, Entity from, Entity to, Lines& lines) {
    for (const policy::Transport transport : opening.transports) {
        for (const policy::PortRange& range : opening.ports) {
            std::string line(to_string(from));
            line += " > ";
            line += to_string(to);
            line += transport == policy::Transport::tcp ? " tcp/" : " udp/";
            line += spell(range);
            if (!opening.source_ports.is_any()) line += " source/" + spell(opening.source_ports);
            line += spell(" all:", opening.all_of) + spell(" any:", opening.any_of);
            if (opening.snat) line += " snat";
            lines.push_back(line);
        }
    }
}

// Every line that the release opens toward the entities, sorted.
Lines opened(Release release, std::initializer_list<Entity> targets) {
    Lines lines;
    for (const Row& row : rows()) {
        for (const Opening& opening : row.openings) {
            if (!(release == Release::lync_2010 ? opening.lync_2010 : opening.lync_2013)) continue;
            for (const Entity to : opening.to) {
                if (std::find(targets.begin(), targets.end(), to) == targets.end()) continue;
                for (const Entity from : opening.from) spell(opening, from, to, lines);
            }
        }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

Lines sorted(Lines lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
}

constexpr std::initializer_list<Entity> kExternalTargets = {
    Entity::access_vip,   Entity::web_conferencing_vip,  Entity::av_vip,
    Entity::access_node,  Entity::web_conferencing_node, Entity::av_node,
    Entity::other_av_node};
constexpr std::initializer_list<Entity> kOutside = {Entity::internet, Entity::federated_partner,
                                                    Entity::xmpp_partner};

TEST(Openings, TowardTheEdgeFromOutside2013) {  // decisions 4-9, 17
    EXPECT_EQ(opened(Release::lync_2013, kExternalTargets),
              sorted({
                  "internet > access-vip tcp/443",
                  "internet > access-vip tcp/5061 all:federation",
                  "internet > access-vip tcp/5269 all:xmpp",
                  "internet > web-conferencing-vip tcp/443 all:web-conferencing",
                  "internet > av-vip udp/3478",
                  "internet > av-vip tcp/443",
                  "internet > av-node udp/3478",
                  "internet > av-node tcp/443",
                  "internet > av-node tcp/50000-59999 all:ocs2007-federation",
                  "internet > av-node udp/50000-59999 all:ocs2007-federation",
                  "av-node > other-av-node udp/3478",
                  "av-node > other-av-node tcp/443",
                  "av-node > other-av-node tcp/50000-59999 all:ocs2007-federation",
                  "av-node > other-av-node udp/50000-59999 all:ocs2007-federation",
              }));
}

TEST(Openings, TowardTheEdgeFromOutside2010) {
    EXPECT_EQ(opened(Release::lync_2010, kExternalTargets),
              sorted({
                  "internet > access-vip tcp/443",
                  "internet > access-vip tcp/5061 any:federation,hosted-exchange",
                  "internet > web-conferencing-vip tcp/443 all:web-conferencing",
                  "internet > av-vip udp/3478",
                  "internet > av-vip tcp/443",
                  "internet > av-node udp/3478",
                  "internet > av-node tcp/443",
                  "internet > av-node tcp/50000-59999 all:ocs2007-federation",
                  "internet > av-node udp/50000-59999 all:ocs2007-federation",
                  "av-node > other-av-node udp/3478",
                  "av-node > other-av-node tcp/443",
                  "av-node > other-av-node tcp/50000-59999 all:ocs2007-federation",
                  "av-node > other-av-node udp/50000-59999 all:ocs2007-federation",
              }));
}

TEST(Openings, TowardTheInternet2013) {  // decisions 5-7, 16
    EXPECT_EQ(opened(Release::lync_2013, kOutside),
              sorted({
                  "access-node > internet tcp/80",
                  "access-node > internet tcp/53",
                  "access-node > internet udp/53",
                  "access-node > federated-partner tcp/5061 all:federation snat",
                  "access-node > xmpp-partner tcp/5269 all:xmpp snat",
                  "av-node > internet tcp/any source/50000-59999 any:ocs2007-federation,"
                  "ocs2007r2-federation,lync2010-federation,lync2013-federation",
                  "av-node > internet udp/any source/50000-59999 all:ocs2007-federation",
                  "av-node > internet udp/3478 any:lync2010-federation,ocs2007r2-federation,wlm,"
                  "multi-edge-pool",
                  "av-node > internet tcp/443",
              }));
}

TEST(Openings, TowardTheInternet2010) {
    EXPECT_EQ(opened(Release::lync_2010, kOutside),
              sorted({
                  "access-node > internet tcp/80",
                  "access-node > internet udp/53",
                  "access-node > internet tcp/5061 all:federation",
                  "av-node > internet tcp/any source/50000-59999 any:ocs2007-federation,"
                  "ocs2007r2-federation,lync2010-federation,wlm",
                  "av-node > internet udp/any source/50000-59999 all:ocs2007-federation",
                  "av-node > internet udp/3478 any:lync2010-federation,ocs2007r2-federation,wlm,"
                  "multi-edge-pool",
              }));
}

TEST(Openings, TowardTheEdgeFromInside2013) {  // decisions 3, 10, 11
    EXPECT_EQ(opened(Release::lync_2013, {Entity::internal_vip, Entity::internal_node}),
              sorted({
                  "front-end > internal-vip tcp/5061",
                  "front-end-vip > internal-vip tcp/5061",
                  "director > internal-vip tcp/5061 all:director",
                  "director-vip > internal-vip tcp/5061 all:director",
                  "front-end > internal-vip tcp/5062",
                  "front-end-vip > internal-vip tcp/5062",
                  "branch-appliance > internal-vip tcp/5062",
                  "corporate > internal-vip udp/3478",
                  "corporate > internal-vip tcp/443",
                  "front-end > internal-node tcp/8057 all:web-conferencing",
                  "front-end-vip > internal-node tcp/8057 all:web-conferencing",
                  "director > internal-node tcp/8057 all:web-conferencing,director",
                  "director-vip > internal-node tcp/8057 all:web-conferencing,director",
                  "cms-server > internal-node tcp/4443",
                  "cms-vip > internal-node tcp/4443",
                  "xmpp-gateway-server > internal-node tcp/23456 all:xmpp",
                  "xmpp-gateway-vip > internal-node tcp/23456 all:xmpp",
                  "corporate > internal-node tcp/50001 all:cls-logging",
                  "corporate > internal-node tcp/50002 all:cls-logging",
                  "corporate > internal-node tcp/50003 all:cls-logging",
                  "corporate > internal-node udp/3478",
                  "corporate > internal-node tcp/443",
              }));
}

TEST(Openings, TowardTheEdgeFromInside2010) {
    EXPECT_EQ(opened(Release::lync_2010, {Entity::internal_vip, Entity::internal_node}),
              sorted({
                  "front-end > internal-vip tcp/5061",
                  "front-end > internal-vip tcp/5062",
                  "branch-appliance > internal-vip tcp/5062",
                  "front-end > internal-node tcp/5062",
                  "corporate > internal-vip udp/3478",
                  "corporate > internal-vip tcp/443",
                  "corporate > internal-node tcp/8057 all:web-conferencing",
                  "front-end > internal-node tcp/4443",
                  "corporate > internal-node udp/3478",
                  "corporate > internal-node tcp/443",
              }));
}

TEST(Openings, TowardTheReverseProxyInBothReleases) {  // decision 13
    const Lines expected = sorted({
        "internet > rp-external tcp/443",
        "internet > rp-external tcp/80 any:mobility-http,rp-http-redirect",
    });
    for (const Release release : {Release::lync_2010, Release::lync_2013}) {
        EXPECT_EQ(opened(release, {Entity::rp_external, Entity::rp_internal}), expected);
    }
}

// Every entity that lives in the corporate zone.
constexpr std::initializer_list<Entity> kCorporate = {Entity::corporate,
                                                      Entity::director,
                                                      Entity::director_vip,
                                                      Entity::director_target,
                                                      Entity::front_end,
                                                      Entity::front_end_vip,
                                                      Entity::front_end_target,
                                                      Entity::front_end_vip_hardware,
                                                      Entity::front_end_vip_dns,
                                                      Entity::cms_server,
                                                      Entity::cms_vip,
                                                      Entity::xmpp_gateway_server,
                                                      Entity::xmpp_gateway_vip,
                                                      Entity::collocated_mediation,
                                                      Entity::collocated_mediation_vip_hardware,
                                                      Entity::mediation,
                                                      Entity::mediation_vip_hardware,
                                                      Entity::director_vip_hardware,
                                                      Entity::director_vip_dns,
                                                      Entity::office_web_apps,
                                                      Entity::persistent_chat,
                                                      Entity::branch_appliance,
                                                      Entity::pstn_gateway,
                                                      Entity::internal_server,
                                                      Entity::client};

TEST(Openings, TowardCorporate2010) {  // decisions 12, 13, 15: no corporate table in 2010
    EXPECT_EQ(opened(Release::lync_2010, kCorporate),
              sorted({
                  "internal-node > front-end tcp/5061",
                  "rp-internal > front-end-target tcp/4443",
                  "rp-internal > front-end-target tcp/8080 all:mobility-http",
              }));
}

TEST(Openings, FromThePerimeterTowardCorporate2013) {  // decisions 12, 13
    Lines lines = opened(Release::lync_2013, kCorporate);
    std::erase_if(lines, [](const std::string& line) {
        return !line.starts_with("rp-") && !line.starts_with("internal-node") &&
               !line.starts_with("access-") && !line.starts_with("web-conferencing-") &&
               !line.starts_with("av-") && !line.starts_with("internet");
    });
    EXPECT_EQ(lines, sorted({
                         "internal-node > front-end tcp/5061",
                         "internal-node > front-end-vip tcp/5061",
                         "internal-node > director tcp/5061 all:director",
                         "internal-node > director-vip tcp/5061 all:director",
                         "rp-internal > front-end-target tcp/4443",
                         "rp-internal > front-end-target tcp/8080 all:mobility-http",
                         "rp-internal > director-target tcp/4443 all:director",
                         "rp-internal > director-target tcp/8080 all:director,mobility-http",
                     }));
}

TEST(Openings, TowardDirectors2013) {  // decision 14
    EXPECT_EQ(
        opened(Release::lync_2013, {Entity::director, Entity::director_vip, Entity::director_target,
                                    Entity::director_vip_hardware, Entity::director_vip_dns}),
        sorted({
            "client > director-target tcp/80 all:director",
            "client > director-target tcp/443 all:director",
            "client > director-target tcp/5061 all:director",
            "internal-server > director tcp/5061 all:director",
            "internal-server > director-vip tcp/5061 all:director",
            "internal-node > director tcp/5061 all:director",
            "internal-node > director-vip tcp/5061 all:director",
            "front-end > director tcp/444 all:director",
            "front-end > director-vip tcp/444 all:director",
            "internal-server > director tcp/5060 all:rcc,director",
            "corporate > director tcp/50001 all:director,cls-logging",
            "corporate > director tcp/50002 all:director,cls-logging",
            "corporate > director tcp/50003 all:director,cls-logging",
            "rp-internal > director-target tcp/4443 all:director",
            "rp-internal > director-target tcp/8080 all:director,mobility-http",
        }));
}

TEST(Openings, TowardFrontEnds2013) {  // decision 15, the role table
    EXPECT_EQ(
        opened(Release::lync_2013, {Entity::front_end, Entity::cms_server,
                                    Entity::collocated_mediation, Entity::xmpp_gateway_server}),
        sorted({
            "internal-node > front-end tcp/5061",
            "client > front-end tcp/80",
            "client > front-end tcp/443",
            "client > front-end tcp/5061",
            "client > front-end tcp/5065",
            "client > front-end tcp/8057 all:web-conferencing",
            "client > front-end tcp/8058 all:web-conferencing",
            "client > front-end tcp/49152-57500",
            "client > front-end udp/49152-57500",
            "client > front-end tcp/57501-65535",
            "client > front-end udp/57501-65535",
            "client > front-end tcp/49152-65535",
            "internal-server > front-end tcp/49152-57500",
            "internal-server > front-end udp/49152-57500",
            "internal-server > front-end tcp/57501-65535",
            "internal-server > front-end udp/57501-65535",
            "internal-server > front-end tcp/49152-65535",
            "internal-server > front-end tcp/80",
            "internal-server > front-end tcp/135",
            "internal-server > front-end tcp/443",
            "internal-server > front-end tcp/444",
            "internal-server > front-end tcp/448 all:cac",
            "internal-server > front-end tcp/4443",
            "internal-server > front-end tcp/5060 all:rcc",
            "internal-server > front-end tcp/5061",
            "internal-server > front-end tcp/5062",
            "internal-server > front-end tcp/5063",
            "internal-server > front-end tcp/5064 all:dial-in",
            "internal-server > front-end tcp/5065",
            "internal-server > front-end tcp/5066 all:e911",
            "internal-server > front-end tcp/5071 all:response-group",
            "internal-server > front-end tcp/5072 all:dial-in",
            "internal-server > front-end tcp/5073 all:dial-in",
            "internal-server > front-end tcp/5075 all:call-park",
            "internal-server > front-end tcp/5076",
            "internal-server > front-end tcp/5080 all:cac",
            "internal-server > front-end tcp/5086 all:mobility",
            "internal-server > front-end tcp/5087 all:mobility",
            "internal-server > front-end tcp/8057 all:web-conferencing",
            "internal-server > front-end tcp/8058 all:web-conferencing",
            "internal-server > front-end tcp/8060",
            "internal-server > front-end tcp/8061",
            "internal-server > front-end tcp/8080",
            "internal-server > front-end tcp/8404 all:response-group",
            "internal-server > cms-server tcp/445",
            "director > front-end tcp/444 all:director",
            "front-end > collocated-mediation tcp/5070 all:mediation",
            "pstn-gateway > collocated-mediation tcp/5067 all:mediation",
            "pstn-gateway > collocated-mediation tcp/5068 all:mediation",
            "internal-server > collocated-mediation tcp/5067 all:mediation",
            "internal-server > collocated-mediation tcp/5068 all:mediation",
        }));
}

TEST(Openings, TowardPoolVips2013) {  // decisions 14, 15: the balancer tables
    EXPECT_EQ(opened(Release::lync_2013,
                     {Entity::front_end_vip, Entity::front_end_vip_hardware,
                      Entity::front_end_vip_dns, Entity::cms_vip, Entity::xmpp_gateway_vip,
                      Entity::collocated_mediation_vip_hardware, Entity::mediation_vip_hardware}),
              sorted({
                  "internal-node > front-end-vip tcp/5061",
                  "director > front-end-vip tcp/444 all:director",
                  "client > front-end-vip-hardware tcp/80",
                  "client > front-end-vip-hardware tcp/443",
                  "client > front-end-vip-hardware tcp/5061",
                  "internal-server > front-end-vip-hardware tcp/80",
                  "internal-server > front-end-vip-hardware tcp/135",
                  "internal-server > front-end-vip-hardware tcp/443",
                  "internal-server > front-end-vip-hardware tcp/444",
                  "internal-server > front-end-vip-hardware tcp/448 all:cac",
                  "internal-server > front-end-vip-hardware tcp/4443",
                  "internal-server > front-end-vip-hardware tcp/5061",
                  "internal-server > front-end-vip-hardware tcp/5071 all:response-group",
                  "internal-server > front-end-vip-hardware tcp/5072 all:dial-in",
                  "internal-server > front-end-vip-hardware tcp/5073 all:dial-in",
                  "internal-server > front-end-vip-hardware tcp/5075 all:call-park",
                  "internal-server > front-end-vip-hardware tcp/5076",
                  "internal-server > front-end-vip-hardware tcp/5080 all:cac",
                  "internal-server > front-end-vip-hardware tcp/8080",
                  "front-end > collocated-mediation-vip-hardware tcp/5070 all:mediation",
                  "front-end > mediation-vip-hardware tcp/5070 all:mediation",
                  "client > front-end-vip-dns tcp/80",
                  "client > front-end-vip-dns tcp/443",
                  "internal-server > front-end-vip-dns tcp/80",
                  "internal-server > front-end-vip-dns tcp/443",
                  "internal-server > front-end-vip-dns tcp/4443",
                  "internal-server > front-end-vip-dns tcp/8080",
              }));
}

TEST(Openings, TowardOtherServersAndClients2013) {  // decision 15
    EXPECT_EQ(
        opened(Release::lync_2013, {Entity::corporate, Entity::mediation, Entity::office_web_apps,
                                    Entity::persistent_chat, Entity::branch_appliance,
                                    Entity::pstn_gateway, Entity::internal_server, Entity::client}),
        sorted({
            "front-end > mediation tcp/5070 all:mediation",
            "pstn-gateway > mediation tcp/5067 all:mediation",
            "pstn-gateway > mediation tcp/5068 all:mediation",
            "internal-server > mediation tcp/5067 all:mediation",
            "internal-server > mediation tcp/5068 all:mediation",
            "client > mediation tcp/49152-57500 all:mediation",
            "client > mediation udp/49152-57500 all:mediation",
            "internal-server > mediation tcp/49152-57500 all:mediation",
            "internal-server > mediation udp/49152-57500 all:mediation",
            "mediation > pstn-gateway tcp/5081 all:mediation",
            "mediation > pstn-gateway tcp/5082 all:mediation",
            "collocated-mediation > pstn-gateway tcp/5081 all:mediation",
            "collocated-mediation > pstn-gateway tcp/5082 all:mediation",
            "internal-server > office-web-apps tcp/443 all:office-web-apps",
            "internal-server > persistent-chat tcp/443 all:persistent-chat",
            "internal-server > persistent-chat tcp/881 all:persistent-chat",
            "internal-server > persistent-chat tcp/5041 all:persistent-chat",
            "internal-server > internal-server udp/1434",
            "client > client tcp/6891-6901",
            "client > client tcp/1024-65535",
            "client > client udp/1024-65535",
        }));
}

}  // namespace
}  // namespace portcullis::matrix
