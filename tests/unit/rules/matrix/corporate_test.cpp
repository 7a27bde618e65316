// What the matrix opens toward corporate servers and clients, against lists written out by hand
// from SEMANTICS.md, target by target.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "rules/matrix/row.h"
#include "tests/unit/rules/matrix/opened.h"

namespace portcullis::matrix {
namespace {

TEST(Corporate, TowardDirectors2013) {  // decision 14
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

TEST(Corporate, TowardFrontEnds2013) {  // decision 15, the role table
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

TEST(Corporate, TowardPoolVips2013) {  // decisions 14, 15: the balancer tables
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

TEST(Corporate, TowardOtherServersAndClients2013) {  // decision 15
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

bool names(const Opening& opening, std::string_view part) {
    const auto has = [&](Entity entity) {
        return to_string(entity).find(part) != std::string_view::npos;
    };
    return std::any_of(opening.from.begin(), opening.from.end(), has) ||
           std::any_of(opening.to.begin(), opening.to.end(), has);
}

TEST(Corporate, WhatNamesADirectorAsksForTheFeature) {
    for (const Row& row : rows()) {
        for (const Opening& opening : row.openings) {
            const bool asked = std::find(opening.all_of.begin(), opening.all_of.end(),
                                         "director") != opening.all_of.end();
            EXPECT_EQ(asked, names(opening, "director")) << row.id;
        }
    }
}

TEST(Corporate, PoolVipsCallNobodyButTheEdge) {
    for (const Row& row : rows()) {
        for (const Opening& opening : row.openings) {
            for (const Entity from : opening.from) {
                if (!to_string(from).ends_with("-vip")) continue;
                for (const Entity to : opening.to) {
                    EXPECT_TRUE(to == Entity::internal_vip || to == Entity::internal_node)
                        << row.id;
                }
            }
        }
    }
}

}  // namespace
}  // namespace portcullis::matrix
