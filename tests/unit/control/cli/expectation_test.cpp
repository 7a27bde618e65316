#include "control/cli/expectation.h"

#include <gtest/gtest.h>

namespace portcullis::control::cli {
namespace {

const Json kAnswer = Json::parse(R"({"id":1,"verdict":"allow","nat":"full","translated":{
    "src":"2001:db8::10","sport":null,"dst":null,"dport":443,
    "candidates":["2001:db8::11","2001:db8::12"]},
    "rule":"access","rows":["a","b"],"reason":"no-rule: nothing opens this"})");

std::vector<std::string> wrong(std::string_view expected) {
    return mismatches(Json::parse(expected), kAnswer);
}

TEST(Expectation, AnySubsetMayBeMet) {
    for (const char* met : {"{}", R"("allow")", R"({"verdict":"allow","nat":"full"})",
                            R"({"translated":{"dport":443}})",
                            R"({"translated":{"sport":null,"src":"2001:DB8:0::10"}})",
                            R"({"translated":{"candidates":["2001:db8::12","2001:db8:0:0::11"]}})",
                            R"({"rows":["b","a"]})", R"({"reason":"no-rule"})",
                            R"({"reason":"no-rule: nothing opens this"})"})
        EXPECT_TRUE(wrong(met).empty()) << met << " " << wrong(met).front();
}

TEST(Expectation, EveryDifferenceIsNamed) {
    using Sentences = std::vector<std::string>;
    EXPECT_EQ(wrong(R"("deny")"), Sentences{R"(verdict: expected "deny", got "allow")"});
    EXPECT_EQ(wrong(R"({"nat":"snat","translated":{"dport":444,"sport":1}})"),
              (Sentences{R"(nat: expected "snat", got "full")",
                         R"(translated.dport: expected 444, got 443)",
                         R"(translated.sport: expected 1, got null)"}));
    EXPECT_EQ(wrong(R"({"translated":null})").size(), 1U);
    EXPECT_EQ(wrong(R"({"rows":["a"]})"), Sentences{R"(rows: expected ["a"], got ["a","b"])"});
    EXPECT_EQ(wrong(R"({"reason":"no"})").size(), 1U);
    EXPECT_EQ(wrong(R"({"nta":"full"})"), Sentences{"nta: answers have no such field"});
    EXPECT_EQ(wrong("[1]"), Sentences{"expect: is neither an object nor a verdict"});
}

}  // namespace
}  // namespace portcullis::control::cli
