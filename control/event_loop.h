// The daemon's event loop: descriptors, timers, and work posted by other threads.
//
// One thread runs it, and everything but post() and stop() is called on that thread (or before
// run()). Handlers may add and remove anything, themselves too: ids are never used again, so an
// event that was already fetched for a removed watch is dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "control/fd.h"

namespace portcullis::control {

class EventLoop {
  public:
    using Clock = std::chrono::steady_clock;
    using Duration = std::chrono::milliseconds;
    using Id = std::uint64_t;  // 0 is none
    using Task = std::function<void()>;

    EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Level-triggered. The handler also runs on errors and hang-ups; reading or writing then says
    // which. The descriptor stays the caller's: remove() before closing it.
    Id watch(int fd, bool readable, bool writable, Task ready);
    void change(Id watch, bool readable, bool writable);
    void remove(Id watch);

    Id after(Duration delay, Task task);
    void cancel(Id timer);

    // Until stop(). Tasks posted but not yet run are dropped with the loop.
    void run();
    // Any thread.
    void post(Task task);
    void stop();

  private:
    struct Watch {
        int fd;
        Task ready;
    };

    void wake();
    void run_posted();
    void run_timers();
    int milliseconds_to_next_timer() const;

    Fd epoll_;
    Fd wake_;
    Id next_id_ = 1;
    std::map<Id, std::shared_ptr<Watch>> watches_;
    std::map<std::pair<Clock::time_point, Id>, Task> timers_;
    std::map<Id, Clock::time_point> timer_times_;

    std::mutex mutex_;  // guards the two below, written by any thread
    std::vector<Task> posted_;
    bool stopping_ = false;
};

}  // namespace portcullis::control
