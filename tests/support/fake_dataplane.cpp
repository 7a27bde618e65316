#include "tests/support/fake_dataplane.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "rules/policy/image.h"

namespace portcullis::test {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

}  // namespace

FakeDataplane::FakeDataplane(std::string path)
    : path_(std::move(path)), wake_(eventfd(0, EFD_NONBLOCK)) {
    status_.pid = 4711;
    status_.workers = 2;
    status_.session_capacity = 1000;
    status_.uptime_seconds = 100;
    open_listener();
    thread_ = std::thread([this] { serve(); });
}

FakeDataplane::~FakeDataplane() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake();
    thread_.join();
    close_connections();
    if (listener_ >= 0) ::close(listener_);
    ::close(wake_);
    ::unlink(path_.c_str());
}

void FakeDataplane::open_listener() {
    ::unlink(path_.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 8) != 0)
        throw std::runtime_error("the fake data plane cannot listen on " + path_);
}

void FakeDataplane::wake() {
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) std::abort();
}

void FakeDataplane::close_connections() {
    for (const int socket : connections_) ::close(socket);
    connections_.clear();
}

void FakeDataplane::serve() {
    for (;;) {
        std::vector<pollfd> sockets;
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
            sockets.push_back({wake_, POLLIN, 0});
            if (listener_ >= 0) sockets.push_back({listener_, POLLIN, 0});
            for (const int socket : connections_) sockets.push_back({socket, POLLIN, 0});
        }
        ::poll(sockets.data(), sockets.size(), -1);
        const std::lock_guard lock(mutex_);
        for (const auto& socket : sockets) {
            if (socket.revents == 0) continue;
            if (socket.fd == wake_) {
                std::uint64_t count = 0;
                if (::read(wake_, &count, sizeof count) < 0) continue;
            } else if (socket.fd == listener_) {
                const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
                if (connection >= 0) connections_.push_back(connection);
            } else if (std::find(connections_.begin(), connections_.end(), socket.fd) !=
                       connections_.end()) {
                serve_connection(socket.fd);
            }
        }
    }
}

void FakeDataplane::serve_connection(int socket) {
    std::vector<std::byte> buffer(peer::kMaxMessageBytes);
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> ancillary{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = ancillary.data();
    message.msg_controllen = ancillary.size();
    const auto length = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN) return;
    int image = -1;
    if (auto* control = CMSG_FIRSTHDR(&message);
        length > 0 && control != nullptr && control->cmsg_type == SCM_RIGHTS)
        std::memcpy(&image, CMSG_DATA(control), sizeof image);
    peer::Header header;
    if (length < static_cast<ssize_t>(sizeof header)) {
        if (length > 0) complaint_ = "a request that is cut short";
        ::close(socket);
        std::erase(connections_, socket);
        return;
    }
    std::memcpy(&header, buffer.data(), sizeof header);
    const auto* body = buffer.data() + sizeof header;
    const auto size = static_cast<std::size_t>(length) - sizeof header;
    if (header.magic != peer::kMagic || header.version != peer::kVersion ||
        header.body_bytes != size)
        complaint_ = "a request with a wrong header";
    if (muted_) {
        if (image >= 0) ::close(image);
        return;
    }
    using peer::Type;
    switch (header.type) {
        case Type::load_image: {
            peer::LoadImage request;
            std::memcpy(&request, body, std::min(size, sizeof request));
            load(socket, header, request, image);
            break;
        }
        case Type::confirm: {
            const bool pending = status_.confirm_seconds_left > 0;
            status_.confirm_seconds_left = 0;
            reply(socket, header, pending ? peer::Outcome::ok : peer::Outcome::refused,
                  pending ? "" : "nothing awaits confirmation");
            break;
        }
        case Type::rollback: {
            const bool possible =
                status_.confirm_seconds_left > 0 || status_.previous != peer::Hash{};
            if (possible) roll_back();
            reply(socket, header, possible ? peer::Outcome::ok : peer::Outcome::refused,
                  possible ? "" : "there is no previous policy");
            break;
        }
        case Type::get_status:
            if (odd_status_.empty()) {
                answer(socket, header, Type::status, &status_, sizeof status_);
            } else {
                answer(socket, header, Type::status, odd_status_.data(), odd_status_.size());
                odd_status_.clear();
            }
            break;
        case Type::get_counters:
            answer_list(socket, header, Type::counters, counters_, 100);
            break;
        case Type::get_sessions:
            std::memcpy(&query_, body, std::min(size, sizeof query_));
            answer_list(socket, header, Type::sessions, sessions_, sessions_split_);
            break;
        case Type::get_neighbours:
            answer_list(socket, header, Type::neighbours, neighbours_, 100);
            break;
        case Type::get_interfaces:
            answer_list(socket, header, Type::interfaces, interfaces_, 100);
            break;
        case Type::get_rules:
            answer_list(socket, header, Type::rules, rules_, 100);
            break;
        case Type::get_nodes:
            answer_list(socket, header, Type::nodes, nodes_, 100);
            break;
        case Type::get_denies:
            answer_list(socket, header, Type::denies, denies_, 100);
            denies_.clear();
            break;
        case Type::get_signatures:
            answer_list(socket, header, Type::signatures, signatures_, 100);
            break;
        default:
            complaint_ = "an unknown request";
    }
    if (image >= 0) ::close(image);
}

