// What the matrix opens at the perimeter, against lists written out by hand from SEMANTICS.md,
// decision by decision.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "rules/matrix/row.h"
#include "tests/unit/rules/matrix/opened.h"

namespace portcullis::matrix {
namespace {

constexpr std::initializer_list<Entity> kExternalTargets = {
    Entity::access_vip,   Entity::web_conferencing_vip,  Entity::av_vip,
    Entity::access_node,  Entity::web_conferencing_node, Entity::av_node,
    Entity::other_av_node};
constexpr std::initializer_list<Entity> kOutside = {Entity::internet, Entity::federated_partner,
                                                    Entity::xmpp_partner};

TEST(Perimeter, TowardTheEdgeFromOutside2013) {  // decisions 4-9, 17
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

TEST(Perimeter, TowardTheEdgeFromOutside2010) {
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

TEST(Perimeter, TowardTheInternet2013) {  // decisions 5-7, 16
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

TEST(Perimeter, TowardTheInternet2010) {
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

TEST(Perimeter, TowardTheEdgeFromInside2013) {  // decisions 3, 10, 11
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

TEST(Perimeter, TowardTheEdgeFromInside2010) {
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

TEST(Perimeter, TowardTheReverseProxyInBothReleases) {  // decision 13
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

TEST(Perimeter, TowardCorporate2010) {  // decisions 12, 13, 15: no corporate table in 2010
    EXPECT_EQ(opened(Release::lync_2010, kCorporate),
              sorted({
                  "internal-node > front-end tcp/5061",
                  "rp-internal > front-end-target tcp/4443",
                  "rp-internal > front-end-target tcp/8080 all:mobility-http",
              }));
}

TEST(Perimeter, FromThePerimeterTowardCorporate2013) {  // decisions 12, 13
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

}  // namespace
}  // namespace portcullis::matrix
