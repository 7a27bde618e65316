// Pushing, confirming and rolling back, against a data plane that behaves and one that does not.
#include "control/transactions.h"

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

using OnLoad = FakeDataplane::OnLoad;

class Transactions : public DaemonTest {};

TEST_F(Transactions, APushRunsAndIsKept) {
    start_and_connect();
    const auto answer = push("alpha");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["state"], "loaded");
    EXPECT_EQ((*answer)["name"], "alpha");
    EXPECT_EQ((*answer)["generation"], 1);
    EXPECT_EQ((*answer)["hash"], policy::to_string(hash_of("alpha")));
    EXPECT_EQ((*answer)["rules"], test::small_policy().rules.size());
    EXPECT_EQ((*answer)["findings"][0]["text"], "covered");
    EXPECT_EQ(dataplane_->status().running, hash_of("alpha"));
    EXPECT_EQ(dataplane_->complaint(), "");
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "");
    EXPECT_EQ(last_outcome(), "loaded");

    ASSERT_TRUE(push("beta"));
    EXPECT_EQ(stored("current"), "beta");
    EXPECT_EQ(stored("previous"), "alpha");
    // What the data plane reads at its start is the policy that runs.
    const auto image = read_file(options_.state_dir / "current", policy::kMaxImageBytes);
    ASSERT_TRUE(image);
    EXPECT_EQ(policy::image_hash(*image), dataplane_->status().running);
    const auto text = read_file(
        options_.state_dir / "topologies" / (policy::to_string(hash_of("beta")) + ".yaml"), 1000);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->size(), 4U);
}

TEST_F(Transactions, ErrorsOfTheTopologyChangeNothing) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    const auto answer = push("bad");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::topology);
    ASSERT_EQ(answer.error().data.size(), 2U);
    EXPECT_EQ(answer.error().data[0]["file"], "bad.yaml");
    EXPECT_EQ(answer.error().data[0]["line"], 3);
    EXPECT_EQ(answer.error().data[0]["column"], 7);
    EXPECT_EQ(answer.error().data[0]["hint"], "did you mean 'vip'?");
    EXPECT_EQ(dataplane_->loads(), 1U);
    EXPECT_EQ(dataplane_->status().running, hash_of("alpha"));
}

TEST_F(Transactions, ADryRunAsksNobody) {
    dataplane_.reset();
    start();
    const auto answer =
        call("push", {{"topology", "alpha"}, {"name", "a.yaml"}, {"dry_run", true}});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["state"], "dry-run");
    EXPECT_EQ(last_history(), Json());
}

TEST_F(Transactions, ThePolicyThatRunsIsNotLoadedAgain) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    const auto answer = push("alpha");
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)["state"], "unchanged");
    EXPECT_EQ(dataplane_->loads(), 1U);
}

TEST_F(Transactions, ARefusalSaysWhyAndChangesNothing) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    dataplane_->on_load(OnLoad::refuse);
    const auto answer = push("beta");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::refused);
    EXPECT_EQ(answer.error().message, "device 'wan' of the policy is not in dataplane.conf");
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "");
    EXPECT_EQ(last_outcome(), "refused");
    dataplane_->on_load(OnLoad::say_busy);
    const auto second = push("beta");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, RpcCode::busy);
    EXPECT_EQ(stored("current"), "alpha");
}

TEST_F(Transactions, AnotherHashThanTheOneMeantFailsAndCurrentIsGivenBack) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    dataplane_->on_load(OnLoad::lie);
    const auto answer = push("beta");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::failed);
    EXPECT_NE(answer.error().message.find(policy::to_string(hash_of("beta"))), std::string::npos);
    dataplane_->on_load(OnLoad::accept);
    EXPECT_TRUE(eventually([&] { return dataplane_->status().running == hash_of("alpha"); }));
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "");
    EXPECT_EQ(last_outcome(), "failed");
}

TEST_F(Transactions, WithoutADataPlaneNothingIsPushed) {
    dataplane_->stop_listening();
    start();
    const auto answer = push("alpha");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::unreachable);
    EXPECT_EQ(stored("candidate"), "");
    dataplane_->listen_again();
    ASSERT_TRUE(eventually([this] { return connected(); }));
    EXPECT_TRUE(push("alpha"));
}

TEST_F(Transactions, AHangingLoadIsGivenUpAndSettledLater) {
    options_.timeouts.load = 200ms;
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    dataplane_->on_load(OnLoad::hang);
    const auto answer = push("beta");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::unsettled);
    EXPECT_NE(answer.error().message.find("200 ms"), std::string::npos);
    EXPECT_TRUE(eventually([this] { return last_outcome() == "failed"; }));
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "");
}

