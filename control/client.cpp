#include "control/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "control/unix_socket.h"

namespace portcullis::control {
namespace {

constexpr std::chrono::milliseconds kStartingPatience{1000};
constexpr std::size_t kMaxAnswerBytes = std::size_t{32} << 20;

RpcError broken(std::string message) {
    return {RpcCode::internal_error, std::move(message)};
}

tl::expected<Json, RpcError> read_answer(const std::string& line, int id) {
    const auto json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return tl::make_unexpected(broken("the answer is no JSON object"));
    // An error that belongs to no request (turned away, too many connections) has a null id.
    if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
        const auto code = error->find("code");
        const auto message = error->find("message");
        if (code != error->end() && code->is_number_integer() && message != error->end() &&
            message->is_string()) {
            const auto data = error->find("data");
            return tl::make_unexpected(RpcError{static_cast<RpcCode>(code->get<int>()),
                                                message->get<std::string>(),
                                                data == error->end() ? Json(nullptr) : *data});
        }
    }
    const auto answered = json.find("id");
    const auto result = json.find("result");
    if (answered == json.end() || *answered != id || result == json.end())
        return tl::make_unexpected(broken("the answer belongs to another request"));
    return *result;
}

}  // namespace

tl::expected<Client, std::string> Client::connect(const std::string& path) {
    auto socket = connect_unix(path, SOCK_STREAM);
    // The file of a daemon that was killed, which the next one is about to replace: worth a moment.
    const auto deadline = std::chrono::steady_clock::now() + kStartingPatience;
    while (!socket && errno == ECONNREFUSED && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kStartingPatience / 20);
        socket = connect_unix(path, SOCK_STREAM);
    }
    if (socket) return Client(std::move(*socket));
    const auto what = "cannot connect to " + path + ": " + socket.error();
    if (errno == EACCES)
        return tl::make_unexpected(what + "; be root, the daemon's user, or a member of its group");
    return tl::make_unexpected(what +
                               "; start portcullis-control, or name its socket with --socket");
}

bool Client::wait(short events, Deadline deadline) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd entry{socket_.get(), events, 0};
        const int ready =
            ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) continue;
        return ready > 0;
    }
}

tl::expected<void, std::string> Client::send(std::string_view text, Deadline deadline) {
    while (!text.empty()) {
        const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            text.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            if (!wait(POLLOUT, deadline))
                return tl::make_unexpected(std::string("it does not read"));
        } else if (errno != EINTR) {
            // It may have said why before it closed.
            if (errno == EPIPE) return {};
            return tl::make_unexpected(std::string(std::strerror(errno)));
        }
    }
    return {};
}

tl::expected<std::string, std::string> Client::receive_line(Deadline deadline) {
    std::array<char, 65536> chunk;
    std::size_t searched = 0;
    for (;;) {
        if (const auto end = buffer_.find('\n', searched); end != std::string::npos) {
            auto line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        searched = buffer_.size();
        if (buffer_.size() > kMaxAnswerBytes)
            return tl::make_unexpected(std::string("the answer has no end"));
        const auto got = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
        if (got > 0) {
            buffer_.append(chunk.data(), static_cast<std::size_t>(got));
        } else if (got == 0) {
            return tl::make_unexpected(std::string("it closed the connection without an answer"));
        } else if (errno == EAGAIN) {
            if (!wait(POLLIN, deadline))
                return tl::make_unexpected(std::string("no answer in time"));
        } else if (errno != EINTR) {
            return tl::make_unexpected(std::string(std::strerror(errno)));
        }
    }
}

tl::expected<Json, RpcError> Client::call(const std::string& method, const Json& params,
                                          std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const int id = next_id_++;
    const Json request = {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
    if (auto sent =
            send(request.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n', deadline);
        !sent)
        return tl::make_unexpected(broken("portcullis-control: " + sent.error()));
    const auto line = receive_line(deadline);
    if (!line) return tl::make_unexpected(broken("portcullis-control: " + line.error()));
    return read_answer(*line, id);
}

}  // namespace portcullis::control