std::string FakeDataplane::judge(const peer::LoadImage& request, int image) const {
    if (image < 0) return "no descriptor came along";
    if (::fcntl(image, F_GET_SEALS) != kSeals) return "the image is not sealed as it must be";
    struct stat info {};
    if (::fstat(image, &info) != 0 ||
        static_cast<std::uint64_t>(info.st_size) != request.image_bytes)
        return "the image is not as long as was said";
    std::vector<std::byte> bytes(static_cast<std::size_t>(info.st_size));
    if (::pread(image, bytes.data(), bytes.size(), 0) != info.st_size) return "unreadable";
    const auto policy = policy::read_image(bytes);
    if (!policy) return policy.error().message;
    if (policy::image_hash(bytes) != request.hash) return "the image is not the one that was meant";
    return {};
}

void FakeDataplane::load(int socket, const peer::Header& header, const peer::LoadImage& request,
                         int image) {
    ++loads_;
    if (auto wrong = judge(request, image); !wrong.empty()) {
        complaint_ = wrong;
        return reply(socket, header, peer::Outcome::refused, wrong);
    }
    switch (on_load_) {
        case OnLoad::refuse:
            return reply(socket, header, peer::Outcome::refused,
                         "device 'wan' of the policy is not in dataplane.conf");
        case OnLoad::say_busy:
            return reply(socket, header, peer::Outcome::busy, "another image is being loaded");
        case OnLoad::hang:
            return;
        case OnLoad::lose:
            return close_connections();
        default:
            break;
    }
    if (status_.running != request.hash) status_.previous = status_.running;
    status_.running = request.hash;
    if (on_load_ == OnLoad::lie) status_.running[0] ^= 0xff;
    status_.confirm_seconds_left = request.confirm_seconds;
    ++status_.generation;
    if (on_load_ == OnLoad::take_and_lose) return close_connections();
    reply(socket, header, peer::Outcome::ok, "");
}

void FakeDataplane::roll_back() {
    std::swap(status_.running, status_.previous);
    status_.confirm_seconds_left = 0;
    ++status_.generation;
}

