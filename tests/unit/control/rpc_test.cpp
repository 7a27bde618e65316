#include "control/rpc.h"

#include <gtest/gtest.h>

namespace portcullis::control {
namespace {

RpcCode code_of(std::string_view line) {
    const auto request = parse_request(line);
    EXPECT_FALSE(request) << line;
    return request ? RpcCode{} : request.error().error.code;
}

TEST(Rpc, ReadsRequests) {
    const auto request =
        parse_request(R"({"jsonrpc":"2.0","id":"x","method":"push","params":{"name":"a"}})");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->id, "x");
    EXPECT_EQ(request->method, "push");
    EXPECT_EQ(request->params["name"], "a");
    EXPECT_FALSE(request->notification);

    const auto bare = parse_request(R"({"jsonrpc":"2.0","method":"status"})");
    ASSERT_TRUE(bare);
    EXPECT_TRUE(bare->notification);
    EXPECT_TRUE(bare->params.empty());
    EXPECT_FALSE(parse_request(R"({"jsonrpc":"2.0","id":null,"method":"status"})")->notification);
}

TEST(Rpc, RefusesWhatIsNoRequest) {
    for (const auto* line : {"", "x", "{", "{\"jsonrpc\":\"2.0\"", "\"\\", "{\"a\":\"\xff\"}",
                             "nul", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}}"})
        EXPECT_EQ(code_of(line), RpcCode::parse_error) << line;
    for (const auto* line :
         {"1", "null", "\"push\"", "{}", R"({"jsonrpc":"1.0","id":1,"method":"a"})",
          R"({"jsonrpc":2.0,"id":1,"method":"a"})", R"({"jsonrpc":"2.0","id":1})",
          R"({"jsonrpc":"2.0","id":1,"method":7})", R"({"jsonrpc":"2.0","id":[1],"method":"a"})",
          R"({"jsonrpc":"2.0","id":1.5,"method":"a"})",
          R"({"jsonrpc":"2.0","id":{},"method":"a"})"})
        EXPECT_EQ(code_of(line), RpcCode::invalid_request) << line;
    EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1,"method":"a","params":[1]})"),
              RpcCode::invalid_params);
}

TEST(Rpc, SaysThatBatchesAreNotSupported) {
    const auto batch = parse_request(R"([{"jsonrpc":"2.0","id":1,"method":"status"}])");
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().error.code, RpcCode::invalid_request);
    EXPECT_NE(batch.error().error.message.find("batches are not supported"), std::string::npos);
}

TEST(Rpc, KeepsTheIdOfABadRequest) {
    const auto request = parse_request(R"({"jsonrpc":"2.0","id":7,"method":7})");
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().id, 7);
}

TEST(Rpc, BoundsNestingButNotBracketsInStrings) {
    EXPECT_EQ(code_of(std::string(100000, '[')), RpcCode::invalid_request);
    EXPECT_EQ(code_of(std::string(100000, '{')), RpcCode::invalid_request);
    EXPECT_TRUE(
        parse_request(R"({"jsonrpc":"2.0","id":"\"[[[[[[[[[[[[[[[[[[[[[[[[[[","method":"a"})"));
    EXPECT_TRUE(parse_request(
        R"({"jsonrpc":"2.0","id":1,"method":"a","params":{"a":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}})"));
    EXPECT_FALSE(parse_request(
        R"({"jsonrpc":"2.0","id":1,"method":"a","params":{"a":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}})"));
}

TEST(Rpc, WritesOneLine) {
    EXPECT_EQ(result_line(1, Json{{"a", "b\nc"}}),
              "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"b\\nc\"}}\n");
    EXPECT_EQ(error_line(nullptr, {RpcCode::busy, "busy", nullptr}),
              "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":2,\"message\":\"busy\"}}\n");
    EXPECT_NE(error_line(1, {RpcCode::failed, "\xff", Json::array()}).find("\xef\xbf\xbd"),
              std::string::npos);
}

}  // namespace
}  // namespace portcullis::control
