// portcullis-control: its parts, put together, on one event loop.
//
//     auto daemon = Daemon::start(options, compile_topology);
//     if (!daemon) { say(daemon.error()); return 1; }
//     (*daemon)->run();      // until stop()
//
// A second thread compiles (background.h); everything else is on the thread that calls run().
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "control/background.h"
#include "control/methods.h"

namespace portcullis::control {

struct DaemonOptions {
    std::string socket = "/run/portcullis/control.sock";
    std::string peer = "/run/portcullis/peer.sock";
    std::filesystem::path state_dir = "/var/lib/portcullis";
    std::string group;         // whose members may use the socket; empty: root and this user only
    unsigned deny_lines = 20;  // a second, in the log
    EventLoop::Duration poll{1000};  // how often the data plane is asked for its status and denies
    PeerLink::Timeouts timeouts;
    ServerLimits limits;
};

class Daemon {
  public:
    // The error is one line that says what to do.
    static tl::expected<std::unique_ptr<Daemon>, std::string> start(const DaemonOptions& options,
                                                                    CompileFunction compile);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    void run() { loop_.run(); }
    void stop() { loop_.stop(); }  // any thread
    // For signals; before run().
    EventLoop& loop() { return loop_; }

  private:
    Daemon(const DaemonOptions& options, Store store, Fd listener, std::optional<gid_t> group,
           CompileFunction compile);
    void link_changed();
    void poll();
    void polled(const tl::expected<peer::Status, PeerError>& status, std::uint64_t epoch);
    void schedule_poll();

    DaemonOptions options_;
    EventLoop loop_;  // outlives all that watches with it
    Store store_;
    History history_;
    PeerLink link_;
    Background background_;
    Transactions transactions_;
    DenyLog denies_;
    Methods methods_;
    RpcServer server_;
    EventLoop::Id poll_timer_ = 0;
    bool poll_under_way_ = false;
    std::uint32_t dataplane_pid_ = 0;
    std::uint64_t dataplane_uptime_ = 0;
};

}  // namespace portcullis::control
