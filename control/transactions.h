// What changes the running policy: push, confirm, rollback, and the repairs of reconcile.h.
//
//     text -> compile (a thread of its own) -> image -> `candidate` on disk -> hand-over
//          -> the data plane's hash is the one meant -> `candidate` becomes `current`
//             (after `confirm` where that was asked for)
//
// One at a time; the next is told who is at it. Whatever fails before the last step leaves the
// running policy as it was. Where the data plane's answer is lost the candidate stays on disk and
// is settled by reconciling, as if control had been killed there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "control/background.h"
#include "control/compilation.h"
#include "control/event_loop.h"
#include "control/history.h"
#include "control/peer_link.h"
#include "control/reconcile.h"
#include "control/store.h"

namespace portcullis::control {

struct Caller {
    pid_t pid = 0;
    uid_t uid = 0;
};

struct PushRequest {
    std::string topology;  // the file's text
    std::string name;      // the file's name
    std::uint32_t confirm_seconds = 0;
    bool dry_run = false;
};

struct PushAnswer {
    enum class State : std::uint8_t { loaded, unconfirmed, unchanged, dry_run };
    State state = State::loaded;
    Compilation compilation;
    std::uint32_t generation = 0;  // 0: of a dry run
    std::uint32_t confirm_seconds = 0;
};

struct Changed {  // by confirm and rollback: what runs now
    policy::ImageHash hash{};
    std::uint32_t generation = 0;
    std::string name;  // of its topology; empty where unknown
};

struct Failure {
    enum class Kind : std::uint8_t {
        topology,     // diagnostics says what is wrong
        busy,         // another change is under way, or awaits confirmation
        refused,      // by the data plane
        failed,       // on our side, e.g. a full disk
        unreachable,  // no data plane
        unsettled,    // handed over, and the answer was lost
    };
    Kind kind = Kind::failed;
    std::string message;
    topology::Diagnostics diagnostics{};
};

class Transactions {
  public:
    template <class T>
    using Done = std::function<void(tl::expected<T, Failure>)>;
    static constexpr EventLoop::Duration kFirstRestoreRetry{1000};
    static constexpr EventLoop::Duration kLastRestoreRetry{60000};

    Transactions(EventLoop& loop, Background& background, PeerLink& link, Store& store,
                 History& history, CompileFunction compile);

    void push(PushRequest request, Caller caller, Done<PushAnswer> done);
    void confirm(Caller caller, Done<Changed> done);
    void rollback(Caller caller, Done<Changed> done);

    // A status that was asked for when epoch() was `epoch`. Reconciles, unless something has
    // changed since or is just changing.
    void observe(const peer::Status& status, std::uint64_t epoch);
    std::uint64_t epoch() const { return epoch_; }
    void link_changed();

    struct Activity {
        std::string what;  // "push", "confirm", "rollback", "restore"
        std::string stage;
        std::string name;
        Caller caller;
    };
    const std::optional<Activity>& activity() const { return activity_; }

  private:
    struct Push {
        PushRequest request;
        Caller caller;
        Compilation compilation;
        Done<PushAnswer> done;
    };
    using PushPtr = std::shared_ptr<Push>;

    bool begin(Activity activity);
    void end();
    Failure busy() const;

    void compiled(const PushPtr& push, CompileResult result);
    void check_running(const PushPtr& push);
    void hand_over(const PushPtr& push);
    void handed_over(const PushPtr& push, const tl::expected<peer::Result, PeerError>& result);
    void finish(const PushPtr& push, PushAnswer::State state, std::uint32_t generation);
    void fail(const PushPtr& push, Failure failure);
    void drop_candidate(Outcome outcome, const std::string& why);

    void rolled_back(Caller caller, const peer::Result& result);
    void repair(const peer::Status& status);
    void restore();
    void record(FileResult result);  // a history or disk error that must not end the transaction

    EventLoop& loop_;
    Background& background_;
    PeerLink& link_;
    Store& store_;
    History& history_;
    CompileFunction compile_;
    std::optional<Activity> activity_;
    std::uint64_t epoch_ = 0;
    EventLoop::Clock::time_point restore_not_before_{};
    EventLoop::Duration restore_retry_ = kFirstRestoreRetry;
    std::string last_complaint_;  // logged once, not once a second
};

}  // namespace portcullis::control
