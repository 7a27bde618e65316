// The loader thread: the only one that publishes a policy.
//
//     main: submit() ─► loader: prepare ─ publish ─ wait for every worker ─► main: take_events()
//
// A load that fails in any step leaves the running policy untouched. A load with a confirm time
// that is not confirmed in time is rolled back by the loader itself, so that a dead control process
// cannot keep a policy that cut it off. Rollback goes to the last policy that was final: pushes
// that were waiting for their confirmation are skipped.
//
// What it replaced it gives to main, which counts the rule hits and destroys it.
#pragma once

#include <rte_rcu_qsbr.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/active_policy.h"
#include "dataplane/file_descriptor.h"
#include "dataplane/policy/prepare.h"
#include "rules/peer/messages.h"

namespace portcullis::dataplane {

struct LoadRequest {
    enum class Kind : std::uint8_t { file, image, confirm, rollback };
    Kind kind = Kind::confirm;
    std::uint64_t ticket = 0;  // given back with the event; 0: nobody waits
    std::string path;          // file: an image that has been verified before, e.g. at start
    FileDescriptor memfd;      // image
    std::uint64_t image_bytes = 0;
    policy::ImageHash hash{};
    std::uint32_t confirm_seconds = 0;
};

// What runs now, as the loader last left it.
struct LoadedState {
    ActivePolicy* active = nullptr;  // null: no policy. Valid until main destroys it as `retired`
    policy::ImageHash running{};
    policy::ImageHash previous{};  // what rollback goes back to; zero: nothing
    std::uint32_t generation = 0;
    std::optional<std::chrono::steady_clock::time_point> confirm_by;
    std::chrono::steady_clock::time_point since{};
};

struct LoadEvent {
    std::uint64_t ticket = 0;
    peer::Outcome outcome = peer::Outcome::ok;
    std::string text;  // why not, or what happened: one sentence
    LoadedState state;
    std::unique_ptr<ActivePolicy> retired;
};

// Where tests hold a load still. Called on the loader thread.
class LoadLatches {
  public:
    virtual ~LoadLatches() = default;
    virtual void before_publish() {}
    virtual void after_publish() {}  // some workers may still be in a burst under the old policy
};

class PolicyLoader {
  public:
    // Main, after start_eal(). `slot` and `qsbr` outlive the loader. `latches` may be null.
    PolicyLoader(PolicyTarget target, PolicySlot& slot, rte_rcu_qsbr* qsbr,
                 LoadLatches* latches = nullptr);
    // The published policy goes with the loader: first stop(), then stop the workers, then destroy.
    ~PolicyLoader();
    PolicyLoader(const PolicyLoader&) = delete;
    PolicyLoader& operator=(const PolicyLoader&) = delete;

    // Main. Waits for the load in hand, which needs the workers to run; no event comes after it.
    void stop();
    // Main. False: another request is still being worked on.
    bool submit(LoadRequest request);
    // Main: readable (an eventfd) when there are events.
    int event_fd() const { return wake_main_.get(); }
    std::vector<LoadEvent> take_events();

  private:
    struct Image {
        ImageBytes bytes;
        policy::ImageHash hash{};
    };

    void run();
    std::optional<LoadRequest> next_request();
    LoadEvent try_serve(LoadRequest& request);
    LoadEvent serve(LoadRequest& request);
    LoadEvent time_out();
    LoadEvent load(ImageBytes bytes, const std::optional<policy::ImageHash>& meant,
                   std::uint32_t confirm_seconds);
    LoadEvent confirm();
    LoadEvent roll_back(const std::string& why);
    LoadEvent done(peer::Outcome outcome, std::string text);
    std::unique_ptr<ActivePolicy> publish(std::unique_ptr<ActivePolicy> next);
    void post(LoadEvent event);

    const PolicyTarget target_;
    PolicySlot& slot_;
    rte_rcu_qsbr* const qsbr_;
    LoadLatches* const latches_;

    // The loader thread's own.
    std::unique_ptr<ActivePolicy> active_;
    std::optional<Image> running_;
    std::optional<Image> final_;  // what rollback goes to, where that is not `running_`
    LoadedState state_;
    std::uint32_t last_generation_ = 0;

    // Between main and the loader.
    std::mutex mutex_;
    std::condition_variable wake_loader_;
    bool stop_ = false;
    bool busy_ = false;
    std::optional<LoadRequest> request_;
    std::deque<LoadEvent> events_;
    FileDescriptor wake_main_;

    std::thread thread_;  // last: everything else is there when it starts
};

}  // namespace portcullis::dataplane
