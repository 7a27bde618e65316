// The peer link's server against clients that behave, misbehave, and do not read.
#include "dataplane/peer/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

namespace portcullis::dataplane {
namespace {

using testing::HasSubstr;

class Client {
  public:
    explicit Client(const std::string& path)
        : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    void send_bytes(const Message& bytes, std::vector<int> descriptors = {}) {
        iovec data = {const_cast<std::byte*>(bytes.data()), bytes.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)] = {};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        if (!descriptors.empty()) {
            message.msg_control = control;
            message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
            cmsghdr* part = CMSG_FIRSTHDR(&message);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
            std::memcpy(CMSG_DATA(part), descriptors.data(), sizeof(int) * descriptors.size());
        }
        EXPECT_EQ(sendmsg(socket_.get(), &message, MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    // The next message; empty: none now. `closed` says whether the server has hung up.
    Message read_message() {
        Message buffer(peer::kMaxMessageBytes);
        const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
        closed = got == 0 || (got < 0 && errno == ECONNRESET);
        buffer.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return buffer;
    }
    bool hung_up() {
        while (!read_message().empty()) {
        }
        return closed;
    }
    bool closed = false;

  private:
    FileDescriptor socket_;
};

Message request(peer::Type type, std::uint32_t sequence = 1) {
    peer::Header header;
    header.type = type;
    header.sequence = sequence;
    Message message(sizeof header);
    std::memcpy(message.data(), &header, sizeof header);
    return message;
}

class ServerTest : public testing::Test {
  protected:
    void SetUp() override {
        auto socket = ListeningSocket::open(path_, std::nullopt);
        ASSERT_TRUE(socket) << socket.error();
        PeerServer::Config config;
        config.log = [this](const std::string& text) { logged_.push_back(text); };
        server_ = std::make_unique<PeerServer>(
            loop_, std::move(*socket), std::move(config), [this](PeerRequest received) {
                types_.push_back(received.header.type);
                if (received.descriptor) descriptors_.push_back(std::move(received.descriptor));
                for (unsigned i = 0; i < replies_; ++i)
                    server_->send(received.client,
                                  {make_message(peer::Type::status, received.header.sequence,
                                                peer::Status{})});
            });
    }
    void pump() {
        unsigned rounds = 0;
        loop_.run([&] {
            if (++rounds > 20) loop_.stop();
            return true;
        });
    }

    const std::string path_ =
        testing::TempDir() + "portcullis-peer-test-" + std::to_string(getpid());
    EventLoop loop_;
    std::unique_ptr<PeerServer> server_;
    unsigned replies_ = 1;
    std::vector<peer::Type> types_;
    std::vector<FileDescriptor> descriptors_;
    std::vector<std::string> logged_;
};

TEST_F(ServerTest, AnswersWithTheSameSequence) {
    Client client(path_);
    client.send_bytes(request(peer::Type::get_status, 77));
    pump();
    const Message reply = client.read_message();
    ASSERT_EQ(reply.size(), sizeof(peer::Header) + sizeof(peer::Status));
    peer::Header header;
    std::memcpy(&header, reply.data(), sizeof header);
    EXPECT_EQ(header.type, peer::Type::status);
    EXPECT_EQ(header.sequence, 77U);
    EXPECT_EQ(header.body_bytes, sizeof(peer::Status));
}

TEST_F(ServerTest, TakesTheDescriptorOfAnImage) {
    Client client(path_);
    const FileDescriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    client.send_bytes(make_message(peer::Type::load_image, 1, peer::LoadImage{}), {null.get()});
    pump();
    ASSERT_EQ(descriptors_.size(), 1U);
    struct stat mine {
    }, theirs{};
    fstat(null.get(), &mine);
    fstat(descriptors_[0].get(), &theirs);
    EXPECT_EQ(mine.st_rdev, theirs.st_rdev);
    EXPECT_NE(fcntl(descriptors_[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ServerTest, MalformedMessagesEndTheConnection) {
    const FileDescriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto with = [](auto&& change) {
        peer::Header header;
        header.type = peer::Type::get_status;
        change(header);
        Message message(sizeof header);
        std::memcpy(message.data(), &header, sizeof header);
        return message;
    };
    const auto check = [&](const Message& message, const std::string& complaint,
                           const std::vector<int>& descriptors = {}) {
        SCOPED_TRACE(complaint);
        Client client(path_);
        client.send_bytes(message, descriptors);
        pump();
        EXPECT_TRUE(client.hung_up());
        ASSERT_FALSE(logged_.empty());
        EXPECT_THAT(logged_.back(), HasSubstr(complaint));
    };
    check(Message(3), "less than a header");
    check(with([](auto& h) { h.magic = 1; }), "none of the peer link's");
    check(with([](auto& h) { h.version = 9; }), "another version");
    check(with([](auto& h) { h.type = static_cast<peer::Type>(50); }), "an unknown request");
    check(with([](auto& h) { h.type = peer::Type::status; }), "an unknown request");
    check(with([](auto& h) { h.body_bytes = 4; }), "wrong size");
    check(make_message(peer::Type::get_status, 1, std::uint32_t{0}), "wrong size");
    check(request(peer::Type::get_sessions), "wrong size");
    check(make_message(peer::Type::load_image, 1, peer::LoadImage{}), "a descriptor missing");
    check(request(peer::Type::get_status), "too many", {null.get()});
    check(make_message(peer::Type::load_image, 1, peer::LoadImage{}), "too long",
          {null.get(), null.get()});
    check(Message(peer::kMaxMessageBytes + 1), "too long");
    EXPECT_TRUE(types_.empty());

    Client client(path_);
    client.send_bytes(request(peer::Type::get_status));
    pump();
    EXPECT_FALSE(client.read_message().empty());
}

TEST_F(ServerTest, TheFirstRequestTakesOver) {
    Client first(path_);
    first.send_bytes(request(peer::Type::get_status));
    pump();
    EXPECT_FALSE(first.read_message().empty());

    Client second(path_);
    pump();
    first.send_bytes(request(peer::Type::get_status));
    pump();
    EXPECT_FALSE(first.read_message().empty()) << "a connection that says nothing disturbs nobody";

    second.send_bytes(request(peer::Type::get_status));
    pump();
    EXPECT_FALSE(second.read_message().empty());
    EXPECT_TRUE(first.hung_up());
}

TEST_F(ServerTest, SilentConnectionsAreBounded) {
    Client client(path_);
    client.send_bytes(request(peer::Type::get_status));
    pump();
    std::deque<Client> idle;
    for (unsigned i = 0; i < 20; ++i) {
        idle.emplace_back(path_);
        pump();
    }
    unsigned gone = 0;
    for (Client& one : idle) gone += one.hung_up() ? 1 : 0;
    EXPECT_GE(gone, 15U);
    EXPECT_FALSE(client.hung_up());
    for (unsigned second = 0; second < 12; ++second) server_->tick();
    for (Client& one : idle) EXPECT_TRUE(one.hung_up());
    EXPECT_FALSE(client.hung_up()) << "the client may be quiet for as long as it likes";
}

TEST_F(ServerTest, NothingIsReadWhileRepliesWait) {
    replies_ = 5000;
    Client client(path_);
    client.send_bytes(request(peer::Type::get_status));
    client.send_bytes(request(peer::Type::get_nodes));
    pump();
    EXPECT_EQ(types_.size(), 1U);
    unsigned received = 0;
    for (unsigned i = 0; i < 2000 && received < 10'000; ++i) {
        while (!client.read_message().empty()) ++received;
        pump();
    }
    EXPECT_EQ(received, 10'000U);
    EXPECT_EQ(types_.size(), 2U);
}

TEST_F(ServerTest, AClientThatNeverReadsIsDropped) {
    replies_ = 5000;
    Client client(path_);
    client.send_bytes(request(peer::Type::get_status));
    pump();
    for (unsigned second = 0; second < 12; ++second) server_->tick();
    EXPECT_TRUE(client.hung_up());
    EXPECT_THAT(logged_.back(), HasSubstr("it reads no replies"));
}

TEST_F(ServerTest, OwnsItsSocketFile) {
    struct stat status {};
    ASSERT_EQ(stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660U);
    const auto second = ListeningSocket::open(path_, std::nullopt);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), "peer socket " + path_ +
                                  ": a live process owns it: stop the other "
                                  "portcullis-dataplane, or set another `peer-socket`");
    server_.reset();
    EXPECT_NE(stat(path_.c_str(), &status), 0);
}

TEST(ListeningSocketTest, ReplacesWhatADeadProcessLeft) {
    const std::string path = testing::TempDir() + "portcullis-stale-" + std::to_string(getpid());
    {
        const FileDescriptor dead(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    EXPECT_TRUE(ListeningSocket::open(path, std::nullopt));
}

TEST(ListeningSocketTest, LeavesOtherFilesAlone) {
    const std::string path = testing::TempDir() + "portcullis-file-" + std::to_string(getpid());
    std::ofstream(path) << "precious";
    const auto socket = ListeningSocket::open(path, std::nullopt);
    ASSERT_FALSE(socket);
    EXPECT_THAT(socket.error(), HasSubstr("no socket"));
    EXPECT_EQ(access(path.c_str(), F_OK), 0);
    unlink(path.c_str());
    EXPECT_THAT(ListeningSocket::open("/no/such/directory/socket", std::nullopt).error(),
                HasSubstr("create its directory"));
    EXPECT_THAT(ListeningSocket::open("/" + std::string(200, 'x'), std::nullopt).error(),
                HasSubstr("too long"));
}

TEST(Lists, AreCutIntoMessages) {
    const std::vector<peer::SessionRecord> records(1000);
    const auto messages =
        make_list<peer::SessionRecord>(peer::Type::sessions, 9, std::span(records));
    ASSERT_GT(messages.size(), 1U);
    std::size_t count = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        EXPECT_LE(messages[i].size(), peer::kMaxMessageBytes);
        peer::ListHeader list;
        std::memcpy(&list, messages[i].data() + sizeof(peer::Header), sizeof list);
        count += list.count;
        EXPECT_EQ(list.more, i + 1 < messages.size() ? 1U : 0U);
    }
    EXPECT_EQ(count, records.size());
    EXPECT_EQ(make_list<peer::RuleRecord>(peer::Type::rules, 9, {}).size(), 1U);
}

}  // namespace
}  // namespace portcullis::dataplane
