#include "dataplane/event_loop.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace portcullis::dataplane {
namespace {

// How long a packet for main waits in a ring at most.
constexpr int kWaitMilliseconds = 1;

void control(int epoll, int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (epoll_ctl(epoll, operation, fd, &event) != 0)
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

}  // namespace

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

void EventLoop::watch(int fd, std::uint32_t events, Callback callback) {
    control(epoll_.get(), EPOLL_CTL_ADD, fd, events);
    callbacks_[fd] = std::move(callback);
}

void EventLoop::change(int fd, std::uint32_t events) {
    control(epoll_.get(), EPOLL_CTL_MOD, fd, events);
}

void EventLoop::forget(int fd) {
    if (callbacks_.erase(fd) != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::run(const std::function<bool()>& round) {
    std::array<epoll_event, 16> ready;
    stopping_ = false;
    while (!stopping_) {
        const bool busy = round();
        const int count = epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()),
                                     busy ? 0 : kWaitMilliseconds);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = ready[static_cast<unsigned>(i)];
            // A callback before this one may have forgotten the descriptor.
            const auto found = callbacks_.find(event.data.fd);
            if (found == callbacks_.end()) continue;
            const Callback callback = found->second;
            callback(event.events);
        }
    }
}

}  // namespace portcullis::dataplane
