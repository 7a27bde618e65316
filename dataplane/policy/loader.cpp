#include "dataplane/policy/loader.h"

#include <rte_lcore.h>
#include <sys/eventfd.h>

#include <new>

namespace portcullis::dataplane {

using peer::Outcome;
using std::chrono::steady_clock;

PolicyLoader::PolicyLoader(PolicyTarget target, PolicySlot& slot, rte_rcu_qsbr* qsbr,
                           LoadLatches* latches)
    : target_(std::move(target)),
      slot_(slot),
      qsbr_(qsbr),
      latches_(latches),
      wake_main_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

PolicyLoader::~PolicyLoader() {
    stop();
    slot_.store(nullptr, std::memory_order_release);
}

void PolicyLoader::stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_loader_.notify_one();
    if (thread_.joinable()) thread_.join();
}

bool PolicyLoader::submit(LoadRequest request) {
    {
        const std::lock_guard lock(mutex_);
        if (busy_) return false;
        busy_ = true;
        request_ = std::move(request);
    }
    wake_loader_.notify_one();
    return true;
}

std::vector<LoadEvent> PolicyLoader::take_events() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t read_bytes = read(wake_main_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    std::vector<LoadEvent> events(std::make_move_iterator(events_.begin()),
                                  std::make_move_iterator(events_.end()));
    events_.clear();
    return events;
}

void PolicyLoader::post(LoadEvent event) {
    {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
        busy_ = false;
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_main_.get(), &one, sizeof one);
}

// The next request; nullopt when the confirm time has passed or it is time to stop.
std::optional<LoadRequest> PolicyLoader::next_request() {
    std::unique_lock lock(mutex_);
    const auto awake = [this] { return stop_ || request_.has_value(); };
    if (state_.confirm_by)
        wake_loader_.wait_until(lock, *state_.confirm_by, awake);
    else
        wake_loader_.wait(lock, awake);
    if (!request_) {
        if (!stop_) busy_ = true;
        return std::nullopt;
    }
    return std::exchange(request_, std::nullopt);
}

void PolicyLoader::run() {
    // As an lcore the thread has caches of its own in DPDK's pools; without, it still works.
    rte_thread_register();
    for (;;) {
        std::optional<LoadRequest> request = next_request();
        if (request) {
            LoadEvent event = try_serve(*request);
            event.ticket = request->ticket;
            post(std::move(event));
            continue;
        }
        {
            const std::lock_guard lock(mutex_);
            if (stop_) break;
        }
        post(time_out());
    }
    rte_thread_unregister();
}

// Memory can run out only before anything is published.
LoadEvent PolicyLoader::try_serve(LoadRequest& request) {
    try {
        return serve(request);
    } catch (const std::bad_alloc&) {
        return done(Outcome::failed, "out of memory while the policy was built");
    }
}

LoadEvent PolicyLoader::time_out() {
    try {
        return roll_back("not confirmed in time: rolled back");
    } catch (const std::bad_alloc&) {
        state_.confirm_by.reset();
        return done(Outcome::failed, "out of memory while the policy was rolled back: it stays");
    }
}

LoadEvent PolicyLoader::serve(LoadRequest& request) {
    switch (request.kind) {
        case LoadRequest::Kind::confirm:
            return confirm();
        case LoadRequest::Kind::rollback:
            return roll_back("rolled back");
        case LoadRequest::Kind::file: {
            auto bytes = read_image_file(request.path);
            if (!bytes) return done(Outcome::failed, std::move(bytes.error()));
            if (!*bytes) return done(Outcome::ok, "there is no " + request.path);
            return load(std::move(**bytes), std::nullopt, 0);
        }
        case LoadRequest::Kind::image: {
            auto bytes = read_sealed(request.memfd.get(), request.image_bytes);
            if (!bytes) return done(Outcome::refused, std::move(bytes.error()));
            return load(std::move(*bytes), request.hash, request.confirm_seconds);
        }
    }
    return done(Outcome::failed, "unknown request");
}

LoadEvent PolicyLoader::load(ImageBytes bytes, const std::optional<policy::ImageHash>& meant,
                             std::uint32_t confirm_seconds) {
    const auto pending = [&] {
        return confirm_seconds == 0
                   ? std::nullopt
                   : std::optional(steady_clock::now() + std::chrono::seconds(confirm_seconds));
    };
    if (running_ && running_->bytes == bytes) {
        // Sent again. Where it was final already there is nothing to go back from.
        if (state_.confirm_by) state_.confirm_by = pending();
        return done(Outcome::ok, "it ran already");
    }
    auto next = prepare(bytes, meant, last_generation_ + 1,
                        active_ ? active_->policy.get() : nullptr, target_);
    if (!next) return done(Outcome::refused, std::move(next.error()));
    const policy::ImageHash hash = (*next)->policy->hash();
    auto retired = publish(std::move(*next));

    if (!state_.confirm_by) final_ = std::move(running_);
    running_ = Image{std::move(bytes), hash};
    state_.confirm_by = pending();
    LoadEvent event = done(Outcome::ok, "");
    event.retired = std::move(retired);
    return event;
}

LoadEvent PolicyLoader::confirm() {
    if (!state_.confirm_by) return done(Outcome::refused, "nothing waits to be confirmed");
    state_.confirm_by.reset();
    return done(Outcome::ok, "");
}

LoadEvent PolicyLoader::roll_back(const std::string& why) {
    if (!final_ && !state_.confirm_by)
        return done(Outcome::refused, "there is no policy to go back to");
    std::unique_ptr<ActivePolicy> next;
    if (final_) {
        auto prepared = prepare(final_->bytes, final_->hash, last_generation_ + 1,
                                active_->policy.get(), target_);
        if (!prepared) {
            // The image has run before, so this is the machine's fault (memory). Keep what runs.
            state_.confirm_by.reset();
            return done(Outcome::failed,
                        "the previous policy cannot be loaded any more: " + prepared.error());
        }
        next = std::move(*prepared);
    }
    auto retired = publish(std::move(next));
    running_ = std::exchange(final_, std::nullopt);
    state_.confirm_by.reset();
    LoadEvent event = done(Outcome::ok, why);
    event.retired = std::move(retired);
    return event;
}

// The steps of a swap. Returns the policy that ran before, which no worker reads any more.
std::unique_ptr<ActivePolicy> PolicyLoader::publish(std::unique_ptr<ActivePolicy> next) {
    if (latches_ != nullptr) latches_->before_publish();
    slot_.store(next.get(), std::memory_order_release);
    if (latches_ != nullptr) latches_->after_publish();
    rte_rcu_qsbr_synchronize(qsbr_, RTE_QSBR_THRID_INVALID);
    std::swap(active_, next);
    if (active_) last_generation_ = active_->policy->generation();
    state_.since = steady_clock::now();
    return next;
}

LoadEvent PolicyLoader::done(Outcome outcome, std::string text) {
    state_.active = active_.get();
    state_.running = running_ ? running_->hash : policy::ImageHash{};
    state_.previous = final_ ? final_->hash : policy::ImageHash{};
    state_.generation = active_ ? active_->policy->generation() : 0;
    LoadEvent event;
    event.outcome = outcome;
    event.text = std::move(text);
    event.state = state_;
    return event;
}

}  // namespace portcullis::dataplane
