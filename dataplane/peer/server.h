// The data plane's end of the peer link: a listening socket, and one client at a time.
//
// Nothing here blocks and everything is bounded. A connection becomes the client with its first
// well-formed request and takes over from the one before: a restarted control process never waits
// for the end of its predecessor, and a mere look at the socket disturbs nobody. While replies wait
// to be read no further request is taken; a client that reads nothing for a while is dropped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/event_loop.h"
#include "dataplane/file_descriptor.h"
#include "dataplane/peer/message.h"
#include "dataplane/peer/socket.h"

namespace portcullis::dataplane {

// A request that has passed the checks of framing: type known, body of the type's size.
struct PeerRequest {
    std::uint64_t client = 0;  // to answer to
    peer::Header header;
    std::span<const std::byte> body;
    FileDescriptor descriptor;  // of load_image only
};

class PeerServer {
  public:
    struct Config {
        std::vector<uid_t> allowed;  // users that may connect, besides root and our own
        std::function<void(const std::string&)> log;  // one sentence
    };
    using OnRequest = std::function<void(PeerRequest)>;

    // Serves from inside `loop`, which outlives it.
    PeerServer(EventLoop& loop, ListeningSocket socket, Config config, OnRequest on_request);
    ~PeerServer();
    PeerServer(const PeerServer&) = delete;
    PeerServer& operator=(const PeerServer&) = delete;

    // Messages for a client that has gone meanwhile are dropped.
    void send(std::uint64_t client, std::vector<Message> messages);
    // Drops a client that has not read for `kPatienceSeconds`. Call about once a second.
    void tick();

  private:
    static constexpr unsigned kPatienceSeconds = 10;
    static constexpr std::size_t kMaxWaiting = 4;  // connections that have said nothing yet

    struct Connection {
        std::uint64_t id = 0;
        FileDescriptor socket;
        std::deque<Message> output;
        unsigned silent_seconds = 0;  // with output waiting, or before the first request
    };

    void accept_all();
    bool may_connect(int socket) const;
    void on_events(std::uint64_t id, std::uint32_t events);
    bool read_request(Connection& connection);
    bool flush(Connection& connection);
    Connection* find(std::uint64_t id);
    void drop(std::uint64_t id, const std::string& why);
    void take_over(std::uint64_t id);

    EventLoop& loop_;
    const Config config_;
    const OnRequest on_request_;
    const ListeningSocket listener_;
    std::deque<Connection> connections_;  // the client, and those that have said nothing yet
    std::uint64_t client_ = 0;            // 0: none
    std::uint64_t last_id_ = 0;
    std::vector<std::byte> buffer_;
};

}  // namespace portcullis::dataplane
