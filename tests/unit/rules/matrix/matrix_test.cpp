// The shape of the data: SEMANTICS.md's counts, and what holds for every row.
#include "rules/matrix/row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "rules/topology/features.h"

namespace portcullis::matrix {
namespace {

TEST(Matrix, HasOneEntryForEachRowOfEachTable) {
    const std::map<std::pair<std::string, std::string>, std::size_t> expected = {
        {{"lync-2013-director-single", "ports"}, 9},
        {{"lync-2013-director-scaled", "ports"}, 9},
        {{"lync-2013-internal-servers", "roles"}, 52},
        {{"lync-2013-internal-servers", "balancer-hardware"}, 20},
        {{"lync-2013-internal-servers", "balancer-dns"}, 7},
        {{"lync-2013-internal-servers", "clients"}, 12},
        {{"lync-2013-edge-scaled-hlb", "external-nodes"}, 11},
        {{"lync-2013-edge-scaled-hlb", "internal-nodes"}, 8},
        {{"lync-2013-edge-scaled-hlb", "external-vips"}, 8},
        {{"lync-2013-edge-scaled-hlb", "internal-vips"}, 6},
        {{"lync-2010-edge-reference-3", "summary-external"}, 11},
        {{"lync-2010-edge-reference-3", "summary-internal"}, 6},
        {{"lync-2010-edge-reference-3", "summary-reverse-proxy-external"}, 2},
        {{"lync-2010-edge-reference-3", "summary-reverse-proxy-internal"}, 2},
        {{"lync-2010-edge-reference-3", "external-vips"}, 5},
        {{"lync-2010-edge-reference-3", "external-node-1"}, 10},
        {{"lync-2010-edge-reference-3", "external-node-2"}, 10},
        {{"lync-2010-edge-reference-3", "reverse-proxy-external"}, 2},
        {{"lync-2010-edge-reference-3", "internal-vips"}, 4},
        {{"lync-2010-edge-reference-3", "internal-node-1"}, 6},
        {{"lync-2010-edge-reference-3", "internal-node-2"}, 6},
        {{"lync-2010-edge-reference-3", "reverse-proxy-internal"}, 2},
    };
    std::map<std::pair<std::string, std::string>, std::size_t> counted;
    for (const Row& row : rows()) {
        const std::size_t number = ++counted[{std::string(row.document), std::string(row.table)}];
        EXPECT_EQ(row.number, number) << row.id;
    }
    EXPECT_EQ(counted, expected);
    EXPECT_EQ(rows().size(), 208U);
}

TEST(Matrix, IdsAreUniqueAndFound) {
    std::set<std::string_view> ids;
    for (const Row& row : rows()) {
        EXPECT_TRUE(ids.insert(row.id).second) << row.id;
        EXPECT_EQ(find(row.id), &row);
    }
    EXPECT_EQ(find("2013-edge.external-nodes.12"), nullptr);
    EXPECT_EQ(find(""), nullptr);
}

TEST(Matrix, EveryRowOpensOrRestatesOrSaysWhyNot) {
    for (const Row& row : rows()) {
        const int given = (row.openings.empty() ? 0 : 1) + (row.restates.empty() ? 0 : 1) +
                          (row.no_rule.empty() ? 0 : 1);
        EXPECT_EQ(given, 1) << row.id;
        EXPECT_FALSE(row.note.empty()) << row.id;
    }
}

// Whether each row at the end of the chain of restatements opens something or says why not.
bool ends_well(const Row& row, std::size_t depth) {
    if (depth > rows().size()) return false;
    return std::all_of(row.restates.begin(), row.restates.end(), [&](std::string_view id) {
        const Row* target = find(id);
        return target != nullptr && ends_well(*target, depth + 1);
    });
}

TEST(Matrix, EveryRestatementEndsInARowOfItsOwn) {
    for (const Row& row : rows()) EXPECT_TRUE(ends_well(row, 0)) << row.id;
}

TEST(Matrix, NoRuleRowsAreTheBlankOneDhcpAndAReplyHalf) {
    std::set<std::string_view> silent;
    for (const Row& row : rows()) {
        if (!row.no_rule.empty()) silent.insert(row.id);
    }
    EXPECT_EQ(silent, (std::set<std::string_view>{
                          "2013-edge.internal-vips.06", "2013-servers.balancer-dns.06",
                          "2013-servers.clients.01", "2013-servers.clients.12"}));
}

TEST(Matrix, FeaturesAreThoseOfTheOpeningsAndAllHaveRows) {
    std::set<std::string_view> used;
    for (const Row& row : rows()) {
        std::set<std::string_view> asked;
        for (const Opening& opening : row.openings) {
            asked.insert(opening.any_of.begin(), opening.any_of.end());
            asked.insert(opening.all_of.begin(), opening.all_of.end());
        }
        const std::set<std::string_view> listed(row.features.begin(), row.features.end());
        EXPECT_EQ(listed.size(), row.features.size()) << row.id;
        if (row.restates.empty()) {
            EXPECT_EQ(listed, asked) << row.id;
        }
        used.insert(listed.begin(), listed.end());
    }
    EXPECT_EQ(used.size(), topology::kFeatureCount);  // none is a switch without a wire
    EXPECT_EQ(find("2013-director-single.ports.01")->features.size(), 2U);  // those of its original
}

TEST(Matrix, OpeningsAreWellFormed) {
    for (const Row& row : rows()) {
        for (const Opening& opening : row.openings) {
            EXPECT_FALSE(opening.from.empty()) << row.id;
            EXPECT_FALSE(opening.to.empty()) << row.id;
            EXPECT_FALSE(opening.transports.empty()) << row.id;
            EXPECT_FALSE(opening.ports.empty()) << row.id;
            EXPECT_TRUE(opening.lync_2010 || opening.lync_2013) << row.id;
            for (const policy::PortRange& range : opening.ports) {
                EXPECT_LE(range.first, range.last) << row.id;
                // "Any" port is only opened where the source port is bound instead (decision 5).
                EXPECT_EQ(range.is_any(), !opening.source_ports.is_any()) << row.id;
            }
            for (const policy::Transport transport : opening.transports) {
                EXPECT_NE(transport, policy::Transport::icmp) << row.id;
            }
        }
    }
}

TEST(Matrix, RowsOfOneReleaseStayInIt) {
    // The reverse proxy's outside is the one table that both releases share (decision 13).
    for (const Row& row : rows()) {
        const bool shared = row.table == "reverse-proxy-external";
        const bool of_2010 = row.document.starts_with("lync-2010");
        for (const Opening& opening : row.openings) {
            EXPECT_EQ(opening.lync_2010, of_2010) << row.id;
            EXPECT_EQ(opening.lync_2013, !of_2010 || shared) << row.id;
        }
        // Nor do they meet by restatement.
        for (const std::string_view id : row.restates) {
            EXPECT_EQ(find(id)->document.starts_with("lync-2010"), of_2010) << row.id;
        }
    }
}

TEST(Matrix, EntitiesAreSpelledAsInTheData) {
    EXPECT_EQ(to_string(Entity::internet), "internet");
    EXPECT_EQ(to_string(Entity::web_conferencing_vip), "web-conferencing-vip");
    EXPECT_EQ(to_string(Entity::other_av_node), "other-av-node");
    EXPECT_EQ(to_string(Entity::xmpp_partner), "xmpp-partner");
}

}  // namespace
}  // namespace portcullis::matrix
