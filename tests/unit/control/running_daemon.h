// A daemon on a thread of its own, between a fake data plane and clients, in a directory of its
// own.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "control/client.h"
#include "control/daemon.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/hand_made_policy.h"

namespace portcullis::control::testing {

using namespace std::chrono_literals;
using test::FakeDataplane;

// Nothing here takes that long; a machine under load may.
inline constexpr auto kPatience = 20s;

inline bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string name = std::filesystem::temp_directory_path() / "pc-control-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// A door that a compilation waits at.
class Gate {
  public:
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return open_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

// Text "bad": two errors. Any other: a small policy of that name.
inline CompileResult compile_by_name(const std::string& text, const std::string& name) {
    if (text == "bad")
        return tl::make_unexpected(
            topology::Diagnostics{{name, {3, 7}, "no key 'vipp'", "did you mean 'vip'?"},
                                  {name, {9, 1}, "no nodes", "add one"}});
    Compilation compilation;
    auto policy = test::small_policy();
    policy.topology_name = text;
    compilation.image = policy::write_image(policy);
    compilation.hash = policy::image_hash(compilation.image);
    compilation.findings = {{"duplicate", policy.rules.at(0).id, "covered"}};
    compilation.policy = std::make_shared<const policy::Policy>(std::move(policy));
    return compilation;
}

inline policy::ImageHash hash_of(const std::string& text) {
    return compile_by_name(text, text)->hash;
}

class RunningDaemon {
  public:
    explicit RunningDaemon(const DaemonOptions& options,
                           CompileFunction compile = compile_by_name) {
        auto started = Daemon::start(options, std::move(compile));
        if (!started) {
            error_ = started.error();
            return;
        }
        daemon_ = std::move(*started);
        thread_ = std::thread([this] { daemon_->run(); });
    }
    ~RunningDaemon() {
        if (!daemon_) return;
        daemon_->stop();
        thread_.join();
    }
    RunningDaemon(const RunningDaemon&) = delete;
    RunningDaemon& operator=(const RunningDaemon&) = delete;
    const std::string& error() const { return error_; }

  private:
    std::unique_ptr<Daemon> daemon_;
    std::thread thread_;
    std::string error_;
};

class DaemonTest : public ::testing::Test {
  protected:
    DaemonTest() {
        options_.socket = directory_.path() / "control.sock";
        options_.peer = directory_.path() / "peer.sock";
        options_.state_dir = directory_.path() / "state";
        options_.poll = 20ms;
        dataplane_ = std::make_unique<FakeDataplane>(options_.peer);
    }

    void start(CompileFunction compile = compile_by_name) {
        daemon_ = std::make_unique<RunningDaemon>(options_, std::move(compile));
        ASSERT_EQ(daemon_->error(), "");
    }
    void start_and_connect() {
        start();
        ASSERT_TRUE(eventually([this] { return connected(); }));
    }
    void stop() { daemon_.reset(); }

    RpcResult call(const std::string& method, const Json& params = Json::object()) const {
        auto client = Client::connect(options_.socket);
        if (!client) return tl::make_unexpected(RpcError{RpcCode::internal_error, client.error()});
        return client->call(method, params, kPatience);
    }
    RpcResult push(const std::string& text, unsigned confirm_seconds = 0) const {
        return call(
            "push",
            {{"topology", text}, {"name", text + ".yaml"}, {"confirm_seconds", confirm_seconds}});
    }
    bool connected() const {
        const auto status = call("status");
        return status && (*status)["dataplane"]["connected"] == true;
    }
    // The name of the policy in a slot, "" where it is empty.
    std::string stored(const std::string& slot) const {
        const auto status = call("status");
        if (!status || !(*status)["stored"][slot].is_object()) return {};
        return (*status)["stored"][slot]["name"];
    }
    Json last_history() const {
        const auto history = call("history");
        return history && !(*history)["history"].empty() ? (*history)["history"].back() : Json();
    }
    std::string last_outcome() const {
        const auto entry = last_history();
        return entry.is_object() ? entry["outcome"].get<std::string>() : std::string();
    }

    TemporaryDirectory directory_;
    DaemonOptions options_;
    std::unique_ptr<FakeDataplane> dataplane_;
    std::unique_ptr<RunningDaemon> daemon_;
};

}  // namespace portcullis::control::testing
