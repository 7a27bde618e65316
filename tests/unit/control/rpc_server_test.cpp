// The control socket against clients that do not behave. The daemon is real; see also rpc_test.cpp.
#include "control/rpc_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

const std::string kStatus = R"({"jsonrpc":"2.0","id":1,"method":"status"})";

// A client that sends what it likes.
class RawClient {
  public:
    explicit RawClient(const std::string& path) {
        auto socket = connect_unix(path, SOCK_STREAM);
        EXPECT_TRUE(socket) << socket.error();
        if (socket) socket_ = std::move(*socket);
    }
    // Whether all of it went out.
    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent > 0)
                text.remove_prefix(static_cast<std::size_t>(sent));
            else if (errno != EAGAIN || !wait(POLLOUT))
                return false;
        }
        return true;
    }
    void finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }
    // The next line, or "" where the server has closed.
    std::string line() {
        for (;;) {
            if (const auto end = buffer_.find('\n'); end != std::string::npos) {
                auto text = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return text;
            }
            char chunk[4096];
            const auto got = ::recv(socket_.get(), chunk, sizeof chunk, 0);
            if (got > 0)
                buffer_.append(chunk, static_cast<std::size_t>(got));
            else if (got == 0 || errno != EAGAIN || !wait(POLLIN))
                return "";
        }
    }
    int error_code() {
        const auto json = Json::parse(line(), nullptr, false);
        return json.is_object() && json.contains("error") ? json["error"]["code"].get<int>() : 0;
    }
    bool closed() { return line().empty(); }
    // Whether the server has closed, whatever it sent before.
    bool hung_up() const {
        pollfd entry{socket_.get(), 0, 0};
        return ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLHUP) != 0;
    }

  private:
    bool wait(short events) const {
        pollfd entry{socket_.get(), events, 0};
        return ::poll(&entry, 1, 20000) > 0;
    }
    Fd socket_;
    std::string buffer_;
};

class RpcServerTest : public DaemonTest {};

