// The loader thread against a worker that the test plays itself.
#include "dataplane/policy/loader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_malloc.h>
#include <sys/mman.h>

#include <fstream>
#include <semaphore>

#include "tests/support/hand_made_policy.h"

namespace portcullis::dataplane {
namespace {

using peer::Outcome;
using policy::Policy;
using testing::HasSubstr;

constexpr int kAllSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

FileDescriptor memfd_of(const std::vector<std::byte>& bytes, int seals = kAllSeals) {
    FileDescriptor fd(memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    return fd;
}

// Policies that differ: the port of the rule that lets Edge nodes out.
Policy variant(std::uint16_t port) {
    Policy policy = test::small_policy();
    policy.rules.back().destination_ports = {port, port};
    policy.witnesses.push_back({1, policy::Transport::tcp, *IpAddress::parse("203.0.113.11"),
                                *IpAddress::parse("198.51.100.1"), 50000, port, true,
                                static_cast<std::uint32_t>(policy.rules.size() - 1)});
    return policy;
}

LoadRequest request_for(const std::vector<std::byte>& bytes, std::uint32_t confirm_seconds = 0) {
    LoadRequest request;
    request.kind = LoadRequest::Kind::image;
    request.ticket = 7;
    request.memfd = memfd_of(bytes);
    request.image_bytes = bytes.size();
    request.hash = policy::image_hash(bytes);
    request.confirm_seconds = confirm_seconds;
    return request;
}

class LoaderTest : public testing::Test {
  protected:
    void SetUp() override {
        qsbr_ = static_cast<rte_rcu_qsbr*>(
            rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE));
        ASSERT_EQ(rte_rcu_qsbr_init(qsbr_, 1), 0);
        PolicyTarget target;
        target.devices = {"wan", "dmz"};
        target.mtus = {1500, 1500};
        target.sessions.capacity = 1024;
        loader_ = std::make_unique<PolicyLoader>(target, slot_, qsbr_, &latches_);
    }
    void TearDown() override {
        loader_->stop();
        loader_.reset();
        EXPECT_EQ(slot_.load(), nullptr);
        rte_free(qsbr_);
    }

    std::optional<LoadEvent> next_event(int milliseconds = 5000) {
        pollfd readable{loader_->event_fd(), POLLIN, 0};
        if (poll(&readable, 1, milliseconds) != 1) return std::nullopt;
        auto events = loader_->take_events();
        EXPECT_EQ(events.size(), 1U);
        return std::move(events.front());
    }
    LoadEvent serve(LoadRequest request) {
        EXPECT_TRUE(loader_->submit(std::move(request)));
        auto event = next_event();
        EXPECT_TRUE(event);
        return std::move(*event);
    }
    LoadEvent ask(LoadRequest::Kind kind) {
        LoadRequest request;
        request.kind = kind;
        return serve(std::move(request));
    }

    struct Latches : LoadLatches {
        void before_publish() override {
            if (hold) gate.acquire();
        }
        std::atomic<bool> hold{false};
        std::binary_semaphore gate{0};
    };

    PolicySlot slot_{nullptr};
    rte_rcu_qsbr* qsbr_ = nullptr;
    Latches latches_;
    std::unique_ptr<PolicyLoader> loader_;
    const std::vector<std::byte> a_ = policy::write_image(variant(80));
    const std::vector<std::byte> b_ = policy::write_image(variant(81));
    const std::vector<std::byte> c_ = policy::write_image(variant(82));
};

TEST_F(LoaderTest, PublishesWhatWasMeant) {
    const LoadEvent event = serve(request_for(a_));
    EXPECT_EQ(event.outcome, Outcome::ok) << event.text;
    EXPECT_EQ(event.ticket, 7U);
    EXPECT_EQ(event.state.running, policy::image_hash(a_));
    EXPECT_EQ(event.state.previous, policy::ImageHash{});
    EXPECT_EQ(event.state.generation, 1U);
    EXPECT_EQ(slot_.load(), event.state.active);
    EXPECT_EQ(event.state.active->policy->policy(), variant(80));
    EXPECT_EQ(event.retired, nullptr);
}

TEST_F(LoaderTest, RefusesWhatIsNotSealed) {
    for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL}) {
        LoadRequest request = request_for(a_);
        request.memfd = memfd_of(a_, kAllSeals & ~missing);
        const LoadEvent event = serve(std::move(request));
        EXPECT_EQ(event.outcome, Outcome::refused);
        EXPECT_EQ(event.text, "the image's memfd is not sealed against every change");
    }
    LoadRequest request = request_for(a_);
    request.memfd = FileDescriptor(open("/dev/null", O_RDONLY));
    EXPECT_EQ(serve(std::move(request)).text, "the image is not in a memfd");
    EXPECT_EQ(slot_.load(), nullptr);
}

