#include "dataplane/peer/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace portcullis::dataplane {
namespace {

// The size a request's body must have; nullopt: no request.
std::optional<std::size_t> body_size(peer::Type type) {
    switch (type) {
        case peer::Type::load_image:
            return sizeof(peer::LoadImage);
        case peer::Type::get_sessions:
            return sizeof(peer::SessionQuery);
        case peer::Type::confirm:
        case peer::Type::rollback:
        case peer::Type::get_status:
        case peer::Type::get_counters:
        case peer::Type::get_neighbours:
        case peer::Type::get_interfaces:
        case peer::Type::get_rules:
        case peer::Type::get_nodes:
        case peer::Type::get_denies:
        case peer::Type::get_signatures:
            return 0;
        default:
            return std::nullopt;
    }
}

// What is wrong with a message, or nullptr.
const char* framing_error(const peer::Header& header, std::size_t bytes, bool has_descriptor) {
    if (header.magic != peer::kMagic) return "a message that is none of the peer link's";
    if (header.version != peer::kVersion) return "another version of the peer link";
    const auto size = body_size(header.type);
    if (!size) return "an unknown request";
    if (header.body_bytes != *size || bytes != sizeof(peer::Header) + *size)
        return "a request of the wrong size";
    if (has_descriptor != (header.type == peer::Type::load_image))
        return "a descriptor missing or too many";
    return nullptr;
}

}  // namespace

PeerServer::PeerServer(EventLoop& loop, ListeningSocket socket, Config config, OnRequest on_request)
    : loop_(loop),
      config_(std::move(config)),
      on_request_(std::move(on_request)),
      listener_(std::move(socket)),
      buffer_(peer::kMaxMessageBytes) {
    loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
}

PeerServer::~PeerServer() {
    while (!connections_.empty()) drop(connections_.front().id, "");
    loop_.forget(listener_.get());
}

bool PeerServer::may_connect(int socket) const {
    ucred peer_of{};
    socklen_t size = sizeof peer_of;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer_of, &size) != 0) return false;
    return peer_of.uid == 0 || peer_of.uid == geteuid() ||
           std::ranges::find(config_.allowed, peer_of.uid) != config_.allowed.end();
}

void PeerServer::accept_all() {
    for (;;) {
        FileDescriptor socket(
            accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) return;
        if (!may_connect(socket.get())) {
            config_.log("refused a connection of a user who may not use the peer link");
            continue;
        }
        if (connections_.size() > kMaxWaiting) {
            // The client, if there is one, stays; of those that said nothing the oldest goes.
            const auto waiting = std::ranges::find_if(
                connections_, [&](const Connection& c) { return c.id != client_; });
            drop(waiting->id, "");
        }
        const std::uint64_t id = ++last_id_;
        const int fd = socket.get();
        connections_.push_back({id, std::move(socket), {}, 0});
        loop_.watch(fd, EPOLLIN, [this, id](std::uint32_t events) { on_events(id, events); });
    }
}

PeerServer::Connection* PeerServer::find(std::uint64_t id) {
    const auto found =
        std::ranges::find_if(connections_, [&](const Connection& c) { return c.id == id; });
    return found == connections_.end() ? nullptr : &*found;
}

void PeerServer::drop(std::uint64_t id, const std::string& why) {
    const auto found =
        std::ranges::find_if(connections_, [&](const Connection& c) { return c.id == id; });
    if (found == connections_.end()) return;
    if (!why.empty()) config_.log(why);
    if (client_ == id) client_ = 0;
    loop_.forget(found->socket.get());
    connections_.erase(found);
}

void PeerServer::take_over(std::uint64_t id) {
    if (client_ == id) return;
    const std::uint64_t before = std::exchange(client_, id);
    drop(before, "another control process took over the peer link");
}

void PeerServer::on_events(std::uint64_t id, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
        Connection* connection = find(id);
        if (connection == nullptr || !flush(*connection)) return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    // While replies wait nothing is read: the client must first take what it asked for.
    for (Connection* connection = find(id); connection != nullptr && connection->output.empty();
         connection = find(id))
        if (!read_request(*connection)) return;
    // Input is not watched then, so this is the other end going away.
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) drop(id, "");
}

// One request. False: there is no further one now, or the connection is gone.
bool PeerServer::read_request(Connection& connection) {
    const std::uint64_t id = connection.id;
    Received received = receive(connection.socket.get(), buffer_);
    if (received.again) return false;
    if (received.bytes == 0) {
        drop(id, "");
        return false;
    }
    peer::Header header;
    if (received.bytes < sizeof header) {
        drop(id, "dropped the peer link's client: it sent less than a header");
        return false;
    }
    std::memcpy(&header, buffer_.data(), sizeof header);
    const char* error = received.cut ? "a message that is too long"
                                     : framing_error(header, received.bytes,
                                                     static_cast<bool>(received.descriptor));
    if (error != nullptr) {
        drop(id, std::string("dropped the peer link's client: it sent ") + error);
        return false;
    }
    connection.silent_seconds = 0;
    take_over(id);
    PeerRequest request;
    request.client = id;
    request.header = header;
    request.body = std::span(buffer_).subspan(sizeof header, header.body_bytes);
    request.descriptor = std::move(received.descriptor);
    on_request_(std::move(request));
    return true;
}

void PeerServer::send(std::uint64_t client, std::vector<Message> messages) {
    Connection* connection = find(client);
    if (connection == nullptr || client != client_) return;
    for (Message& message : messages) connection->output.push_back(std::move(message));
    flush(*connection);
}

// Sends what the socket takes. False: the connection is gone.
bool PeerServer::flush(Connection& connection) {
    const int fd = connection.socket.get();
    while (!connection.output.empty()) {
        const Message& message = connection.output.front();
        const ssize_t sent =
            ::send(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
            drop(connection.id, "");
            return false;
        }
        if (sent < 0) break;
        connection.silent_seconds = 0;
        connection.output.pop_front();
    }
    loop_.change(fd, connection.output.empty() ? EPOLLIN : EPOLLOUT);
    return true;
}

void PeerServer::tick() {
    std::vector<std::uint64_t> silent;
    for (Connection& connection : connections_) {
        const bool waits_for_us = connection.id == client_ && connection.output.empty();
        connection.silent_seconds = waits_for_us ? 0 : connection.silent_seconds + 1;
        if (connection.silent_seconds > kPatienceSeconds) silent.push_back(connection.id);
    }
    for (const std::uint64_t id : silent)
        drop(id, id == client_ ? "dropped the peer link's client: it reads no replies" : "");
}

}  // namespace portcullis::dataplane
