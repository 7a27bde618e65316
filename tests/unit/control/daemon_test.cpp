// Starting, being killed anywhere, and coming back; and what else the daemon does by itself.
#include "control/daemon.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

using OnLoad = FakeDataplane::OnLoad;

class DaemonRestart : public DaemonTest {
  protected:
    // What a daemon that was killed has left behind; "" for an empty slot.
    void leave(const std::string& candidate, const std::string& current,
               const std::string& previous, Outcome candidate_outcome = Outcome::under_way) const {
        auto store = Store::open(options_.state_dir);
        ASSERT_TRUE(store) << store.error();
        for (const auto& name : {previous, current, candidate}) {
            if (name.empty()) continue;
            const auto compilation = compile_by_name(name, name);
            ASSERT_TRUE(store->put_candidate(compilation->image,
                                             {compilation->hash, compilation->policy}, name));
            if (name != candidate) {
                ASSERT_TRUE(store->promote_candidate());
            }
        }
        if (candidate.empty()) return;
        History history(store->history_file());
        ASSERT_TRUE(history.add({unix_milliseconds(), "push", 0, 1, candidate,
                                 policy::to_string(hash_of(candidate)), candidate_outcome, ""}));
    }
    static peer::Hash running(const std::string& name) {
        return name.empty() ? peer::Hash{} : hash_of(name);
    }
    void settles_as(const std::string& current, const std::string& runs) {
        EXPECT_TRUE(eventually([&] {
            return dataplane_->status().running == running(runs) && stored("current") == current &&
                   stored("candidate").empty();
        })) << "current is "
            << stored("current") << ", candidate " << stored("candidate");
        // And stays so.
        std::this_thread::sleep_for(100ms);
        EXPECT_EQ(stored("current"), current);
        EXPECT_EQ(dataplane_->status().running, running(runs));
        EXPECT_EQ(dataplane_->complaint(), "");
    }
};

TEST_F(DaemonRestart, KilledBeforeTheHandOver) {
    leave("new", "old", "older");
    dataplane_->run(hash_of("old"), hash_of("older"));
    start();
    settles_as("old", "old");
    EXPECT_EQ(last_outcome(), "failed");
    EXPECT_EQ(dataplane_->loads(), 0U);
}

TEST_F(DaemonRestart, KilledBetweenTheHandOverAndTheRename) {
    leave("new", "old", "older");
    dataplane_->run(hash_of("new"), hash_of("old"));
    start();
    settles_as("new", "new");
    EXPECT_EQ(stored("previous"), "old");
    EXPECT_EQ(last_outcome(), "loaded");
    EXPECT_EQ(dataplane_->loads(), 0U);
}

TEST_F(DaemonRestart, KilledInTheFirstPushOfAll) {
    leave("new", "", "");
    start();
    settles_as("", "");
    stop();
    leave("new", "", "");
    dataplane_->run(hash_of("new"));
    start();
    settles_as("new", "new");
}

TEST_F(DaemonRestart, KilledWhileAConfirmationPends) {
    start_and_connect();
    ASSERT_TRUE(push("old"));
    ASSERT_TRUE(push("new", 60));
    stop();
    start_and_connect();
    std::this_thread::sleep_for(100ms);  // some polls
    EXPECT_EQ(stored("candidate"), "new");
    EXPECT_EQ(stored("current"), "old");
    EXPECT_EQ((*call("status"))["policy"]["name"], "new");
    ASSERT_TRUE(call("confirm"));
    EXPECT_EQ(stored("current"), "new");
    EXPECT_EQ(last_outcome(), "confirmed");
}

// The predecessor's hand-over may still come to something.
TEST_F(DaemonRestart, KilledWhileTheDataPlaneLoads) {
    options_.poll = 1h;  // but for the one when the link comes up
    leave("new", "old", "");
    dataplane_->run(hash_of("old"));
    peer::Status loading = dataplane_->status();
    loading.loading = 1;
    const auto bytes = std::as_bytes(std::span(&loading, 1));
    dataplane_->answer_status_with({bytes.begin(), bytes.end()});
    start_and_connect();
    EXPECT_EQ(stored("candidate"), "new");
    EXPECT_EQ(last_outcome(), "under-way");
}

TEST_F(DaemonRestart, ConfirmedWhileItWasAway) {
    start_and_connect();
    ASSERT_TRUE(push("old"));
    ASSERT_TRUE(push("new", 60));
    stop();
    dataplane_->finish_confirmation();
    start();
    settles_as("new", "new");
    EXPECT_EQ(last_outcome(), "confirmed");
}

TEST_F(DaemonRestart, RolledBackWhileItWasAway) {
    start_and_connect();
    ASSERT_TRUE(push("old"));
    ASSERT_TRUE(push("new", 60));
    stop();
    dataplane_->expire_confirmation();
    start();
    settles_as("old", "old");
    EXPECT_EQ(last_outcome(), "rolled-back");
}