TEST_F(LoaderTest, RefusalsLeaveTheRunningPolicyAlone) {
    serve(request_for(a_));
    ActivePolicy* const running = slot_.load();

    LoadRequest size = request_for(b_);
    ++size.image_bytes;
    EXPECT_THAT(serve(std::move(size)).text, HasSubstr("were announced"));

    LoadRequest hash = request_for(b_);
    hash.hash = policy::image_hash(c_);
    EXPECT_THAT(serve(std::move(hash)).text, HasSubstr("was announced"));

    std::vector<std::byte> corrupt = b_;
    corrupt[corrupt.size() / 2] ^= std::byte{1};
    EXPECT_THAT(serve(request_for(corrupt)).text, HasSubstr("the image is not sound: "));

    Policy wrong = variant(81);
    wrong.witnesses[0].destination_port = 82;
    const LoadEvent event = serve(request_for(policy::write_image(wrong)));
    EXPECT_EQ(event.outcome, Outcome::refused);
    EXPECT_EQ(event.text,
              "witness 0 (tcp 203.0.113.11 port 50000 to 198.51.100.1 port 82 on dmz) is to be "
              "allowed by rule edge-http-out and was denied by no rule (no-rule)");

    Policy jumbo = variant(81);
    jumbo.interfaces[1].mtu = 9000;
    EXPECT_THAT(serve(request_for(policy::write_image(jumbo))).text,
                HasSubstr("interface dmz wants MTU 9000 and device dmz is set up for 1500"));

    Policy device = variant(81);
    device.interfaces[1].device = "lan";
    EXPECT_THAT(serve(request_for(policy::write_image(device))).text,
                HasSubstr("which dataplane.conf does not have"));

    Policy signatures = variant(81);
    policy::Conformance service;
    service.name = "access-443";
    service.protocol = policy::ProtocolClass::sip_tls;
    service.database = 0;
    signatures.conformance = {service};
    signatures.databases = {{policy::ProtocolClass::sip_tls, "sip-tls", 11, true, {1, 2, 3}}};
    EXPECT_THAT(serve(request_for(policy::write_image(signatures))).text,
                HasSubstr("signatures of sip-tls: "));

    EXPECT_EQ(slot_.load(), running);
    EXPECT_EQ(running->policy->hash(), policy::image_hash(a_));
    EXPECT_EQ(ask(LoadRequest::Kind::confirm).state.running, policy::image_hash(a_));
}

TEST_F(LoaderTest, RollsBackToTheLastFinalPolicy) {
    serve(request_for(a_));
    LoadEvent event = serve(request_for(b_, 60));
    EXPECT_EQ(event.retired->policy->hash(), policy::image_hash(a_));
    EXPECT_TRUE(event.state.confirm_by);
    event = serve(request_for(c_, 60));
    EXPECT_EQ(event.state.previous, policy::image_hash(a_));
    event = ask(LoadRequest::Kind::rollback);
    EXPECT_EQ(event.outcome, Outcome::ok);
    EXPECT_EQ(event.state.running, policy::image_hash(a_));
    EXPECT_EQ(event.state.generation, 4U);
    EXPECT_FALSE(event.state.confirm_by);
    EXPECT_EQ(slot_.load()->policy->policy(), variant(80));
    EXPECT_EQ(ask(LoadRequest::Kind::rollback).text, "there is no policy to go back to");
}

TEST_F(LoaderTest, AConfirmedPolicyStays) {
    serve(request_for(a_));
    serve(request_for(b_, 1));
    EXPECT_EQ(ask(LoadRequest::Kind::confirm).outcome, Outcome::ok);
    EXPECT_EQ(next_event(1500), std::nullopt);
    EXPECT_EQ(slot_.load()->policy->hash(), policy::image_hash(b_));
    EXPECT_EQ(ask(LoadRequest::Kind::confirm).outcome, Outcome::refused);
    EXPECT_EQ(ask(LoadRequest::Kind::rollback).state.running, policy::image_hash(a_));
}

