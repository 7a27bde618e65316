// The control protocol: whatever a client sends, in whatever pieces, each line gets its one answer,
// in order, and what is too large or no request gets an error.
//
// The first byte of an input says how large the pieces are, the rest is sent. The server is the
// daemon's, with small limits, over a socket of its own.
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <string>

#include "control/params.h"
#include "control/rpc_server.h"
#include "tests/fuzz/fuzz.h"

namespace portcullis {
namespace {

using namespace control;

constexpr std::uint32_t kMostSeconds = 3600;

ServerLimits limits() {
    ServerLimits made;
    made.connections = 1;
    made.request_bytes = 256;
    made.answer_bytes = 512;
    return made;
}

// What a method does with its parameters: reads all by type, and says them again.
RpcResult carry_out(const RpcRequest& request) {
    if (request.method == "large") return Json(std::string(limits().answer_bytes, 'x'));
    Params params(request.params);
    Json result = {{"topology", params.required_text("topology")},
                   {"name", params.text("name", "fuzz.yaml")},
                   {"confirm_seconds", params.number("confirm_seconds", 0, kMostSeconds)},
                   {"dry_run", params.flag("dry_run")}};
    fuzz::require(result["confirm_seconds"].get<std::uint32_t>() <= kMostSeconds,
                  "a number above its limit");
    if (auto error = params.error()) {
        fuzz::require(!error->message.empty(), "parameters are refused without a reason");
        return tl::make_unexpected(*error);
    }
    return result;
}

std::string answer_to(std::string_view line) {
    const auto request = parse_request(line);
    if (!request) {
        fuzz::require(!request.error().error.message.empty(), "a request is refused silently");
        return error_line(request.error().id, request.error().error);
    }
    if (request->notification) return {};
    const auto result = carry_out(*request);
    auto answer =
        result ? result_line(request->id, *result) : error_line(request->id, result.error());
    if (answer.size() > limits().answer_bytes)
        answer =
            error_line(nullptr, {RpcCode::overloaded, "the answer has more than " +
                                                          std::to_string(limits().answer_bytes) +
                                                          " bytes: ask for less"});
    return answer;
}

// All answers, as README.md of control/ promises them.
std::string answers_to(std::string_view text) {
    std::string answers;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        if (line.size() > limits().request_bytes)
            return answers +
                   error_line(nullptr, {RpcCode::invalid_request,
                                        "a request has at most " +
                                            std::to_string(limits().request_bytes) + " bytes"});
        if (end == std::string_view::npos) break;
        if (line.find_first_not_of(" \t\r") != std::string_view::npos) answers += answer_to(line);
        text.remove_prefix(end + 1);
    }
    return answers;
}

void require_json_rpc(std::string_view answers) {
    while (!answers.empty()) {
        const auto end = answers.find('\n');
        fuzz::require(end != std::string_view::npos, "an answer without its newline");
        const auto json = Json::parse(answers.substr(0, end), nullptr, false);
        fuzz::require(json.is_object() && json.contains("id") && json.value("jsonrpc", "") == "2.0",
                      "an answer that is no JSON-RPC 2.0");
        fuzz::require(json.contains("result") != json.contains("error"),
                      "an answer is a result or an error");
        answers.remove_prefix(end + 1);
    }
}

// A listening socket whose name the kernel has chosen, and a client connected to it.
struct Sockets {
    Fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    Fd client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    Sockets() {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        auto* address = reinterpret_cast<sockaddr*>(&name);
        socklen_t length = sizeof name;
        fuzz::require(::bind(listener.get(), address, sizeof name.sun_family) == 0 &&
                          ::listen(listener.get(), 1) == 0 &&
                          ::getsockname(listener.get(), address, &length) == 0 &&
                          ::connect(client.get(), address, length) == 0,
                      "no socket to fuzz by");
    }
};

// The client's side, one step for each round of the server's loop: a piece sent, or no more to send;
// what there is read; until the server has closed.
class Conversation {
  public:
    Conversation(std::string_view text, std::size_t piece)
        : text_(text),
          piece_(piece),
          server_(
              loop_, std::move(sockets_.listener), limits(), [](const Peer&) { return true; },
              [this](const RpcRequest& request, const Peer&, const RpcDone& done) {
                  if (request.method == "later")
                      loop_.post([request, done] { done(carry_out(request)); });
                  else
                      done(carry_out(request));
              }) {}

    std::string run() {
        loop_.post([this] { step(); });
        loop_.run();
        return answers_;
    }

  private:
    void step() {
        const int client = sockets_.client.get();
        if (!text_.empty()) {
            const auto piece = text_.substr(0, piece_);
            const auto sent = ::send(client, piece.data(), piece.size(), MSG_NOSIGNAL);
            if (sent < 0) fuzz::require(errno == EPIPE || errno == ECONNRESET, "cannot send");
            text_.remove_prefix(sent < 0 ? text_.size() : static_cast<std::size_t>(sent));
        } else {
            ::shutdown(client, SHUT_WR);
        }
        for (std::array<char, 4096> buffer{};;) {
            const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
            if (got < 0 && errno == EAGAIN) break;
            if (got <= 0) return loop_.stop();
            answers_.append(buffer.data(), static_cast<std::size_t>(got));
        }
        loop_.post([this] { step(); });
    }

    std::string_view text_;
    std::size_t piece_;
    std::string answers_;
    Sockets sockets_;
    EventLoop loop_;
    RpcServer server_;
};

}  // namespace
}  // namespace portcullis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace portcullis;
    fuzz::Input in(data, size);
    const std::size_t piece = in.u8();
    const auto text = fuzz::text_of(in.rest());
    const auto answers = Conversation(text, piece == 0 ? text.size() : piece).run();
    require_json_rpc(answers);
    fuzz::require(answers == answers_to(text), "other answers than promised:\n" + answers);
    return 0;
}
