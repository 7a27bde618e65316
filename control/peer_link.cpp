#include "control/peer_link.h"

#include <sys/socket.h>

#include <cerrno>

#include "control/unix_socket.h"

namespace portcullis::control {
namespace {

// No answer is larger: a million sessions are asked for by filters, not by patience.
constexpr std::size_t kMaxListBytes = std::size_t{64} << 20;

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}

template <class T>
T read_as(std::span<const std::byte> bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

PeerError nonsense(std::string_view what) {
    return {PeerError::Kind::protocol,
            "the data plane's answer makes no sense: " + std::string(what)};
}

std::string text_of(const peer::Text<512>& text) {
    return {text.data(), strnlen(text.data(), text.size())};
}

PeerError refusal(const peer::Result& result) {
    auto text = text_of(result.text);
    if (text.empty()) text = "it gave no reason";
    return {
        result.outcome == peer::Outcome::busy ? PeerError::Kind::busy : PeerError::Kind::refused,
        std::move(text)};
}

std::size_t record_bytes(peer::Type type) {
    using peer::Type;
    switch (type) {
        case Type::counters:
            return sizeof(peer::CounterRecord);
        case Type::sessions:
            return sizeof(peer::SessionRecord);
        case Type::neighbours:
            return sizeof(peer::NeighbourRecord);
        case Type::interfaces:
            return sizeof(peer::InterfaceRecord);
        case Type::rules:
            return sizeof(peer::RuleRecord);
        case Type::nodes:
            return sizeof(peer::NodeRecord);
        case Type::denies:
            return sizeof(peer::DenyRecord);
        case Type::signatures:
            return sizeof(peer::SignatureRecord);
        default:
            return 0;  // not a list
    }
}

}  // namespace

PeerLink::PeerLink(EventLoop& loop, std::string path, Timeouts timeouts)
    : loop_(loop), path_(std::move(path)), timeouts_(timeouts) {}

PeerLink::~PeerLink() {
    loop_.remove(watch_);
    loop_.cancel(retry_timer_);
    for (const auto& [sequence, request] : outstanding_) loop_.cancel(request.timer);
}

void PeerLink::start(std::function<void()> changed) {
    changed_ = std::move(changed);
    connect();
}

void PeerLink::connect() {
    retry_timer_ = 0;
    auto socket = connect_unix(path_, SOCK_SEQPACKET);
    if (!socket) return retry("no data plane at " + path_ + ": " + socket.error());
    socket_ = std::move(*socket);
    why_not_.clear();
    watch_ = loop_.watch(socket_.get(), true, false, [this] { ready(); });
    changed_();
}

void PeerLink::retry(std::string why) {
    why_not_ = std::move(why);
    retry_timer_ = loop_.after(retry_delay_, [this] { connect(); });
    retry_delay_ = std::min(retry_delay_ * 2, kLastRetry);
}

void PeerLink::reset(const std::string& why) {
    if (connected()) down(PeerError::Kind::lost, why);
}

void PeerLink::down(PeerError::Kind kind, const std::string& why) {
    loop_.remove(watch_);
    watch_ = 0;
    socket_.reset();
    outgoing_.clear();
    retry(why);
    changed_();
    // Each `done` may ask again at once, which then fails as unreachable.
    while (!outstanding_.empty())
        finish(outstanding_.begin()->first, tl::make_unexpected(PeerError{kind, why}));
}

void PeerLink::ask(peer::Type type, std::span<const std::byte> body, Fd descriptor,
                   Done<Answer> done, Duration timeout) {
    if (!connected()) {
        // Later, so that a caller never finds itself called back before its call has returned.
        loop_.post([done = std::move(done), why = why_not_] {
            done(tl::make_unexpected(PeerError{PeerError::Kind::unreachable, why}));
        });
        return;
    }
    peer::Header header;
    header.type = type;
    header.sequence = next_sequence_++;
    header.body_bytes = static_cast<std::uint32_t>(body.size());
    Outgoing outgoing{{}, std::move(descriptor)};
    const auto head = bytes_of(header);
    outgoing.message.assign(head.begin(), head.end());
    outgoing.message.insert(outgoing.message.end(), body.begin(), body.end());

    const auto sequence = header.sequence;
    auto& request = outstanding_[sequence];
    request.done = std::move(done);
    request.timer = loop_.after(timeout, [this, sequence, timeout] {
        finish(sequence,
               tl::make_unexpected(PeerError{PeerError::Kind::timeout,
                                             "the data plane did not answer within " +
                                                 std::to_string(timeout.count()) + " ms"}));
    });
    outgoing_.push_back(std::move(outgoing));
    flush();
}

void PeerLink::flush() {
    while (!outgoing_.empty()) {
        auto& next = outgoing_.front();
        iovec part{next.message.data(), next.message.size()};
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> ancillary{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (next.descriptor) {
            message.msg_control = ancillary.data();
            message.msg_controllen = ancillary.size();
            auto* control = CMSG_FIRSTHDR(&message);
            control->cmsg_level = SOL_SOCKET;
            control->cmsg_type = SCM_RIGHTS;
            control->cmsg_len = CMSG_LEN(sizeof(int));
            const int descriptor = next.descriptor.get();
            std::memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
        }
        if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            if (errno == EINTR) continue;
            // Room comes back as an event; and so does a broken link, as the read that fails.
            break;
        }
        outgoing_.pop_front();
    }
    loop_.change(watch_, true, !outgoing_.empty());
}

void PeerLink::ready() {
    std::vector<std::byte> buffer(peer::kMaxMessageBytes);
    while (connected()) {
        const auto length =
            ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (length <= 0) return down(PeerError::Kind::lost, "the data plane closed the peer link");
        if (static_cast<std::size_t>(length) > buffer.size())
            return down(PeerError::Kind::protocol, nonsense("it is too long").message);
        receive(std::span(buffer).first(static_cast<std::size_t>(length)));
    }
    if (connected()) flush();
}

void PeerLink::receive(std::span<const std::byte> message) {
    if (message.size() < sizeof(peer::Header))
        return down(PeerError::Kind::protocol, nonsense("it is cut short").message);
    const auto header = read_as<peer::Header>(message);
    auto body = message.subspan(sizeof header);
    if (header.magic != peer::kMagic || header.version != peer::kVersion)
        return down(PeerError::Kind::protocol,
                    "the data plane speaks another version of the peer link: install control and "
                    "data plane of one build");
    if (header.body_bytes != body.size())
        return down(PeerError::Kind::protocol, nonsense("its length is wrong").message);
    retry_delay_ = kFirstRetry;  // it talks sense, so a link lost later is tried again soon
    const auto found = outstanding_.find(header.sequence);
    if (found == outstanding_.end()) return;  // too late

    const auto record = record_bytes(header.type);
    if (record == 0)
        return finish(header.sequence, Answer{header.type, {body.begin(), body.end()}});
    if (body.size() < sizeof(peer::ListHeader))
        return finish(header.sequence, tl::make_unexpected(nonsense("a list without a head")));
    const auto list = read_as<peer::ListHeader>(body);
    body = body.subspan(sizeof list);
    if (body.size() != std::size_t{list.count} * record)
        return finish(header.sequence, tl::make_unexpected(nonsense("a list's length is wrong")));
    auto& records = found->second.records;
    if (records.size() + body.size() > kMaxListBytes)
        return finish(header.sequence, tl::make_unexpected(nonsense("a list without an end")));
    records.insert(records.end(), body.begin(), body.end());
    if (list.more == 0) finish(header.sequence, Answer{header.type, std::move(records)});
}

void PeerLink::finish(std::uint32_t sequence, tl::expected<Answer, PeerError> answer) {
    auto found = outstanding_.extract(sequence);
    if (found.empty()) return;
    loop_.cancel(found.mapped().timer);
    found.mapped().done(std::move(answer));
}

PeerLink::Done<PeerLink::Answer> PeerLink::as_result(Done<peer::Result> done) {
    return [done = std::move(done)](tl::expected<Answer, PeerError> answer) {
        if (!answer) return done(tl::make_unexpected(answer.error()));
        if (answer->type != peer::Type::result || answer->body.size() != sizeof(peer::Result))
            return done(tl::make_unexpected(nonsense("not a result")));
        const auto result = read_as<peer::Result>(answer->body);
        if (result.outcome != peer::Outcome::ok) return done(tl::make_unexpected(refusal(result)));
        done(result);
    };
}

template <class Record>
PeerLink::Done<PeerLink::Answer> PeerLink::as_list(peer::Type type,
                                                   Done<std::vector<Record>> done) {
    return [type, done = std::move(done)](tl::expected<Answer, PeerError> answer) {
        if (!answer) return done(tl::make_unexpected(answer.error()));
        if (answer->type == peer::Type::result && answer->body.size() == sizeof(peer::Result))
            return done(tl::make_unexpected(refusal(read_as<peer::Result>(answer->body))));
        if (answer->type != type) return done(tl::make_unexpected(nonsense("another list")));
        std::vector<Record> records(answer->body.size() / sizeof(Record));
        if (!records.empty()) std::memcpy(records.data(), answer->body.data(), answer->body.size());
        done(std::move(records));
    };
}

void PeerLink::load_image(const peer::LoadImage& request, Fd image, Done<peer::Result> done) {
    ask(peer::Type::load_image, bytes_of(request), std::move(image), as_result(std::move(done)),
        timeouts_.load);
}

void PeerLink::status(Done<peer::Status> done) {
    ask(peer::Type::get_status, {}, {}, [done = std::move(done)](auto answer) {
        if (!answer) return done(tl::make_unexpected(answer.error()));
        if (answer->type == peer::Type::result && answer->body.size() == sizeof(peer::Result))
            return done(tl::make_unexpected(refusal(read_as<peer::Result>(answer->body))));
        if (answer->type != peer::Type::status || answer->body.size() != sizeof(peer::Status))
            return done(tl::make_unexpected(nonsense("not a status")));
        done(read_as<peer::Status>(answer->body));
    });
}

void PeerLink::sessions(const peer::SessionQuery& query,
                        Done<std::vector<peer::SessionRecord>> done) {
    ask(peer::Type::get_sessions, bytes_of(query), {},
        as_list<peer::SessionRecord>(peer::Type::sessions, std::move(done)));
}

void PeerLink::counters(Done<std::vector<peer::CounterRecord>> done) {
    ask(peer::Type::get_counters, {}, {},
        as_list<peer::CounterRecord>(peer::Type::counters, std::move(done)));
}

void PeerLink::neighbours(Done<std::vector<peer::NeighbourRecord>> done) {
    ask(peer::Type::get_neighbours, {}, {},
        as_list<peer::NeighbourRecord>(peer::Type::neighbours, std::move(done)));
}

void PeerLink::interfaces(Done<std::vector<peer::InterfaceRecord>> done) {
    ask(peer::Type::get_interfaces, {}, {},
        as_list<peer::InterfaceRecord>(peer::Type::interfaces, std::move(done)));
}

void PeerLink::rules(Done<std::vector<peer::RuleRecord>> done) {
    ask(peer::Type::get_rules, {}, {},
        as_list<peer::RuleRecord>(peer::Type::rules, std::move(done)));
}

void PeerLink::nodes(Done<std::vector<peer::NodeRecord>> done) {
    ask(peer::Type::get_nodes, {}, {},
        as_list<peer::NodeRecord>(peer::Type::nodes, std::move(done)));
}

void PeerLink::denies(Done<std::vector<peer::DenyRecord>> done) {
    ask(peer::Type::get_denies, {}, {},
        as_list<peer::DenyRecord>(peer::Type::denies, std::move(done)));
}

void PeerLink::signatures(Done<std::vector<peer::SignatureRecord>> done) {
    ask(peer::Type::get_signatures, {}, {},
        as_list<peer::SignatureRecord>(peer::Type::signatures, std::move(done)));
}

}  // namespace portcullis::control
