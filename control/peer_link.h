// Control's end of the peer link (rules/peer/messages.h), on the event loop.
//
// Requests may overlap; each ends in exactly one call of its `done`, with the answer or with why
// there is none: not connected, the link went down, no answer in time, or a `result` that says no.
// A lost link is tried again, at first after kFirstRetry, then after twice as long each time up to
// kLastRetry. An answer that comes after its time is dropped.
#pragma once

#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/event_loop.h"
#include "control/fd.h"
#include "rules/peer/messages.h"

namespace portcullis::control {

struct PeerError {
    enum class Kind : std::uint8_t {
        unreachable,  // not sent: there is no link
        lost,         // sent, and the link went down before the answer
        timeout,      // sent, and not answered in time
        refused,      // the data plane said no (Outcome::refused, failed)
        busy,         // the data plane is at work on another load (Outcome::busy)
        protocol,     // the answer made no sense
    };
    Kind kind = Kind::unreachable;
    std::string message;  // one sentence
};

class PeerLink {
  public:
    using Duration = EventLoop::Duration;
    template <class T>
    using Done = std::function<void(tl::expected<T, PeerError>)>;

    static constexpr Duration kFirstRetry{50};
    static constexpr Duration kLastRetry{2000};

    struct Timeouts {
        Duration answer{5000};
        Duration load{60000};  // building lookup structures and replaying witnesses takes its time
    };

    PeerLink(EventLoop& loop, std::string path, Timeouts timeouts);
    ~PeerLink();
    PeerLink(const PeerLink&) = delete;
    PeerLink& operator=(const PeerLink&) = delete;

    // `changed` is called whenever the link comes up or goes down.
    void start(std::function<void()> changed);
    bool connected() const { return static_cast<bool>(socket_); }
    const std::string& why_not() const { return why_not_; }  // one sentence, while not connected
    // Gives the link up and builds it anew: the data plane is stuck.
    void reset(const std::string& why);

    void load_image(const peer::LoadImage& request, Fd image, Done<peer::Result> done);
    void confirm(Done<peer::Result> done) {
        ask(peer::Type::confirm, {}, {}, as_result(std::move(done)));
    }
    void rollback(Done<peer::Result> done) {
        ask(peer::Type::rollback, {}, {}, as_result(std::move(done)));
    }
    void status(Done<peer::Status> done);
    void sessions(const peer::SessionQuery& query, Done<std::vector<peer::SessionRecord>> done);
    // Lists whose request has no body.
    void counters(Done<std::vector<peer::CounterRecord>> done);
    void neighbours(Done<std::vector<peer::NeighbourRecord>> done);
    void interfaces(Done<std::vector<peer::InterfaceRecord>> done);
    void rules(Done<std::vector<peer::RuleRecord>> done);
    void nodes(Done<std::vector<peer::NodeRecord>> done);
    void denies(Done<std::vector<peer::DenyRecord>> done);
    void signatures(Done<std::vector<peer::SignatureRecord>> done);

  private:
    // The body of an answer: of a list, the records of all its messages.
    struct Answer {
        peer::Type type{};
        std::vector<std::byte> body;
    };
    struct Outstanding {
        EventLoop::Id timer = 0;
        std::vector<std::byte> records;  // of a list that is not complete yet
        Done<Answer> done;
    };
    struct Outgoing {
        std::vector<std::byte> message;
        Fd descriptor;
    };

    static Done<Answer> as_result(Done<peer::Result> done);
    template <class Record>
    static Done<Answer> as_list(peer::Type type, Done<std::vector<Record>> done);

    void ask(peer::Type type, std::span<const std::byte> body, Fd descriptor, Done<Answer> done,
             Duration timeout);
    void ask(peer::Type type, std::span<const std::byte> body, Fd descriptor, Done<Answer> done) {
        ask(type, body, std::move(descriptor), std::move(done), timeouts_.answer);
    }
    void connect();
    void retry(std::string why);
    void ready();
    void flush();
    void receive(std::span<const std::byte> message);
    void finish(std::uint32_t sequence, tl::expected<Answer, PeerError> answer);
    void down(PeerError::Kind kind, const std::string& why);

    EventLoop& loop_;
    std::string path_;
    Timeouts timeouts_;
    std::function<void()> changed_;
    Fd socket_;
    EventLoop::Id watch_ = 0;
    EventLoop::Id retry_timer_ = 0;
    Duration retry_delay_ = kFirstRetry;
    std::string why_not_ = "not tried yet";
    std::uint32_t next_sequence_ = 1;
    std::map<std::uint32_t, Outstanding> outstanding_;
    std::deque<Outgoing> outgoing_;
};

}  // namespace portcullis::control
