#include "rules/topology/features.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace portcullis::topology {
namespace {

TEST(Features, NamesAreThoseOfTheirEnumerators) {
    // A name out of step with the enum would switch another feature.
    EXPECT_EQ(to_string(Feature::federation), "federation");
    EXPECT_EQ(to_string(Feature::hosted_exchange), "hosted-exchange");
    EXPECT_EQ(to_string(Feature::xmpp), "xmpp");
    EXPECT_EQ(to_string(Feature::ocs2007_federation), "ocs2007-federation");
    EXPECT_EQ(to_string(Feature::ocs2007r2_federation), "ocs2007r2-federation");
    EXPECT_EQ(to_string(Feature::lync2010_federation), "lync2010-federation");
    EXPECT_EQ(to_string(Feature::lync2013_federation), "lync2013-federation");
    EXPECT_EQ(to_string(Feature::wlm), "wlm");
    EXPECT_EQ(to_string(Feature::multi_edge_pool), "multi-edge-pool");
    EXPECT_EQ(to_string(Feature::cls_logging), "cls-logging");
    EXPECT_EQ(to_string(Feature::mobility_http), "mobility-http");
    EXPECT_EQ(to_string(Feature::rp_http_redirect), "rp-http-redirect");
    EXPECT_EQ(to_string(Feature::web_conferencing), "web-conferencing");
    EXPECT_EQ(to_string(Feature::director), "director");
    EXPECT_EQ(to_string(Feature::mobility), "mobility");
    EXPECT_EQ(to_string(Feature::dial_in), "dial-in");
    EXPECT_EQ(to_string(Feature::mediation), "mediation");
    EXPECT_EQ(to_string(Feature::persistent_chat), "persistent-chat");
    EXPECT_EQ(to_string(Feature::office_web_apps), "office-web-apps");
    EXPECT_EQ(to_string(Feature::call_park), "call-park");
    EXPECT_EQ(to_string(Feature::response_group), "response-group");
    EXPECT_EQ(to_string(Feature::e911), "e911");
    EXPECT_EQ(to_string(Feature::cac), "cac");
    EXPECT_EQ(to_string(Feature::rcc), "rcc");
}

TEST(Features, ParseIsTheInverse) {
    std::set<std::string_view> names;
    for (unsigned i = 0; i < kFeatureCount; ++i) {
        const auto feature = static_cast<Feature>(i);
        EXPECT_EQ(parse_feature(to_string(feature)), feature);
        names.insert(to_string(feature));
    }
    EXPECT_EQ(names.size(), kFeatureCount);
    EXPECT_EQ(parse_feature("Federation"), std::nullopt);
    EXPECT_EQ(parse_feature(""), std::nullopt);
    EXPECT_EQ(parse_feature("defaults"), std::nullopt);
}

TEST(Features, FourAreOffUnlessNamed) {
    const auto defaults = FeatureSet::defaults();
    unsigned on = 0;
    for (unsigned i = 0; i < kFeatureCount; ++i)
        on += defaults.has(static_cast<Feature>(i)) ? 1 : 0;
    EXPECT_EQ(on, kFeatureCount - 4);
    for (const auto off : {Feature::xmpp, Feature::ocs2007_federation, Feature::wlm, Feature::rcc})
        EXPECT_FALSE(defaults.has(off)) << to_string(off);
}

}  // namespace
}  // namespace portcullis::topology
