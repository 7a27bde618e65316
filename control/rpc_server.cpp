#include "control/rpc_server.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace portcullis::control {
namespace {

constexpr EventLoop::Duration kAcceptPause{1000};

}  // namespace

RpcServer::RpcServer(EventLoop& loop, Fd listener, ServerLimits limits, Admission admitted,
                     Handler handler)
    : loop_(loop),
      listener_(std::move(listener)),
      limits_(limits),
      admitted_(std::move(admitted)),
      handler_(std::move(handler)) {
    listener_watch_ = loop_.watch(listener_.get(), true, false, [this] { accept(); });
}

RpcServer::~RpcServer() {
    while (!connections_.empty()) close(connections_.begin()->first);
    loop_.cancel(pause_timer_);
    loop_.remove(listener_watch_);
}

// One line at most, and no waiting for who does not read it.
void RpcServer::turn_away(const Fd& socket, const RpcError& error) const {
    const auto line = error_line(nullptr, error);
    if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        spdlog::debug("a client that was turned away did not listen");
}

void RpcServer::accept() {
    for (;;) {
        Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                // It stays in the queue, and would keep the loop busy until there is room.
                loop_.change(listener_watch_, false, false);
                pause_timer_ = loop_.after(kAcceptPause,
                                           [this] { loop_.change(listener_watch_, true, false); });
            }
            return;
        }
        auto peer = peer_of(socket.get());
        if (!peer || !admitted_(*peer)) {
            const auto who = peer ? "uid " + std::to_string(peer->uid) : "this client";
            spdlog::warn("control socket: {} was turned away", who);
            turn_away(socket, {RpcCode::forbidden,
                               who + " may not use this socket: be root, the daemon's user, or a "
                                     "member of its group"});
            continue;
        }
        if (connections_.size() >= limits_.connections) {
            turn_away(socket, {RpcCode::overloaded, "too many connections (" +
                                                        std::to_string(limits_.connections) +
                                                        "): try again later"});
            continue;
        }
        const auto id = next_id_++;
        auto& connection = connections_[id];
        connection.socket = std::move(socket);
        connection.peer = std::move(*peer);
        connection.watch =
            loop_.watch(connection.socket.get(), true, false, [this, id] { ready(id); });
        limit(id, limits_.idle, "no request");
    }
}

void RpcServer::close(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    loop_.remove(found->second.watch);
    loop_.cancel(found->second.timer);
    connections_.erase(found);
}

void RpcServer::no_limit(Connection& connection) {
    loop_.cancel(connection.timer);
    connection.timer = 0;
}

void RpcServer::limit(ConnectionId id, EventLoop::Duration time, std::string_view what) {
    auto& connection = connections_.at(id);
    no_limit(connection);
    connection.timer = loop_.after(time, [this, id, time, what] {
        const auto& slow = connections_.at(id);
        if (slow.output.empty())
            turn_away(slow.socket,
                      {RpcCode::overloaded, std::string(what) + " within " +
                                                std::to_string(time.count()) + " ms: closed"});
        close(id);
    });
}

void RpcServer::ready(ConnectionId id) {
    auto& connection = connections_.at(id);
    if (!connection.output.empty()) {
        if (write(id)) next_request(id);
        return;
    }
    // While a request is carried out nothing is waited for: this can only be the end of the client.
    if (connection.at_work || !read(connection)) return close(id);
    next_request(id);
}

// Whether the connection may live on.
bool RpcServer::read(Connection& connection) {
    std::array<char, 65536> buffer;
    // A little over the limit is enough to know that there is more.
    while (connection.input.size() <= limits_.request_bytes) {
        const auto length =
            ::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        if (length == 0) {
            connection.no_more = true;
            return true;
        }
        connection.input.append(buffer.data(), static_cast<std::size_t>(length));
    }
    return true;
}

// Takes the requests that have been read, one after the other, or waits for more.
void RpcServer::next_request(ConnectionId id) {
    for (;;) {
        const auto found = connections_.find(id);
        if (found == connections_.end()) return;
        auto& connection = found->second;
        if (connection.at_work || !connection.output.empty()) return;
        const auto end = connection.input.find('\n', connection.searched);
        if (std::min(end, connection.input.size()) > limits_.request_bytes) {
            connection.closing = true;
            return answer(
                id, error_line(nullptr, {RpcCode::invalid_request,
                                         "a request has at most " +
                                             std::to_string(limits_.request_bytes) + " bytes"}));
        }
        if (end == std::string::npos) return wait_for_more(id);
        const auto line = connection.input.substr(0, end);
        connection.input.erase(0, end + 1);
        connection.searched = 0;
        connection.begun = false;
        no_limit(connection);
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        carry_out(id, line);
    }
}

void RpcServer::wait_for_more(ConnectionId id) {
    auto& connection = connections_.at(id);
    if (connection.no_more) return close(id);
    connection.searched = connection.input.size();
    loop_.change(connection.watch, true, false);
    if (connection.input.empty()) return limit(id, limits_.idle, "no request");
    // The time of a request runs from its first byte: dripping bytes does not renew it.
    if (!connection.begun) limit(id, limits_.request, "no whole request");
    connection.begun = true;
}

void RpcServer::carry_out(ConnectionId id, std::string_view line) {
    auto request = parse_request(line);
    if (!request) return answer(id, error_line(request.error().id, request.error().error));
    auto& connection = connections_.at(id);
    connection.at_work = true;
    connection.calling = true;
    loop_.change(connection.watch, false, false);
    handler_(*request, connection.peer,
             [this, id, request_id = request->id,
              silent = request->notification](const RpcResult& result) {
                 if (silent) return answer(id, "");
                 answer(id, result ? result_line(request_id, *result)
                                   : error_line(request_id, result.error()));
             });
    if (const auto found = connections_.find(id); found != connections_.end())
        found->second.calling = false;
}

void RpcServer::answer(ConnectionId id, std::string line) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;  // it did not wait
    auto& connection = found->second;
    if (line.size() > limits_.answer_bytes)
        line = error_line(nullptr, {RpcCode::overloaded, "the answer has more than " +
                                                             std::to_string(limits_.answer_bytes) +
                                                             " bytes: ask for less"});
    connection.at_work = false;
    connection.output = std::move(line);
    connection.sent = 0;
    const bool calling = connection.calling;  // then next_request() is further up and goes on
    if (write(id) && !calling) next_request(id);
}

bool RpcServer::write(ConnectionId id) {
    auto& connection = connections_.at(id);
    while (connection.sent < connection.output.size()) {
        const auto length =
            ::send(connection.socket.get(), connection.output.data() + connection.sent,
                   connection.output.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            loop_.change(connection.watch, false, true);
            limit(id, limits_.answer, "the answer was not read");
            return true;
        }
        if (length < 0) {
            close(id);
            return false;
        }
        connection.sent += static_cast<std::size_t>(length);
    }
    connection.output = {};
    no_limit(connection);
    if (!connection.closing) return true;
    close(id);
    return false;
}

}  // namespace portcullis::control