TEST_F(LoaderTest, AnUnconfirmedPolicyGoesByItself) {
    serve(request_for(a_));
    serve(request_for(b_, 1));
    const auto event = next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->ticket, 0U);
    EXPECT_EQ(event->text, "not confirmed in time: rolled back");
    EXPECT_EQ(event->state.running, policy::image_hash(a_));
    EXPECT_EQ(event->retired->policy->hash(), policy::image_hash(b_));
}

TEST_F(LoaderTest, TheFirstUnconfirmedPolicyLeavesNone) {
    serve(request_for(a_, 1));
    const auto event = next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->state.active, nullptr);
    EXPECT_EQ(event->state.running, policy::ImageHash{});
    EXPECT_EQ(slot_.load(), nullptr);
}

TEST_F(LoaderTest, SendingTheRunningPolicyAgainChangesNothing) {
    serve(request_for(a_));
    LoadEvent event = serve(request_for(a_, 60));
    EXPECT_EQ(event.outcome, Outcome::ok);
    EXPECT_EQ(event.state.generation, 1U);
    EXPECT_FALSE(event.state.confirm_by);
    serve(request_for(b_, 60));
    event = serve(request_for(b_));
    EXPECT_EQ(event.state.generation, 2U);
    EXPECT_FALSE(event.state.confirm_by);
    EXPECT_EQ(event.state.previous, policy::image_hash(a_));
}

TEST_F(LoaderTest, WaitsForAWorkerInABurst) {
    serve(request_for(a_));
    rte_rcu_qsbr_thread_register(qsbr_, 0);
    rte_rcu_qsbr_thread_online(qsbr_, 0);
    ASSERT_TRUE(loader_->submit(request_for(b_)));
    // Published, but the worker may still be reading the old one.
    EXPECT_EQ(next_event(300), std::nullopt);
    EXPECT_EQ(slot_.load()->policy->hash(), policy::image_hash(b_));
    EXPECT_FALSE(loader_->submit(request_for(c_)));
    rte_rcu_qsbr_quiescent(qsbr_, 0);
    const auto event = next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->retired->policy->hash(), policy::image_hash(a_));
    rte_rcu_qsbr_thread_offline(qsbr_, 0);
    rte_rcu_qsbr_thread_unregister(qsbr_, 0);
}

TEST_F(LoaderTest, NothingIsPublishedHalfWay) {
    serve(request_for(a_));
    latches_.hold = true;
    ASSERT_TRUE(loader_->submit(request_for(b_)));
    EXPECT_EQ(next_event(300), std::nullopt);
    EXPECT_EQ(slot_.load()->policy->hash(), policy::image_hash(a_));
    latches_.hold = false;
    latches_.gate.release();
    EXPECT_EQ(next_event()->state.running, policy::image_hash(b_));
}

TEST_F(LoaderTest, TheLastGoodImageAtStart) {
    LoadRequest request;
    request.kind = LoadRequest::Kind::file;
    request.path = testing::TempDir() + "portcullis-no-such-image";
    LoadEvent event = serve(std::move(request));
    EXPECT_EQ(event.outcome, Outcome::ok);
    EXPECT_EQ(event.text, "there is no " + testing::TempDir() + "portcullis-no-such-image");
    EXPECT_EQ(event.state.active, nullptr);

    const std::string path = testing::TempDir() + "portcullis-loader-test-image";
    const auto write_file = [&](std::size_t size) {
        std::ofstream(path, std::ios::binary | std::ios::trunc)
            .write(reinterpret_cast<const char*>(a_.data()), static_cast<std::streamsize>(size));
        LoadRequest load;
        load.kind = LoadRequest::Kind::file;
        load.path = path;
        return serve(std::move(load));
    };
    event = write_file(a_.size() - 1);
    EXPECT_EQ(event.outcome, Outcome::refused);
    EXPECT_EQ(slot_.load(), nullptr);
    event = write_file(a_.size());
    EXPECT_EQ(event.outcome, Outcome::ok) << event.text;
    EXPECT_EQ(event.state.running, policy::image_hash(a_));
    unlink(path.c_str());
}

}  // namespace
}  // namespace portcullis::dataplane