TEST_F(DaemonRestart, KilledBetweenARollbackAndItsRename) {
    leave("", "new", "old");
    dataplane_->run(hash_of("old"), hash_of("new"));
    start();
    settles_as("old", "old");
    EXPECT_EQ(stored("previous"), "new");
    EXPECT_EQ(dataplane_->loads(), 0U);
}

TEST_F(DaemonRestart, TheDataPlaneRunsNothing) {
    leave("", "old", "");
    start();
    settles_as("old", "old");
    EXPECT_EQ(dataplane_->loads(), 1U);
}

TEST_F(DaemonRestart, TheDataPlaneRunsAStranger) {
    leave("new", "old", "older");
    dataplane_->run(hash_of("stranger"));
    start();
    settles_as("old", "old");
    EXPECT_EQ(dataplane_->loads(), 1U);
}

TEST_F(DaemonRestart, AStrangerIsLeftAloneWhereThereIsNothingToGive) {
    dataplane_->run(hash_of("stranger"));
    start_and_connect();
    std::this_thread::sleep_for(100ms);  // some polls
    EXPECT_EQ(dataplane_->status().running, hash_of("stranger"));
    EXPECT_EQ((*call("status"))["dataplane"]["running"], policy::to_string(hash_of("stranger")));
    EXPECT_TRUE(push("new"));
}

TEST_F(DaemonRestart, TheDataPlaneRestartsWithoutAPolicy) {
    start_and_connect();
    ASSERT_TRUE(push("old"));
    dataplane_->restart({});
    settles_as("old", "old");
    EXPECT_EQ(dataplane_->loads(), 2U);
}

TEST_F(DaemonRestart, TheDataPlaneRestartsBeforeAConfirmation) {
    start_and_connect();
    ASSERT_TRUE(push("old"));
    ASSERT_TRUE(push("new", 60));
    dataplane_->restart(hash_of("old"));  // what it reads is `current`
    settles_as("old", "old");
    EXPECT_EQ(last_outcome(), "rolled-back");
}

TEST_F(DaemonRestart, ARefusedRestoreIsTriedAgainButNotAllTheTime) {
    leave("", "old", "");
    dataplane_->on_load(OnLoad::refuse);
    start_and_connect();
    ASSERT_TRUE(eventually([&] { return dataplane_->loads() == 1; }));
    std::this_thread::sleep_for(300ms);  // many polls
    EXPECT_EQ(dataplane_->loads(), 1U);
    dataplane_->on_load(OnLoad::accept);
    settles_as("old", "old");
}

// The delays of the one before are not those of a data plane that has just come.
TEST_F(DaemonRestart, ANewDataPlaneIsGivenThePolicyAtOnce) {
    leave("", "old", "");
    dataplane_->on_load(OnLoad::refuse);
    start();
    ASSERT_TRUE(eventually([this] { return dataplane_->loads() == 2; }));  // the third: 2 s later
    const auto begin = std::chrono::steady_clock::now();
    dataplane_->on_load(OnLoad::accept);
    dataplane_->restart({});
    EXPECT_TRUE(eventually([this] { return dataplane_->status().running == hash_of("old"); }));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1500ms);
}

TEST_F(DaemonRestart, TheLinkIsBuiltAgain) {
    start_and_connect();
    dataplane_->stop_listening();
    ASSERT_TRUE(eventually([this] { return !connected(); }));
    const auto status = call("status");
    ASSERT_TRUE(status);
    EXPECT_NE((*status)["dataplane"]["error"].get<std::string>(), "");
    EXPECT_EQ(call("counters").error().code, RpcCode::unreachable);
    dataplane_->listen_again();
    EXPECT_TRUE(eventually([this] { return connected(); }));
}

// The delay doubles while nobody is there; it begins anew once the data plane has answered.
TEST_F(DaemonRestart, ALinkThatIsLostOftenIsTriedAgainSoon) {
    start_and_connect();
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned time = 1; time <= 9; ++time) {
        dataplane_->restart({});
        const auto pid = dataplane_->status().pid;
        ASSERT_TRUE(eventually([&] {
            const auto status = call("status");
            return status && (*status)["dataplane"]["connected"] == true &&
                   (*status)["dataplane"]["pid"] == pid;
        })) << time;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s) << "12 s if it only grew";
}

TEST_F(DaemonRestart, ADataPlaneThatIsStuckIsSaidToBe) {
    options_.timeouts.answer = 100ms;
    start_and_connect();
    dataplane_->mute(true);
    const auto status = call("status");
    ASSERT_TRUE(status);
    EXPECT_EQ((*status)["dataplane"]["connected"], true);
    EXPECT_NE((*status)["dataplane"]["error"].get<std::string>().find("100 ms"), std::string::npos);
    EXPECT_EQ(push("new").error().code, RpcCode::unreachable);
    EXPECT_EQ(call("nodes").error().code, RpcCode::unreachable);
    dataplane_->mute(false);
    EXPECT_TRUE(eventually([this] { return push("new").has_value(); }));
}