void FakeDataplane::answer(int socket, const peer::Header& request, peer::Type type,
                           const void* body, std::size_t bytes) {
    peer::Header header;
    header.type = type;
    header.sequence = request.sequence;
    header.body_bytes = static_cast<std::uint32_t>(bytes);
    std::vector<std::byte> message(sizeof header + bytes);
    std::memcpy(message.data(), &header, sizeof header);
    if (bytes > 0) std::memcpy(message.data() + sizeof header, body, bytes);
    // Control may go at any time, an answer to it with it.
    if (::send(socket, message.data(), message.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
        complaint_ = "an answer could not be sent";
}

void FakeDataplane::reply(int socket, const peer::Header& header, peer::Outcome outcome,
                          const std::string& text) {
    peer::Result result;
    result.outcome = outcome;
    result.generation = status_.generation;
    result.hash = status_.running;
    text.copy(result.text.data(), result.text.size() - 1);
    answer(socket, header, peer::Type::result, &result, sizeof result);
}

template <class Record>
void FakeDataplane::answer_list(int socket, const peer::Header& request, peer::Type type,
                                const std::vector<Record>& records, std::uint32_t split) {
    if (odd_list_) {
        const auto [odd_type, body] = std::move(*std::exchange(odd_list_, std::nullopt));
        return answer(socket, request, odd_type, body.data(), body.size());
    }
    std::size_t next = 0;
    do {
        const auto count = std::min<std::size_t>(split, records.size() - next);
        peer::ListHeader list;
        list.count = static_cast<std::uint32_t>(count);
        list.more = next + count < records.size();
        std::vector<std::byte> body(sizeof list + count * sizeof(Record));
        std::memcpy(body.data(), &list, sizeof list);
        if (count > 0)
            std::memcpy(body.data() + sizeof list, records.data() + next, count * sizeof(Record));
        answer(socket, request, type, body.data(), body.size());
        next += count;
    } while (next < records.size());
}

// --- what tests call ---

void FakeDataplane::on_load(OnLoad behaviour) {
    const std::lock_guard lock(mutex_);
    on_load_ = behaviour;
}

void FakeDataplane::mute(bool muted) {
    const std::lock_guard lock(mutex_);
    muted_ = muted;
}

void FakeDataplane::run(const peer::Hash& running, const peer::Hash& previous) {
    const std::lock_guard lock(mutex_);
    status_.running = running;
    status_.previous = previous;
}

void FakeDataplane::restart(const peer::Hash& running) {
    const std::lock_guard lock(mutex_);
    status_.running = running;
    status_.previous = {};
    status_.confirm_seconds_left = 0;
    status_.generation = 0;
    status_.uptime_seconds = 0;
    ++status_.pid;
    close_connections();
    wake();
}

void FakeDataplane::stop_listening() {
    const std::lock_guard lock(mutex_);
    close_connections();
    ::close(listener_);
    listener_ = -1;
    ::unlink(path_.c_str());
    wake();
}

void FakeDataplane::listen_again() {
    const std::lock_guard lock(mutex_);
    open_listener();
    wake();
}

void FakeDataplane::expire_confirmation() {
    const std::lock_guard lock(mutex_);
    roll_back();
}

void FakeDataplane::finish_confirmation() {
    const std::lock_guard lock(mutex_);
    status_.confirm_seconds_left = 0;
}

peer::Status FakeDataplane::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

unsigned FakeDataplane::loads() const {
    const std::lock_guard lock(mutex_);
    return loads_;
}

std::string FakeDataplane::complaint() const {
    const std::lock_guard lock(mutex_);
    return complaint_;
}

peer::SessionQuery FakeDataplane::last_query() const {
    const std::lock_guard lock(mutex_);
    return query_;
}

void FakeDataplane::set_sessions(std::vector<peer::SessionRecord> records, std::uint32_t split) {
    const std::lock_guard lock(mutex_);
    sessions_ = std::move(records);
    sessions_split_ = split;
}

void FakeDataplane::set_rules(std::vector<peer::RuleRecord> records) {
    const std::lock_guard lock(mutex_);
    rules_ = std::move(records);
}

void FakeDataplane::set_counters(std::vector<peer::CounterRecord> records) {
    const std::lock_guard lock(mutex_);
    counters_ = std::move(records);
}

void FakeDataplane::set_interfaces(std::vector<peer::InterfaceRecord> records) {
    const std::lock_guard lock(mutex_);
    interfaces_ = std::move(records);
}

void FakeDataplane::set_neighbours(std::vector<peer::NeighbourRecord> records) {
    const std::lock_guard lock(mutex_);
    neighbours_ = std::move(records);
}

void FakeDataplane::set_nodes(std::vector<peer::NodeRecord> records) {
    const std::lock_guard lock(mutex_);
    nodes_ = std::move(records);
}

void FakeDataplane::set_signatures(std::vector<peer::SignatureRecord> records) {
    const std::lock_guard lock(mutex_);
    signatures_ = std::move(records);
}

void FakeDataplane::add_denies(std::vector<peer::DenyRecord> records) {
    const std::lock_guard lock(mutex_);
    denies_.insert(denies_.end(), records.begin(), records.end());
}

void FakeDataplane::answer_status_with(std::vector<std::byte> body) {
    const std::lock_guard lock(mutex_);
    odd_status_ = std::move(body);
}

void FakeDataplane::answer_list_with(peer::Type type, std::vector<std::byte> body) {
    const std::lock_guard lock(mutex_);
    odd_list_.emplace(type, std::move(body));
}

}  // namespace portcullis::test
