#include "rules/inspect/protocols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/rules/inspect/patterns.h"

namespace portcullis::inspect {
namespace {

using policy::ConformanceMode;
using policy::ProtocolClass;
using testing::HasSubstr;

policy::Policy two_services() {
    policy::Policy policy;
    policy.databases.push_back(compile_patterns("https", 3, {{"^abc", "^a(?:b)?\\z"}}));
    policy.databases.push_back(compile_patterns("mine", 40, {{"^.{0,30}x", ""}}));
    policy::Conformance https;
    https.name = "reverse-proxy-443";
    https.protocol = ProtocolClass::https;
    https.mode = ConformanceMode::enforce;
    https.database = 0;
    https.names = {"*.example.com", "meet.example.com", "www.example.org"};
    https.missing_name = policy::MissingName::refuse;
    policy::Conformance custom;
    custom.name = "mine";
    custom.protocol = ProtocolClass::custom;
    custom.stream = false;
    custom.database = 1;
    policy.conformance = {https, custom};
    return policy;
}

TEST(Protocols, CarriesWhatThePolicySays) {
    auto built = Protocols::build(two_services());
    ASSERT_TRUE(built) << built.error();
    const Protocols moved = std::move(*built);
    ASSERT_EQ(moved.size(), 2U);
    const Protocol* https = moved.find(0);
    ASSERT_NE(https, nullptr);
    EXPECT_EQ(https->protocol, ProtocolClass::https);
    EXPECT_TRUE(https->enforces());
    EXPECT_TRUE(https->stream);
    EXPECT_TRUE(https->twins);
    EXPECT_EQ(https->width, 3U);
    EXPECT_EQ(https->names->size(), 3U);
    EXPECT_EQ(https->missing_name, policy::MissingName::refuse);
    const Protocol* custom = moved.find(1);
    ASSERT_NE(custom, nullptr);
    EXPECT_FALSE(custom->enforces());
    EXPECT_FALSE(custom->stream);
    EXPECT_FALSE(custom->twins);
    EXPECT_EQ(custom->width, 40U);
    EXPECT_NE(custom->database, https->database);
    EXPECT_EQ(moved.find(2), nullptr);
    EXPECT_EQ(moved.find(policy::kNoConformance), nullptr);
    auto scratch = moved.make_scratch();
    ASSERT_TRUE(scratch) << scratch.error();
    EXPECT_NE(scratch->get(), nullptr);
    Scratch other;
    other = std::move(*scratch);
    EXPECT_NE(other.get(), nullptr);
}

TEST(Protocols, FindsNothingWhereNothingIsToBeLookedAt) {
    policy::Policy policy = two_services();
    policy.conformance[0].mode = ConformanceMode::off;
    policy.conformance[1].protocol = ProtocolClass::none;
    policy.conformance[1].database = policy::kNoDatabase;
    const auto built = Protocols::build(policy);
    ASSERT_TRUE(built) << built.error();
    EXPECT_EQ(built->find(0), nullptr);
    EXPECT_EQ(built->find(1), nullptr);
    const auto empty = Protocols::build({});
    ASSERT_TRUE(empty);
    EXPECT_TRUE(empty->make_scratch());
}

TEST(Protocols, SaysWhichDatabaseDoesNotLoad) {
    policy::Policy policy = two_services();
    policy.databases[1].serialised[8] ^= 0xff;
    const auto built = Protocols::build(policy);
    ASSERT_FALSE(built);
    EXPECT_THAT(built.error(), HasSubstr("mine"));
    EXPECT_THAT(built.error(), HasSubstr("push"));
}

TEST(Protocols, NamesAreComparedWithoutCaseAndAWildcardIsOneLabel) {
    const auto built = Protocols::build(two_services());
    ASSERT_TRUE(built) << built.error();
    const Protocol& https = *built->find(0);
    for (const char* name : {"meet.example.com", "MEET.Example.COM", "a.example.com",
                             "xn--bcher-kva.example.com", "www.example.org", "WWW.EXAMPLE.ORG"})
        EXPECT_TRUE(https.publishes(name)) << name;
    for (const char* name : {"", "example.com", ".example.com", "a.b.example.com", "*.example.com",
                             "m*.example.com", "www.example.com.", "a.example.org", "example.org",
                             "com", "www.example.or", "www.example.orgg", "a.www.example.org", "-"})
        EXPECT_FALSE(https.publishes(name)) << name;
    EXPECT_FALSE(https.publishes(std::string(242, 'a') + ".example.com"));
    EXPECT_FALSE(https.publishes(std::string("a\0.example.com", 14)) &&
                 https.publishes(std::string_view("a.example.com\0", 14)));
    EXPECT_TRUE(built->find(1)->publishes("anything"));
}

}  // namespace
}  // namespace portcullis::inspect
