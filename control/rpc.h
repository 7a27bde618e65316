// JSON-RPC 2.0, one message a line: reading requests, writing replies. No I/O.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace portcullis::control {

using Json = nlohmann::ordered_json;

// The codes below -32000 are JSON-RPC's own; the others are ours.
enum class RpcCode : int {
    parse_error = -32700,
    invalid_request = -32600,
    method_not_found = -32601,
    invalid_params = -32602,
    internal_error = -32603,
    topology = 1,     // the topology has errors: data is a list of {file,line,column,message,hint}
    busy = 2,         // another change is under way or awaits confirmation
    refused = 3,      // the data plane said no
    failed = 4,       // our side could not, e.g. a full disk
    unreachable = 5,  // there is no data plane, or it does not answer
    unsettled = 6,    // handed over, and the answer was lost: see status and history
    forbidden = 7,    // this user may not
    overloaded = 8,   // too many connections, too slow, or too large an answer
};

struct RpcError {
    RpcCode code = RpcCode::internal_error;
    std::string message;
    Json data = nullptr;
};

struct RpcRequest {
    Json id = nullptr;  // a string, an integer or null
    std::string method;
    Json params = Json::object();
    bool notification = false;  // no id: carried out, and not answered
};

// The id of a request that cannot be carried out, as far as it could be read.
struct BadRequest {
    Json id = nullptr;
    RpcError error;
};

// One line without its newline. Nothing nests deeper than kMaxDepth.
inline constexpr unsigned kMaxDepth = 16;
tl::expected<RpcRequest, BadRequest> parse_request(std::string_view line);

// With the newline. What is not UTF-8 in a string is replaced.
std::string result_line(const Json& id, const Json& result);
std::string error_line(const Json& id, const RpcError& error);

}  // namespace portcullis::control
