// The control socket: connections that send one request a line and get one answer a line.
//
// A connection has one request under way at a time; the next is read when the answer is gone. So
// what a client can make us hold is bounded: one request, one answer. Limits cut off who is too
// slow, sends too much, or comes too many; while we work on a request no limit runs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <tl/expected.hpp>

#include "control/event_loop.h"
#include "control/fd.h"
#include "control/rpc.h"
#include "control/unix_socket.h"

namespace portcullis::control {

struct ServerLimits {
    std::size_t connections = 32;
    std::size_t request_bytes = std::size_t{6} << 20;
    std::size_t answer_bytes = std::size_t{16} << 20;
    EventLoop::Duration idle{60000};     // connected, and no request begun
    EventLoop::Duration request{10000};  // from a request's first byte to its last
    EventLoop::Duration answer{10000};   // without any progress in reading the answer
};

using RpcResult = tl::expected<Json, RpcError>;
using RpcDone = std::function<void(RpcResult)>;

class RpcServer {
  public:
    using Handler = std::function<void(const RpcRequest& request, const Peer& peer, RpcDone done)>;
    using Admission = std::function<bool(const Peer& peer)>;

    RpcServer(EventLoop& loop, Fd listener, ServerLimits limits, Admission admitted,
              Handler handler);
    ~RpcServer();
    RpcServer(const RpcServer&) = delete;
    RpcServer& operator=(const RpcServer&) = delete;

    std::size_t connections() const { return connections_.size(); }

  private:
    struct Connection {
        Fd socket;
        Peer peer;
        EventLoop::Id watch = 0;
        EventLoop::Id timer = 0;
        std::string input;
        std::size_t searched = 0;  // of `input`, without a newline
        std::string output;
        std::size_t sent = 0;  // of `output`
        bool begun = false;    // a request's first bytes are there, and its time runs
        bool at_work = false;  // a request is being carried out
        bool calling = false;  // and its handler has not returned
        bool no_more = false;  // the client has sent its last request
        bool closing = false;  // once `output` is sent
    };
    using ConnectionId = std::uint64_t;

    void accept();
    void turn_away(const Fd& socket, const RpcError& error) const;
    void ready(ConnectionId id);
    bool read(Connection& connection);
    void next_request(ConnectionId id);
    void wait_for_more(ConnectionId id);
    void carry_out(ConnectionId id, std::string_view line);
    void answer(ConnectionId id, std::string line);
    // Whether the connection is still there.
    bool write(ConnectionId id);
    void limit(ConnectionId id, EventLoop::Duration time, std::string_view what);
    void no_limit(Connection& connection);
    void close(ConnectionId id);

    EventLoop& loop_;
    Fd listener_;
    EventLoop::Id listener_watch_ = 0;
    EventLoop::Id pause_timer_ = 0;
    ServerLimits limits_;
    Admission admitted_;
    Handler handler_;
    std::map<ConnectionId, Connection> connections_;
    ConnectionId next_id_ = 1;
};

}  // namespace portcullis::control
