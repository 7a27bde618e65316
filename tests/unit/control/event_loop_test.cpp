#include "control/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "control/background.h"

namespace portcullis::control {
namespace {

using namespace std::chrono_literals;

Fd ready_descriptor() {
    return Fd(eventfd(1, EFD_NONBLOCK));
}

TEST(EventLoop, RunsTimersInOrderAndNotTheCancelled) {
    EventLoop loop;
    std::string order;
    loop.after(30ms, [&] {
        order += 'c';
        loop.stop();
    });
    loop.after(1ms, [&] { order += 'a'; });
    const auto cancelled = loop.after(5ms, [&] { order += 'x'; });
    loop.after(10ms, [&] { order += 'b'; });
    loop.cancel(cancelled);
    loop.cancel(cancelled);
    loop.cancel(0);
    loop.run();
    EXPECT_EQ(order, "abc");
}

TEST(EventLoop, AHandlerMayRemoveItselfAndOthers) {
    EventLoop loop;
    const auto a = ready_descriptor();
    const auto b = ready_descriptor();
    int calls = 0;
    EventLoop::Id first = 0;
    EventLoop::Id second = 0;
    const auto handler = [&] {
        ++calls;
        loop.remove(first);
        loop.remove(second);
        loop.after(10ms, [&] { loop.stop(); });
    };
    first = loop.watch(a.get(), true, false, handler);
    second = loop.watch(b.get(), true, false, handler);
    loop.run();
    EXPECT_EQ(calls, 1);
}

TEST(EventLoop, TakesTasksOfOtherThreads) {
    EventLoop loop;
    std::atomic<int> sent{0};
    int received = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int j = 0; j < 500; ++j) {
                ++sent;
                loop.post([&] {
                    if (++received == 2000) loop.stop();
                });
            }
        });
    loop.run();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(received, 2000);
}

TEST(EventLoop, AStopBeforeItRunsIsKept) {
    EventLoop loop;
    loop.stop();
    loop.run();
}

TEST(Background, RunsJobsElsewhereAndTheirEndsOnTheLoop) {
    EventLoop loop;
    const auto here = std::this_thread::get_id();
    std::thread::id job;
    std::thread::id end;
    Background background(loop);
    background.run([&] {
        job = std::this_thread::get_id();
        return [&] {
            end = std::this_thread::get_id();
            loop.stop();
        };
    });
    loop.run();
    EXPECT_NE(job, here);
    EXPECT_EQ(end, here);
}

}  // namespace
}  // namespace portcullis::control