class DaemonStart : public DaemonTest {};

TEST_F(DaemonStart, ReplacesAStaleSocketAndRemovesItsOwn) {
    { auto stale = listen_unix(options_.socket, 1); }
    ASSERT_TRUE(std::filesystem::exists(options_.socket));
    start();
    EXPECT_TRUE(call("history"));
    stop();
    EXPECT_FALSE(std::filesystem::exists(options_.socket));
}

TEST_F(DaemonStart, LeavesALiveSocketAlone) {
    start();
    auto other = options_;
    other.state_dir = directory_.path() / "other";
    const RunningDaemon second(other);
    EXPECT_EQ(second.error(), "process " + std::to_string(::getpid()) + " listens on " +
                                  options_.socket +
                                  " already: stop it first or choose another --socket");
    EXPECT_TRUE(call("history"));
}

TEST_F(DaemonStart, LeavesOtherFilesAlone) {
    ASSERT_TRUE(write_file(options_.socket, "precious"));
    const RunningDaemon daemon(options_);
    EXPECT_NE(daemon.error().find("no socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(options_.socket));
}

TEST_F(DaemonStart, SaysWhatToDoWhereItCannotListen) {
    options_.socket = directory_.path() / "missing" / "control.sock";
    EXPECT_NE(RunningDaemon(options_).error().find("create its directory"), std::string::npos);
    options_.socket = std::string(200, 'x');
    EXPECT_NE(RunningDaemon(options_).error().find("107 bytes"), std::string::npos);
    options_.socket = directory_.path() / "control.sock";
    options_.group = "no such group";
    EXPECT_NE(RunningDaemon(options_).error().find("--group"), std::string::npos);
}

// Who is served, told by who they are and not only by the mode of the socket's file.
class DaemonAdmission : public DaemonTest {
  protected:
    static constexpr uid_t kNobody = 65534;

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
        ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
    }
    void start_open_to_all() {
        start();
        ASSERT_EQ(::chmod(options_.socket.c_str(), 0666), 0);
    }
    enum Answer { kServed, kTurnedAway, kNothing };
    // What a process of that user and those groups gets.
    Answer answer_to(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        options_.socket.copy(address.sun_path, sizeof address.sun_path - 1);
        constexpr std::string_view kRequest =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"denies\"}\n";
        const pid_t child = ::fork();  // system calls only: other threads may hold locks
        if (child == 0) {
            std::array<char, 4096> answer{};
            const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
            if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(gid, gid, gid) != 0 ||
                ::setresuid(uid, uid, uid) != 0 ||
                ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
                ::_exit(kNothing);
            (void)::send(socket, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
            if (::recv(socket, answer.data(), answer.size() - 1, 0) <= 0) ::_exit(kNothing);
            ::_exit(::strstr(answer.data(), "\"result\"") != nullptr ? kServed : kTurnedAway);
        }
        int status = 0;
        if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return kNothing;
        return static_cast<Answer>(WEXITSTATUS(status));
    }
};

TEST_F(DaemonAdmission, WithoutAGroupOnlyRootAndTheDaemonsUser) {
    start_open_to_all();
    EXPECT_EQ(answer_to(0, 0, {}), kServed);
    EXPECT_EQ(answer_to(0, kNobody, {}), kServed);
    EXPECT_EQ(answer_to(kNobody, kNobody, {}), kTurnedAway);
    EXPECT_EQ(answer_to(kNobody, 0, {0}), kTurnedAway);
}

TEST_F(DaemonAdmission, AGroupIsServedByAnyOfItsMembersGroups) {
    constexpr gid_t kDaemon = 1;  // of every Debian
    options_.group = "daemon";
    start_open_to_all();
    struct stat info {};
    ASSERT_EQ(::stat(options_.socket.c_str(), &info), 0);
    EXPECT_EQ(info.st_gid, kDaemon);
    EXPECT_EQ(answer_to(0, 0, {}), kServed);
    EXPECT_EQ(answer_to(kNobody, kDaemon, {}), kServed);
    EXPECT_EQ(answer_to(kNobody, kNobody, {kNobody, 2, kDaemon, 3}), kServed);
    EXPECT_EQ(answer_to(kNobody, kNobody, {kNobody, 2, 3}), kTurnedAway);
    std::vector<gid_t> many(200);  // more than are read at once
    for (gid_t i = 0; i < many.size(); ++i) many[i] = 1000 + i;
    EXPECT_EQ(answer_to(kNobody, kNobody, many), kTurnedAway);
    many.back() = kDaemon;
    EXPECT_EQ(answer_to(kNobody, kNobody, many), kServed);
}

}  // namespace
}  // namespace portcullis::control::testing
