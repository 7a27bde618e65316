#include "control/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

namespace portcullis::control {
namespace {

std::uint32_t interest(bool readable, bool writable) {
    return (readable ? EPOLLIN | EPOLLRDHUP : 0U) | (writable ? EPOLLOUT : 0U);
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!epoll_ || !wake_) throw std::system_error(errno, std::generic_category(), "event loop");
    watch(wake_.get(), true, false, [this] {
        std::uint64_t count = 0;
        while (::read(wake_.get(), &count, sizeof count) > 0) {
        }
    });
}

EventLoop::Id EventLoop::watch(int fd, bool readable, bool writable, Task ready) {
    const Id id = next_id_++;
    epoll_event event{};
    event.events = interest(readable, writable);
    event.data.u64 = id;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        throw std::system_error(errno, std::generic_category(), "watching a descriptor");
    watches_.emplace(id, std::make_shared<Watch>(Watch{fd, std::move(ready)}));
    return id;
}

void EventLoop::change(Id watch, bool readable, bool writable) {
    const auto found = watches_.find(watch);
    if (found == watches_.end()) return;
    epoll_event event{};
    event.events = interest(readable, writable);
    event.data.u64 = watch;
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second->fd, &event);
}

void EventLoop::remove(Id watch) {
    const auto found = watches_.find(watch);
    if (found == watches_.end()) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->fd, nullptr);
    watches_.erase(found);
}

EventLoop::Id EventLoop::after(Duration delay, Task task) {
    const Id id = next_id_++;
    const auto when = Clock::now() + delay;
    timers_.emplace(std::pair{when, id}, std::move(task));
    timer_times_.emplace(id, when);
    return id;
}

void EventLoop::cancel(Id timer) {
    const auto found = timer_times_.find(timer);
    if (found == timer_times_.end()) return;
    timers_.erase({found->second, timer});
    timer_times_.erase(found);
}

void EventLoop::wake() {
    const std::uint64_t one = 1;
    // The counter cannot overflow; a full one would wake the loop all the same.
    if (::write(wake_.get(), &one, sizeof one) < 0) return;
}

void EventLoop::post(Task task) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    wake();
}

void EventLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake();
}

void EventLoop::run_posted() {
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (auto& task : tasks) task();
}

void EventLoop::run_timers() {
    const auto now = Clock::now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
        auto due = timers_.extract(timers_.begin());
        timer_times_.erase(due.key().second);
        due.mapped()();
    }
}

int EventLoop::milliseconds_to_next_timer() const {
    if (timers_.empty()) return -1;
    const auto left = timers_.begin()->first.first - Clock::now();
    // Rounded up, so that the loop does not spin through the last fraction of a millisecond.
    const auto milliseconds = std::chrono::ceil<Duration>(left).count();
    return static_cast<int>(
        std::clamp<std::int64_t>(milliseconds, 0, std::numeric_limits<int>::max()));
}

void EventLoop::run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
        }
        const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                     milliseconds_to_next_timer());
        if (count < 0 && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "epoll_wait");
        for (int i = 0; i < count; ++i) {
            // Copied: epoll_event is packed, so no reference may be made to what is in it.
            const Id id = events.at(static_cast<std::size_t>(i)).data.u64;
            const auto found = watches_.find(id);
            if (found == watches_.end()) continue;
            const auto watch = found->second;  // lives on while its handler removes it
            watch->ready();
        }
        run_posted();
        run_timers();
    }
}

}  // namespace portcullis::control