TEST_F(RpcServerTest, IsForTheOwnerAndTheGroup) {
    start();
    struct stat info {};
    ASSERT_EQ(::stat(options_.socket.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0660U);
}

TEST_F(RpcServerTest, AnswersInOrderWhatIsSentAtOnce) {
    start();
    RawClient client(options_.socket);
    ASSERT_TRUE(client.send("\n \r\n" + kStatus + "\r\n" +
                            R"({"jsonrpc":"2.0","id":2,"method":"history"})" + "\n" +
                            R"({"jsonrpc":"2.0","id":"3","method":"denies"})" + "\n"));
    EXPECT_EQ(Json::parse(client.line())["id"], 1);
    EXPECT_EQ(Json::parse(client.line())["id"], 2);
    EXPECT_EQ(Json::parse(client.line())["id"], "3");
}

TEST_F(RpcServerTest, TakesARequestByteByByte) {
    start();
    RawClient client(options_.socket);
    for (const char c : kStatus + '\n') ASSERT_TRUE(client.send({&c, 1}));
    EXPECT_EQ(Json::parse(client.line())["id"], 1);
}

TEST_F(RpcServerTest, AnswersWhoHasFinishedSending) {
    start();
    RawClient client(options_.socket);
    ASSERT_TRUE(client.send(kStatus + '\n'));
    client.finish_sending();
    EXPECT_EQ(Json::parse(client.line())["id"], 1);
    EXPECT_TRUE(client.closed());
}

TEST_F(RpcServerTest, ClosesOnHalfARequest) {
    start();
    RawClient client(options_.socket);
    ASSERT_TRUE(client.send(kStatus.substr(0, 20)));
    client.finish_sending();
    EXPECT_TRUE(client.closed());
}

TEST_F(RpcServerTest, GoesOnAfterNonsense) {
    start();
    RawClient client(options_.socket);
    ASSERT_TRUE(client.send("nonsense\n[]\n{}\n"));
    EXPECT_EQ(client.error_code(), -32700);
    EXPECT_EQ(client.error_code(), -32600);
    EXPECT_EQ(client.error_code(), -32600);
    ASSERT_TRUE(client.send(R"({"jsonrpc":"2.0","id":1,"method":"format"})"
                            "\n"));
    EXPECT_EQ(client.error_code(), -32601);
    ASSERT_TRUE(client.send(kStatus + '\n'));
    EXPECT_EQ(Json::parse(client.line())["id"], 1);
}

TEST_F(RpcServerTest, DoesNotAnswerNotifications) {
    start();
    RawClient client(options_.socket);
    ASSERT_TRUE(client.send(R"({"jsonrpc":"2.0","method":"history"})"
                            "\n" +
                            kStatus + '\n'));
    EXPECT_EQ(Json::parse(client.line())["id"], 1);
}

TEST_F(RpcServerTest, BoundsARequest) {
    options_.limits.request_bytes = 1000;
    start();
    RawClient fits(options_.socket);
    ASSERT_TRUE(fits.send(kStatus + std::string(1000 - kStatus.size(), ' ') + '\n'));
    EXPECT_EQ(Json::parse(fits.line())["id"], 1);
    for (const auto& text : {std::string(1001, ' ') + '\n', std::string(5000, 'x'),
                             kStatus + std::string(1001 - kStatus.size(), ' ') + '\n'}) {
        RawClient client(options_.socket);
        client.send(text);
        EXPECT_EQ(client.error_code(), -32600);
        EXPECT_TRUE(client.closed());
    }
}

TEST_F(RpcServerTest, TakesTheLargestTopologyAndNoMore) {
    start_and_connect();
    EXPECT_TRUE(call(
        "push", {{"topology", std::string(4 << 20, 'a')}, {"name", "large"}, {"dry_run", true}}));
    RawClient client(options_.socket);
    client.send(std::string(7 << 20, 'a'));
    EXPECT_EQ(client.error_code(), -32600);
}

TEST_F(RpcServerTest, CapsConnectionsAndFreesTheirPlaces) {
    options_.limits.connections = 3;
    start();
    {
        std::vector<std::unique_ptr<RawClient>> clients;
        for (int i = 0; i < 3; ++i) {
            clients.push_back(std::make_unique<RawClient>(options_.socket));
            ASSERT_TRUE(clients.back()->send(kStatus + '\n'));
            EXPECT_EQ(Json::parse(clients.back()->line())["id"], 1);
        }
        RawClient one_too_many(options_.socket);
        EXPECT_EQ(one_too_many.error_code(), static_cast<int>(RpcCode::overloaded));
        EXPECT_TRUE(one_too_many.closed());
        ASSERT_TRUE(clients[0]->send(kStatus + '\n'));
        EXPECT_EQ(Json::parse(clients[0]->line())["id"], 1);
    }
    EXPECT_TRUE(eventually([this] { return call("status").has_value(); }));
}

TEST_F(RpcServerTest, ClosesWhoIsSilentOrDrips) {
    options_.limits.idle = 100ms;
    options_.limits.request = 100ms;
    start();
    RawClient silent(options_.socket);
    EXPECT_EQ(silent.error_code(), static_cast<int>(RpcCode::overloaded));
    EXPECT_TRUE(silent.closed());
    RawClient dripping(options_.socket);
    const auto begin = std::chrono::steady_clock::now();
    while (dripping.send("x") && std::chrono::steady_clock::now() - begin < kPatience)
        std::this_thread::sleep_for(20ms);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
}

TEST_F(RpcServerTest, ClosesWhoDoesNotReadItsAnswerAndServesOthers) {
    options_.limits.answer = 2s;  // a reader of the whole answer must keep to it, too
    start_and_connect();
    dataplane_->set_sessions(std::vector<peer::SessionRecord>(5000), 200);
    RawClient client(options_.socket);
    ASSERT_TRUE(client.send(R"({"jsonrpc":"2.0","id":1,"method":"sessions"})"
                            "\n"));
    EXPECT_TRUE(call("status"));
    ASSERT_TRUE(eventually([&] { return client.hung_up(); }));
    std::size_t lines = 0;
    while (!client.line().empty()) ++lines;
    EXPECT_EQ(lines, 0U);  // the answer ends in its middle
    const auto whole = call("sessions");
    ASSERT_TRUE(whole);
    EXPECT_EQ((*whole)["sessions"].size(), 5000U);
}

TEST_F(RpcServerTest, BoundsAnAnswer) {
    options_.limits.answer_bytes = 100000;
    start_and_connect();
    dataplane_->set_sessions(std::vector<peer::SessionRecord>(1000), 200);
    const auto answer = call("sessions");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::overloaded);
}

TEST_F(RpcServerTest, TurnsStrangersAway) {
    EventLoop loop;
    auto listener = listen_unix(options_.socket, 8);
    ASSERT_TRUE(listener);
    RpcServer server(
        loop, std::move(*listener), {}, [](const Peer& peer) { return peer.pid != ::getpid(); },
        [](const RpcRequest&, const Peer&, const RpcDone& done) { done(Json{}); });
    std::thread thread([&] { loop.run(); });
    RawClient client(options_.socket);
    EXPECT_EQ(client.error_code(), static_cast<int>(RpcCode::forbidden));
    EXPECT_TRUE(client.closed());
    loop.stop();
    thread.join();
}

}  // namespace
}  // namespace portcullis::control::testing
