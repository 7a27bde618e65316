#include "control/rpc.h"

#include <algorithm>

namespace portcullis::control {
namespace {

// Counts brackets outside strings, before anything is built: a parser's memory is not the sender's.
bool too_deep(std::string_view text) {
    unsigned depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxDepth) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

std::string line(const Json& message) {
    return message.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

tl::expected<RpcRequest, BadRequest> parse_request(std::string_view text) {
    const auto bad = [](const Json& id, RpcCode code, std::string message) {
        return tl::make_unexpected(BadRequest{id, {code, std::move(message)}});
    };
    if (too_deep(text))
        return bad(nullptr, RpcCode::invalid_request,
                   "nested deeper than " + std::to_string(kMaxDepth) + " levels");
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return bad(nullptr, RpcCode::parse_error, "this is not JSON");
    if (json.is_array())
        return bad(nullptr, RpcCode::invalid_request,
                   "batches are not supported: send one request a line");
    if (!json.is_object())
        return bad(nullptr, RpcCode::invalid_request, "a request is a JSON object");

    RpcRequest request;
    const auto id = json.find("id");
    request.notification = id == json.end();
    if (!request.notification) {
        if (!id->is_string() && !id->is_number_integer() && !id->is_null())
            return bad(nullptr, RpcCode::invalid_request, "id is a string, an integer or null");
        request.id = *id;
    }
    const auto version = json.find("jsonrpc");
    if (version == json.end() || *version != "2.0")
        return bad(request.id, RpcCode::invalid_request, "\"jsonrpc\" is to be \"2.0\"");
    const auto method = json.find("method");
    if (method == json.end() || !method->is_string())
        return bad(request.id, RpcCode::invalid_request, "method is a string");
    request.method = method->get<std::string>();
    if (const auto params = json.find("params"); params != json.end()) {
        if (!params->is_object())
            return bad(request.id, RpcCode::invalid_params,
                       "params is an object: parameters go by name");
        request.params = *params;
    }
    return request;
}

std::string result_line(const Json& id, const Json& result) {
    return line({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string error_line(const Json& id, const RpcError& error) {
    Json body = {{"code", static_cast<int>(error.code)}, {"message", error.message}};
    if (!error.data.is_null()) body["data"] = error.data;
    return line({{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(body)}});
}

}  // namespace portcullis::control