TEST_F(Transactions, StatusAnswersWhileALoadHangs) {
    options_.timeouts.load = 3s;
    start_and_connect();
    dataplane_->on_load(OnLoad::hang);
    auto pushing = std::async(std::launch::async, [this] { return push("beta"); });
    ASSERT_TRUE(eventually([this] { return dataplane_->loads() == 1; }));
    const auto status = call("status");
    ASSERT_TRUE(status);
    EXPECT_EQ((*status)["control"]["activity"]["stage"], "loading");
    EXPECT_FALSE(pushing.get());
}

TEST_F(Transactions, ALinkLostBeforeTheLoadIsSettledAsFailed) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    dataplane_->on_load(OnLoad::lose);
    const auto answer = push("beta");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::unsettled);
    EXPECT_TRUE(eventually([this] { return last_outcome() == "failed"; }));
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(dataplane_->status().running, hash_of("alpha"));
}

TEST_F(Transactions, ALinkLostAfterTheLoadIsSettledAsLoaded) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    dataplane_->on_load(OnLoad::take_and_lose);
    const auto answer = push("beta");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::unsettled);
    EXPECT_TRUE(eventually([this] { return last_outcome() == "loaded"; }));
    EXPECT_EQ(stored("current"), "beta");
    EXPECT_EQ(stored("previous"), "alpha");
}

TEST_F(Transactions, OnePushAtATimeAndStatusAnswersMeanwhile) {
    const auto gate = std::make_shared<Gate>();
    start([gate](const std::string& text, const std::string& name) {
        gate->pass();
        return compile_by_name(text, name);
    });
    ASSERT_TRUE(eventually([this] { return connected(); }));
    auto first = std::async(std::launch::async, [this] { return push("alpha"); });
    ASSERT_TRUE(
        eventually([this] { return (*call("status"))["control"]["activity"].is_object(); }));
    const auto status = call("status");
    EXPECT_EQ((*status)["control"]["activity"]["stage"], "compiling");
    const auto second = push("beta");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, RpcCode::busy);
    EXPECT_EQ(second.error().message,
              "busy: push by pid " + std::to_string(::getpid()) + " in progress");
    EXPECT_EQ(call("rollback").error().code, RpcCode::busy);
    EXPECT_EQ(call("confirm").error().code, RpcCode::busy);
    gate->open();
    EXPECT_TRUE(first.get());
    EXPECT_EQ(dataplane_->status().running, hash_of("alpha"));
}

TEST_F(Transactions, APushGoesOnWhenItsClientIsGone) {
    const auto gate = std::make_shared<Gate>();
    start([gate](const std::string& text, const std::string& name) {
        gate->pass();
        return compile_by_name(text, name);
    });
    ASSERT_TRUE(eventually([this] { return connected(); }));
    {
        auto client = Client::connect(options_.socket);
        ASSERT_TRUE(client);
        EXPECT_FALSE(client->call("push", {{"topology", "alpha"}, {"name", "a"}}, 100ms));
    }
    gate->open();
    EXPECT_TRUE(eventually([this] { return stored("current") == "alpha"; }));
}

TEST_F(Transactions, AConfirmedPolicyBecomesCurrent) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    const auto answer = push("beta", 60);
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)["state"], "unconfirmed");
    EXPECT_EQ((*answer)["confirm_seconds"], 60);
    EXPECT_EQ(stored("candidate"), "beta");
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(last_outcome(), "unconfirmed");

    const auto meanwhile = push("gamma");
    ASSERT_FALSE(meanwhile);
    EXPECT_EQ(meanwhile.error().code, RpcCode::busy);

    const auto confirmed = call("confirm");
    ASSERT_TRUE(confirmed) << confirmed.error().message;
    EXPECT_EQ((*confirmed)["name"], "beta");
    EXPECT_EQ(stored("candidate"), "");
    EXPECT_EQ(stored("current"), "beta");
    EXPECT_EQ(last_outcome(), "confirmed");

    const auto again = call("confirm");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, RpcCode::refused);
}

TEST_F(Transactions, AnAutomaticRollbackIsNoticed) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    ASSERT_TRUE(push("beta", 60));
    dataplane_->expire_confirmation();
    EXPECT_TRUE(eventually([this] { return last_outcome() == "rolled-back"; }));
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "");
    EXPECT_EQ(dataplane_->loads(), 2U);
}

TEST_F(Transactions, ARollbackOfAnUnconfirmedPolicyDropsIt) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    ASSERT_TRUE(push("beta", 60));
    const auto answer = call("rollback");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["name"], "alpha");
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "");
}

