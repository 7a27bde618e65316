// Reconciling: what Transactions does by itself. The decisions are in reconcile.cpp.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/sealed_image.h"
#include "control/transactions.h"

namespace portcullis::control {
namespace {

std::optional<policy::ImageHash> hash_of(const std::optional<StoredPolicy>& stored) {
    return stored ? std::optional(stored->hash) : std::nullopt;
}

Running running_of(const peer::Status& status) {
    Running running;
    if (status.running != policy::ImageHash{}) running.policy = status.running;
    running.undecided = status.confirm_seconds_left > 0 || status.loading != 0;
    return running;
}

}  // namespace

void Transactions::link_changed() {
    restore_not_before_ = {};
    restore_retry_ = kFirstRestoreRetry;
    last_complaint_.clear();
}

void Transactions::observe(const peer::Status& status, std::uint64_t epoch) {
    if (epoch == epoch_ && !activity_) repair(status);
}

void Transactions::repair(const peer::Status& status) {
    const auto& candidate = store_.get(Slot::candidate);
    const Held held{hash_of(candidate), hash_of(store_.get(Slot::current)),
                    hash_of(store_.get(Slot::previous))};
    FileResult done;
    std::string complaint;
    switch (reconcile(held, running_of(status))) {
        case Repair::none:
            restore_retry_ = kFirstRestoreRetry;
            break;
        case Repair::promote_candidate: {
            const auto* entry = history_.open(candidate->hash);
            const bool asked = entry != nullptr && entry->outcome == Outcome::unconfirmed;
            const auto hash = candidate->hash;
            done = store_.promote_candidate();
            if (!done) break;
            record(history_.settle(hash, asked ? Outcome::confirmed : Outcome::loaded,
                                   "found running, and written down late"));
            spdlog::warn("policy {} runs and is final: kept as current", policy::to_string(hash));
            break;
        }
        case Repair::discard_candidate: {
            const auto* entry = history_.open(candidate->hash);
            const bool ran = entry != nullptr && entry->outcome == Outcome::unconfirmed;
            spdlog::warn(
                "policy {} does not run: {}", policy::to_string(candidate->hash),
                ran ? "it was rolled back for want of a confirmation" : "its push was interrupted");
            drop_candidate(
                ran ? Outcome::rolled_back : Outcome::failed,
                ran ? "not confirmed in time" : "interrupted before the data plane ran it");
            return repair(status);  // without a candidate: this ends
        }
        case Repair::adopt_previous:
            done = store_.swap_previous();
            if (!done) break;
            spdlog::warn("the data plane has gone back to policy {}: kept as current",
                         policy::to_string(status.running));
            record(history_.add({unix_milliseconds(), "rollback", -1, 0,
                                 store_.get(Slot::current)->policy->topology_name,
                                 policy::to_string(status.running), Outcome::loaded,
                                 "found running, and written down late"}));
            break;
        case Repair::load_current:
            if (!activity_) restore();
            break;
        case Repair::unknown:
            complaint = "the data plane runs policy " + policy::to_string(status.running) +
                        ", which is not in the state directory: push its topology to take it over";
            break;
    }
    if (!done) complaint = done.error() + "; tried again";
    if (complaint.empty()) {
        last_complaint_.clear();
    } else if (complaint != last_complaint_) {
        spdlog::error("{}", complaint);
        last_complaint_ = complaint;
    }
}

void Transactions::restore() {
    if (EventLoop::Clock::now() < restore_not_before_) return;
    restore_not_before_ = EventLoop::Clock::now() + restore_retry_;
    restore_retry_ = std::min(restore_retry_ * 2, kLastRestoreRetry);

    const auto hash = store_.get(Slot::current)->hash;
    const auto image = store_.image(Slot::current);
    auto sealed = image ? seal_image(*image) : tl::make_unexpected(image.error());
    if (!sealed)
        return spdlog::error("the current policy cannot be given back: {}", sealed.error());
    begin({"restore", "loading", store_.get(Slot::current)->policy->topology_name, {}});
    spdlog::info("giving the data plane the current policy {}", policy::to_string(hash));
    peer::LoadImage load;
    load.image_bytes = image->size();
    load.hash = hash;
    link_.load_image(load, std::move(*sealed), [this, hash](const auto& result) {
        end();
        if (!result)
            spdlog::error("the data plane did not take the current policy: {}",
                          result.error().message);
        else if (result->hash != hash)
            spdlog::error("the data plane says it runs {} although it was given {}",
                          policy::to_string(result->hash), policy::to_string(hash));
        else
            spdlog::info("the data plane runs policy {} again", policy::to_string(hash));
        if (!result && result.error().kind == PeerError::Kind::timeout)
            link_.reset(result.error().message);
    });
}

}  // namespace portcullis::control
