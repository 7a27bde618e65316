// Packets, time and policies; requests of the peer link are in main_requests.cpp.
#include "dataplane/main_thread.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <array>
#include <chrono>

#include "dataplane/keys.h"

namespace portcullis::dataplane {
namespace {

constexpr Millis kTick = 100;
constexpr unsigned kBatch = 64;  // packets taken from the workers in one round

std::vector<MacAddress> macs_of(const std::vector<nic::Device>& devices) {
    std::vector<MacAddress> macs;
    for (const nic::Device& device : devices) macs.push_back(device.mac);
    return macs;
}

std::uint64_t unix_ms_at_zero(Millis now) {
    using namespace std::chrono;
    const auto wall = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    return static_cast<std::uint64_t>(wall) - now;
}

}  // namespace

MainThread::MainThread(const Config& config, Engine& engine, EventLoop& loop)
    : config_(config),
      engine_(engine),
      loop_(loop),
      host_(engine.neighbours(), *this, macs_of(engine.devices()), draw_random()),
      programmer_(engine.devices(), static_cast<unsigned>(engine.workers().size())),
      loader_(engine.policy_target(), engine.slot(), engine.qsbr()),
      denies_(unix_ms_at_zero(engine.clock().now()), config.inspection) {
    for (const nic::Device& device : engine_.devices()) link_up_.push_back(nic::link_of(device).up);
    loop_.watch(loader_.event_fd(), EPOLLIN, [this](std::uint32_t) { on_load_events(); });
}

// The loader needs the workers to finish what it has begun, and they need the policy that goes with
// the loader.
MainThread::~MainThread() {
    // Done by run(), where it was reached. The policy goes with the loader, and the workers read
    // it.
    loader_.stop();
    engine_.stop(counters_);
    server_.reset();
    loop_.forget(loader_.event_fd());
    loader_.stop();
    engine_.stop(counters_);
    host_.on_policy(nullptr, {}, engine_.clock().now());
}

void MainThread::load_last_good() {
    LoadRequest request;
    request.kind = LoadRequest::Kind::file;
    request.path = config_.image;
    loader_.submit(std::move(request));
    pollfd answered{loader_.event_fd(), POLLIN, 0};
    while (poll(&answered, 1, -1) != 1) {
    }
    on_load_events();
    if (loaded_.active == nullptr)
        spdlog::warn("no policy: everything is dropped until the control process pushes one");
}

void MainThread::run() {
    loop_.run([this] { return round(); });
}

bool MainThread::round() {
    const bool busy = take_packets();
    if (listing_) finish_listings();
    if (engine_.clock().now() >= next_tick_) tick();
    return busy;
}

bool MainThread::take_packets() {
    std::array<rte_mbuf*, kBatch> packets;
    const unsigned taken = engine_.switchboard().take(packets, counters_);
    for (unsigned i = 0; i < taken; ++i) on_packet(packets[i]);
    if (taken != 0) counters_.waiting.set(host_.resolver().waiting());
    return taken != 0;
}

void MainThread::on_packet(rte_mbuf* packet) {
    const PacketNote note = note_of(*packet);
    const Millis now = engine_.clock().now();
    if (note.kind == NoteKind::resolve) {
        host_.on_unresolved(packet, note, now);
        return;
    }
    const std::span frame(rte_pktmbuf_mtod(packet, const std::uint8_t*),
                          rte_pktmbuf_data_len(packet));
    if (const auto reason = host_.on_packet(note, frame, now)) {
        discard(packet, *reason);
        return;
    }
    counters_.consumed.add();
    rte_pktmbuf_free(packet);
}

void MainThread::tick() {
    const Millis now = engine_.clock().now();
    next_tick_ = now + kTick;
    host_.tick(now);
    counters_.waiting.set(host_.resolver().waiting());
    std::array<DenySample, DenyRing::kCapacity> samples;
    for (const auto& worker : engine_.workers()) {
        const std::size_t taken = worker->denies().take(samples);
        for (std::size_t i = 0; i < taken; ++i) denies_.add(samples[i]);
    }
    if (now < next_second_) return;
    next_second_ = now + 1000;
    watch_links();
    if (server_) server_->tick();
}

void MainThread::watch_links() {
    const auto& devices = engine_.devices();
    for (std::uint16_t i = 0; i < devices.size(); ++i) {
        const bool up = nic::link_of(devices[i]).up;
        if (up == link_up_[i]) continue;
        link_up_[i] = up;
        spdlog::info("device {}: link {}", devices[i].name, up ? "up" : "down");
        host_.on_link(i, up, engine_.clock().now());
    }
}

rte_mbuf* MainThread::make(std::span<const std::uint8_t> frame) {
    rte_mbuf* packet = rte_pktmbuf_alloc(engine_.main_pool());
    if (packet == nullptr) return nullptr;
    char* bytes = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    if (bytes == nullptr) {
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    std::memcpy(bytes, frame.data(), frame.size());
    counters_.originated.add();
    return packet;
}

void MainThread::transmit(rte_mbuf* frame, Attachment at) {
    engine_.switchboard().transmit(frame, at, counters_);
}

void MainThread::discard(rte_mbuf* frame, DropReason reason) {
    counters_.drop(reason);
    rte_pktmbuf_free(frame);
}

void MainThread::node_changed(std::uint32_t service, std::uint32_t node, bool up) {
    if (loaded_.active == nullptr) return;
    RuntimePolicy& policy = *loaded_.active->policy;
    if (policy.node_up(service, node) == up) return;
    policy.set_node_up(service, node, up);
    const policy::Service& of = policy.service(service);
    spdlog::info("service {}: node {} ({}) is {}", of.name, of.nodes[node].name,
                 of.nodes[node].address.to_string(), up ? "up" : "down");
}

void MainThread::on_load_events() {
    for (LoadEvent& event : loader_.take_events()) on_load_event(std::move(event));
}

void MainThread::on_load_event(LoadEvent event) {
    const bool changed = event.state.active != loaded_.active;
    loaded_ = event.state;
    if (event.outcome != peer::Outcome::ok)
        spdlog::error("policy: {}", event.text);
    else if (changed && loaded_.active == nullptr)
        spdlog::warn("policy: {}: none, everything is dropped", event.text);
    else if (changed)
        spdlog::info("policy {} runs, generation {}{}{}", policy::to_string(loaded_.running),
                     loaded_.generation, event.text.empty() ? "" : ": ", event.text);
    if (changed) follow_policy();
    // Only now does nobody refer to the policy before.
    if (event.retired) {
        rules_.retire(*event.retired);
        signatures_.retire(*event.retired);
    }
    if (event.ticket == 0 || !pending_load_) return;
    const PendingLoad asked = *std::exchange(pending_load_, std::nullopt);
    answer_result(asked.client, asked.sequence, event.outcome, event.text);
}

void MainThread::follow_policy() {
    const Millis now = engine_.clock().now();
    if (loaded_.active == nullptr) {
        host_.on_policy(nullptr, {}, now);
        return;
    }
    const RuntimePolicy& runtime = *loaded_.active->policy;
    std::vector<std::uint16_t> devices;
    for (std::uint16_t i = 0; i < runtime.policy().interfaces.size(); ++i)
        devices.push_back(runtime.device_of(i));
    // Not owned: on_load_event() destroys a policy after the host has left it.
    host_.on_policy(
        std::shared_ptr<const policy::Policy>(std::shared_ptr<void>{}, &runtime.policy()), devices,
        now);
    programmer_.follow(runtime);
}

}  // namespace portcullis::dataplane