TEST_F(Transactions, ARollbackOfTheFirstUnconfirmedPolicyLeavesNone) {
    start_and_connect();
    ASSERT_TRUE(push("alpha", 60));
    ASSERT_TRUE(call("rollback"));
    EXPECT_EQ(stored("current"), "");
    EXPECT_EQ(stored("candidate"), "");
    std::this_thread::sleep_for(100ms);  // some polls
    EXPECT_EQ(dataplane_->status().running, peer::Hash{});
}

// The next push comes before the next poll, and must not write over what is still to be settled.
TEST_F(Transactions, APushSettlesWhatNoPollHasSeen) {
    options_.poll = 1h;
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    ASSERT_TRUE(push("beta", 60));
    dataplane_->expire_confirmation();
    ASSERT_TRUE(push("gamma", 60));
    const auto history = (*call("history"))["history"];
    ASSERT_EQ(history.size(), 3U);
    EXPECT_EQ(history[1]["outcome"], "rolled-back");

    dataplane_->finish_confirmation();
    dataplane_->on_load(OnLoad::refuse);
    EXPECT_FALSE(push("delta"));
    EXPECT_EQ(stored("current"), "gamma") << "it runs, and is final";
    EXPECT_EQ(stored("previous"), "alpha");
}

TEST_F(Transactions, WhatRunsAndIsNotOnDiskIsTakenOver) {
    dataplane_->run(hash_of("alpha"));
    start_and_connect();
    const auto answer = push("alpha");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["state"], "loaded");
    EXPECT_EQ(stored("current"), "alpha");
}

// The data plane's pending policy came from elsewhere (another state directory): ours is not meant.
TEST_F(Transactions, OnlyThePolicyThatRunsIsKeptByAConfirmation) {
    options_.poll = 1h;
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    ASSERT_TRUE(push("beta", 60));
    dataplane_->run(hash_of("stranger"), hash_of("alpha"));
    ASSERT_TRUE(call("confirm"));
    EXPECT_EQ(stored("current"), "alpha");
    EXPECT_EQ(stored("candidate"), "beta");
}

TEST_F(Transactions, ARollbackToTheCandidateKeepsIt) {
    options_.poll = 1h;
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    ASSERT_TRUE(push("beta", 60));
    dataplane_->run(hash_of("stranger"), hash_of("beta"));
    ASSERT_TRUE(call("rollback"));
    EXPECT_EQ(dataplane_->status().running, hash_of("beta"));
    EXPECT_EQ(stored("candidate"), "beta") << "what runs must stay on disk";
}

TEST_F(Transactions, ARollbackGoesToThePreviousPolicyAndBack) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    const auto nothing = call("rollback");
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, RpcCode::refused);
    ASSERT_TRUE(push("beta"));
    for (const std::string name : {"alpha", "beta", "alpha"}) {
        const auto answer = call("rollback");
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ((*answer)["name"], name);
        EXPECT_EQ(stored("current"), name);
        EXPECT_EQ(dataplane_->status().running, hash_of(name));
    }
    EXPECT_EQ(last_history()["action"], "rollback");
    std::this_thread::sleep_for(100ms);  // some polls, which must not undo it
    EXPECT_EQ(dataplane_->status().running, hash_of("alpha"));
    EXPECT_EQ(dataplane_->loads(), 2U);
}

TEST_F(Transactions, APreviousPolicyThatIsNotOnDiskIsNotGoneBackTo) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    dataplane_->run(hash_of("alpha"), hash_of("stranger"));
    const auto answer = call("rollback");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::refused);
    EXPECT_EQ(dataplane_->status().running, hash_of("alpha"));
}

TEST_F(Transactions, AFullDiskFailsThePushBeforeTheHandOver) {
    start_and_connect();
    ASSERT_TRUE(push("alpha"));
    // Where a file is to be written there is a directory.
    std::filesystem::create_directory(options_.state_dir / "candidate.tmp");
    const auto answer = push("beta");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, RpcCode::failed);
    EXPECT_EQ(dataplane_->loads(), 1U);
    std::filesystem::remove(options_.state_dir / "candidate.tmp");
    EXPECT_TRUE(push("beta"));
}

TEST_F(Transactions, HistoryKeepsTheLastTwenty) {
    start_and_connect();
    for (int i = 0; i < 23; ++i) ASSERT_TRUE(push("policy" + std::to_string(i)));
    const auto history = (*call("history"))["history"];
    ASSERT_EQ(history.size(), 20U);
    EXPECT_EQ(history.front()["name"], "policy3");
    EXPECT_EQ(history.back()["name"], "policy22");
    EXPECT_EQ(history.back()["pid"], ::getpid());
    EXPECT_EQ(history.back()["uid"], ::geteuid());
    std::size_t texts = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(options_.state_dir / "topologies"))
        ++texts;
    EXPECT_EQ(texts, 20U);
}

}  // namespace
}  // namespace portcullis::control::testing
