// One thread for work that would hold the event loop up: compiling a topology.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "control/event_loop.h"

namespace portcullis::control {

class Background {
  public:
    // The loop must outlive this.
    explicit Background(EventLoop& loop) : loop_(loop), thread_([this] { work(); }) {}
    // Waits for the job that is running; those behind it are dropped.
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // `job` runs on the thread and must touch nothing that the loop's thread uses; the task that it
    // returns runs on the loop.
    void run(std::function<EventLoop::Task()> job);

  private:
    void work();

    EventLoop& loop_;
    std::mutex mutex_;  // guards the two below
    std::deque<std::function<EventLoop::Task()>> jobs_;
    bool stopping_ = false;
    std::condition_variable changed_;
    std::thread thread_;  // last: it starts when all else is there
};

}  // namespace portcullis::control
