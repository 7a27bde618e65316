// topology.schema.json knows the keys, words and ranges of the loader, no more and no fewer.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "rules/topology/inspected_services.h"
#include "rules/topology/keys.h"

namespace portcullis::topology {
namespace {

using Json = nlohmann::json;

Json schema() {
    std::ifstream stream(SCHEMA);
    return Json::parse(stream);
}

std::set<std::string> set_of(Words words) {
    return {words.begin(), words.end()};
}

TEST(Schema, HasTheKeysOfTheLoader) {
    const auto file = schema();
    std::set<std::string> described;
    for (const auto& [definition, keys] : all_key_sets()) {
        const auto& map = definition.empty() ? file : file["$defs"][std::string(definition)];
        std::set<std::string> properties;
        for (const auto& [key, value] : map["properties"].items()) properties.insert(key);
        EXPECT_EQ(properties, set_of(keys)) << "definition: " << definition;
        EXPECT_EQ(map["additionalProperties"], false) << definition;
        described.insert(std::string(definition));
    }
    for (const auto& [name, definition] : file["$defs"].items()) {
        if (definition.contains("properties")) {
            EXPECT_TRUE(described.contains(name))
                << name << " is a map that the loader does not know";
        }
    }
}

TEST(Schema, HasTheWordsOfTheLoader) {
    const auto file = schema();
    const auto expect_words = [&](const char* definition, Words words) {
        std::set<std::string> listed;
        for (const auto& word : file["$defs"][definition]["enum"])
            listed.insert(word.get<std::string>());
        EXPECT_EQ(listed, set_of(words)) << definition;
    };
    expect_words("release", keys::kReleases);
    expect_words("zone", keys::kZones);
    expect_words("feature", feature_words());
    expect_words("role", keys::kRoles);
    expect_words("balancing", keys::kBalancing);
    expect_words("holding", keys::kHolds);
    expect_words("running", keys::kRuns);
    expect_words("mode", keys::kModes);
    expect_words("missing-name", keys::kMissingName);
    expect_words("class-transport", keys::kClassTransports);
    expect_words("open", keys::kOpen);
}

TEST(Schema, HasTheRangesOfTheLoader) {
    const auto file = schema();
    for (const auto& setting : keys::kNumberSettings) {
        const auto& number =
            file["$defs"]["service-settings"]["properties"][std::string(setting.key)];
        EXPECT_EQ(number["minimum"], setting.least) << setting.key;
        EXPECT_EQ(number["maximum"], setting.most) << setting.key;
        EXPECT_NE(setting.idle == nullptr, setting.limit == nullptr) << setting.key;
    }
}

TEST(Schema, KnowsWhichServicesHaveNamesAndWhichAreWatchedAtMost) {
    const auto file = schema();
    for (const auto& service : inspected_services()) {
        const auto& described =
            file["$defs"]["inspected-services"]["properties"][std::string(service.name)];
        const std::string expected = policy::carries_server_name(service.protocol) ? "held-by-name"
                                     : policy::may_be_enforced(service.protocol)   ? "held"
                                                                                   : "watched";
        EXPECT_EQ(described["allOf"][0]["$ref"], "#/$defs/" + expected) << service.name;
    }
}

TEST(Schema, WordsAreThoseOfTheModel) {
    for (std::size_t i = 0; i < keys::kZones.size(); ++i)
        EXPECT_EQ(policy::parse_zone(keys::kZones[i]), static_cast<Zone>(i));
    for (std::size_t i = 0; i < keys::kRoles.size(); ++i)
        EXPECT_EQ(to_string(static_cast<PoolRole>(i)), keys::kRoles[i]);
    for (std::size_t i = 0; i < keys::kModes.size(); ++i)
        EXPECT_EQ(to_string(static_cast<policy::ConformanceMode>(i)), keys::kModes[i]);
    for (std::size_t i = 0; i < keys::kMissingName.size(); ++i)
        EXPECT_EQ(to_string(static_cast<policy::MissingName>(i)), keys::kMissingName[i]);
    for (std::size_t i = 0; i < keys::kReleases.size(); ++i)
        EXPECT_EQ(to_string(static_cast<Release>(i)), keys::kReleases[i]);
}

}  // namespace
}  // namespace portcullis::topology
