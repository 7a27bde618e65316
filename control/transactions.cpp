#include "control/transactions.h"

#include <spdlog/spdlog.h>

#include "control/sealed_image.h"

namespace portcullis::control {
namespace {

using Kind = Failure::Kind;

// What is left behind by an answer that never came: settled by reconciling, on the next link.
bool outcome_unknown(const PeerError& error) {
    return error.kind == PeerError::Kind::lost || error.kind == PeerError::Kind::timeout ||
           error.kind == PeerError::Kind::protocol;
}

Failure from_peer(const PeerError& error) {
    switch (error.kind) {
        case PeerError::Kind::unreachable:
            return {Kind::unreachable, error.message};
        case PeerError::Kind::refused:
            return {Kind::refused, error.message};
        case PeerError::Kind::busy:
            return {Kind::busy, error.message};
        default:
            return {Kind::unsettled, error.message};
    }
}

std::string name_of(const StoredPolicy* stored) {
    return stored == nullptr ? std::string() : stored->policy->topology_name;
}

}  // namespace

Transactions::Transactions(EventLoop& loop, Background& background, PeerLink& link, Store& store,
                           History& history, CompileFunction compile)
    : loop_(loop),
      background_(background),
      link_(link),
      store_(store),
      history_(history),
      compile_(std::move(compile)) {}

bool Transactions::begin(Activity activity) {
    if (activity_) return false;
    activity_ = std::move(activity);
    ++epoch_;
    return true;
}

void Transactions::end() {
    activity_.reset();
    ++epoch_;
}

Failure Transactions::busy() const {
    auto text = "busy: " + activity_->what;
    if (activity_->caller.pid != 0) text += " by pid " + std::to_string(activity_->caller.pid);
    return {Kind::busy, text + " in progress"};
}

void Transactions::record(FileResult result) {
    if (!result) spdlog::error("{}", result.error());
}

// --- push ---

void Transactions::push(PushRequest request, Caller caller, Done<PushAnswer> done) {
    if (!begin({"push", "compiling", request.name, caller}))
        return done(tl::make_unexpected(busy()));
    auto push = std::make_shared<Push>(Push{std::move(request), caller, {}, std::move(done)});
    background_.run([this, push, compile = compile_, text = push->request.topology,
                     name = push->request.name]() -> EventLoop::Task {
        auto result = std::make_shared<CompileResult>(compile(text, name));
        return [this, push, result] { compiled(push, std::move(*result)); };
    });
}

void Transactions::compiled(const PushPtr& push, CompileResult result) {
    if (!result) {
        const auto count = result.error().size();
        return fail(push, {Kind::topology,
                           push->request.name + " has " + std::to_string(count) +
                               (count == 1 ? " error" : " errors"),
                           std::move(result.error())});
    }
    push->compilation = std::move(*result);
    if (push->request.dry_run) return finish(push, PushAnswer::State::dry_run, 0);
    check_running(push);
}

void Transactions::check_running(const PushPtr& push) {
    activity_->stage = "asking the data plane";
    link_.status([this, push](tl::expected<peer::Status, PeerError> status) {
        if (!status) {
            // Nothing has been handed over: whatever went wrong, the outcome is known.
            return fail(push, {Kind::unreachable, status.error().message});
        }
        if (status->confirm_seconds_left > 0)
            return fail(push, {Kind::busy, "busy: the running policy awaits confirmation (" +
                                               std::to_string(status->confirm_seconds_left) +
                                               " s left): confirm it or roll it back first"});
        // What the last status poll has not seen yet, e.g. a rollback a moment ago.
        if (store_.get(Slot::candidate)) repair(*status);
        const auto& current = store_.get(Slot::current);
        const auto& hash = push->compilation.hash;
        if (status->running == hash && current && current->hash == hash)
            return finish(push, PushAnswer::State::unchanged, status->generation);
        hand_over(push);
    });
}

void Transactions::hand_over(const PushPtr& push) {
    activity_->stage = "loading";
    const auto& compilation = push->compilation;
    auto sealed = seal_image(compilation.image);
    if (!sealed) return fail(push, {Kind::failed, sealed.error()});
    if (auto written = store_.put_candidate(
            compilation.image, {compilation.hash, compilation.policy}, push->request.topology);
        !written)
        return fail(push, {Kind::failed, written.error()});
    record(history_.add({unix_milliseconds(), "push", push->caller.uid, push->caller.pid,
                         compilation.policy->topology_name, policy::to_string(compilation.hash),
                         Outcome::under_way, ""}));
    store_.prune_topologies(history_.hashes());

    peer::LoadImage load;
    load.image_bytes = compilation.image.size();
    load.hash = compilation.hash;
    load.confirm_seconds = push->request.confirm_seconds;
    link_.load_image(load, std::move(*sealed),
                     [this, push](const auto& result) { handed_over(push, result); });
}

void Transactions::handed_over(const PushPtr& push,
                               const tl::expected<peer::Result, PeerError>& result) {
    const auto& hash = push->compilation.hash;
    if (!result && outcome_unknown(result.error())) {
        fail(push, {Kind::unsettled,
                    result.error().message +
                        "; whether it runs the policy is settled once it answers again (see "
                        "history)"});
        link_.reset(result.error().message);
        return;
    }
    if (!result) {
        drop_candidate(Outcome::refused, result.error().message);
        return fail(push, from_peer(result.error()));
    }
    if (result->hash != hash) {
        const auto text = "the data plane says it runs " + policy::to_string(result->hash) +
                          ", and not " + policy::to_string(hash) + " which it was given";
        drop_candidate(Outcome::failed, text);
        return fail(push, {Kind::failed, text});
    }
    if (push->request.confirm_seconds > 0) {
        record(history_.settle(hash, Outcome::unconfirmed, ""));
        return finish(push, PushAnswer::State::unconfirmed, result->generation);
    }
    if (auto promoted = store_.promote_candidate(); !promoted) {
        // It runs, and only a restart of the data plane could tell; each status poll tries again.
        return fail(push, {Kind::failed, "the policy runs, but could not be kept for a restart: " +
                                             promoted.error()});
    }
    record(history_.settle(hash, Outcome::loaded, ""));
    finish(push, PushAnswer::State::loaded, result->generation);
}

void Transactions::finish(const PushPtr& push, PushAnswer::State state, std::uint32_t generation) {
    end();
    if (state == PushAnswer::State::loaded || state == PushAnswer::State::unconfirmed)
        spdlog::info("push by uid {} pid {}: {} runs as generation {}, policy {}{}",
                     push->caller.uid, push->caller.pid, push->compilation.policy->topology_name,
                     generation, policy::to_string(push->compilation.hash),
                     state == PushAnswer::State::unconfirmed ? ", awaits confirmation" : "");
    push->done(
        PushAnswer{state, std::move(push->compilation), generation, push->request.confirm_seconds});
}

void Transactions::fail(const PushPtr& push, Failure failure) {
    end();
    spdlog::warn("push by uid {} pid {} failed: {}", push->caller.uid, push->caller.pid,
                 failure.message);
    push->done(tl::make_unexpected(std::move(failure)));
}

void Transactions::drop_candidate(Outcome outcome, const std::string& why) {
    if (const auto& candidate = store_.get(Slot::candidate))
        record(history_.settle(candidate->hash, outcome, why));
    record(store_.discard_candidate());
}

// --- confirm and rollback ---

void Transactions::confirm(Caller caller, Done<Changed> done) {
    if (!begin({"confirm", "asking the data plane", "", caller}))
        return done(tl::make_unexpected(busy()));
    link_.confirm([this, caller,
                   done = std::move(done)](const tl::expected<peer::Result, PeerError>& result) {
        end();
        if (!result) return done(tl::make_unexpected(from_peer(result.error())));
        const auto& candidate = store_.get(Slot::candidate);
        if (candidate && candidate->hash == result->hash) {
            const auto hash = candidate->hash;
            if (auto promoted = store_.promote_candidate(); !promoted)
                return done(tl::make_unexpected(Failure{
                    Kind::failed,
                    "confirmed, but it could not be kept for a restart: " + promoted.error()}));
            record(history_.settle(
                hash, Outcome::confirmed,
                "by uid " + std::to_string(caller.uid) + " pid " + std::to_string(caller.pid)));
        }
        spdlog::info("confirmed by uid {} pid {}: policy {}", caller.uid, caller.pid,
                     policy::to_string(result->hash));
        done(Changed{result->hash, result->generation, name_of(store_.find(result->hash))});
    });
}

void Transactions::rollback(Caller caller, Done<Changed> done) {
    if (!begin({"rollback", "asking the data plane", "", caller}))
        return done(tl::make_unexpected(busy()));
    const auto refuse = [this, done](Failure failure) {
        end();
        done(tl::make_unexpected(std::move(failure)));
    };
    link_.status([this, caller, done = std::move(done),
                  refuse](const tl::expected<peer::Status, PeerError>& status) {
        if (!status) return refuse(from_peer(status.error()));
        // A policy that is not on disk would be replaced by `current` at the next restart.
        const bool pending = status->confirm_seconds_left > 0;
        const bool nothing = status->previous == policy::ImageHash{};
        if (nothing && !pending)
            return refuse({Kind::refused, "the data plane holds no previous policy to go back to"});
        if (!nothing && store_.find(status->previous) == nullptr)
            return refuse({Kind::refused, "the data plane's previous policy " +
                                              policy::to_string(status->previous) +
                                              " is not in the state directory: push its topology"});
        link_.rollback(
            [this, caller, done, refuse](const tl::expected<peer::Result, PeerError>& result) {
                if (!result) return refuse(from_peer(result.error()));
                rolled_back(caller, *result);
                end();
                done(Changed{result->hash, result->generation, name_of(store_.find(result->hash))});
            });
    });
}

void Transactions::rolled_back(Caller caller, const peer::Result& result) {
    const auto who = "by uid " + std::to_string(caller.uid) + " pid " + std::to_string(caller.pid);
    if (const auto& candidate = store_.get(Slot::candidate);
        candidate && candidate->hash != result.hash)
        drop_candidate(Outcome::rolled_back, who);
    const auto& current = store_.get(Slot::current);
    const auto& previous = store_.get(Slot::previous);
    if (!(current && current->hash == result.hash) && previous && previous->hash == result.hash)
        record(store_.swap_previous());  // where it fails the next status poll tries again
    record(history_.add({unix_milliseconds(), "rollback", caller.uid, caller.pid,
                         name_of(store_.find(result.hash)), policy::to_string(result.hash),
                         Outcome::loaded, ""}));
    spdlog::info("rolled back {}: policy {} runs as generation {}", who,
                 policy::to_string(result.hash), result.generation);
}

}  // namespace portcullis::control
