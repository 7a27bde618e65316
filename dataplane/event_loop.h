// Main's event loop: file descriptors by epoll, and a round in between, at least once a
// millisecond, for the rings that only polling can see.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "dataplane/file_descriptor.h"

namespace portcullis::dataplane {

class EventLoop {
  public:
    EventLoop();  // throws std::system_error where the kernel has no epoll left
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // `events`: EPOLLIN, EPOLLOUT. The callback may watch and forget, itself too.
    using Callback = std::function<void(std::uint32_t events)>;
    void watch(int fd, std::uint32_t events, Callback callback);
    void change(int fd, std::uint32_t events);
    void forget(int fd);

    // Until stop(). `round` says whether it found work: then it is called again without waiting.
    void run(const std::function<bool()>& round);
    void stop() { stopping_ = true; }

  private:
    FileDescriptor epoll_;
    std::map<int, Callback> callbacks_;
    bool stopping_ = false;
};

}  // namespace portcullis::dataplane
