#include "dataplane/worker.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "dataplane/outbox.h"
#include "dataplane/pipeline.h"
#include "dataplane/stages/inspect.h"
#include "dataplane/stages/readmit.h"

namespace portcullis::dataplane {

namespace {

// One round of the table takes half of the 10 s within which idle sessions are to be judged again.
constexpr std::uint64_t kSweepRoundMs = 5000;
constexpr std::uint64_t kSweepSlice = 256;               // slots in one loop at most
constexpr unsigned kSweepPart = Answers::kCapacity / 2;  // slots whose resets are sent together
static_assert(Answers::kCapacity >= 2 * kBurstSize);

constexpr unsigned kIdleRounds = 64;  // empty rounds before the first nap
constexpr long kNapNanoseconds = 50'000;

}  // namespace

struct Worker::Impl : private UndecidedEnds {
    Impl(WorkerConfig given, std::unique_ptr<Sessions> table,
         std::unique_ptr<inspect::Inspector> first_bytes)
        : config(std::move(given)),
          sessions(std::move(table)),
          inspector(std::move(first_bytes)),
          outbox(config.devices) {
        for (const WorkerDevice& device : config.devices) macs.push_back(mac_word(device.mac));
        context.worker = config.index;
        context.workers = config.switchboard->workers();
        context.macs = macs;
        context.sessions = sessions.get();
        context.inspector = inspector.get();
        sessions->tell(this);
        context.neighbours = config.neighbours;
        context.counters = &counters;
        context.denies = &denies;
        context.answers = &answers;
        context.echo_limit = &echo_limit;
        swept = config.clock.now();
    }

    // Once a loop, before its bursts.
    void begin_round();
    void take_over(ActivePolicy& policy);
    // The packets in burst.mbuf[0, n), whose ingress devices are set.
    void process(unsigned n);
    void settle(Burst& done);
    bool settle_ended(Burst& done, unsigned i);
    void send_answers();
    void send_answers(std::span<const Answer> some);  // up to a burst
    void ended_undecided(Session& session) override { leave_inspection(session, context); }

    unsigned poll_devices();
    unsigned poll_handovers();
    unsigned poll_main();
    void sweep();

    WorkerConfig config;
    std::unique_ptr<Sessions> sessions;
    std::unique_ptr<inspect::Inspector> inspector;
    std::vector<std::uint64_t> macs;
    Outbox outbox;
    Burst burst;
    Burst answer_burst;
    Context context;
    Answers answers;
    RateLimit echo_limit;
    ActivePolicy* active = nullptr;  // of this round
    std::uint32_t generation = 0;    // the last one taken over
    Millis swept = 0;                // until when the sweep is paid for
    std::uint64_t sweep_debt = 0;    // slots, in thousandths of a round's share

    Counters counters;                              // written here, read by main
    DenyRing denies;                                // likewise
    alignas(64) std::atomic<bool> stopping{false};  // written by main, read here
    std::atomic<WorkerCommand*> command{nullptr};   // set by main, cleared here
};

void Worker::Impl::begin_round() {
    active = config.slot->load(std::memory_order_acquire);
    context.now = config.clock.now();
    context.policy = active == nullptr ? nullptr : active->policy.get();
    if (active == nullptr) return;
    context.hits = &active->hits;
    context.protocols = &active->protocols;
    context.scratch = &active->scratch[config.index];
    context.conformance = &active->conformance;
    if (context.policy->generation() != generation) take_over(*active);
}

void Worker::Impl::take_over(ActivePolicy& policy) {
    const policy::Settings& settings = policy.policy->policy().settings;
    SessionLimits limits;
    limits.embryonic_per_source = settings.embryonic_per_source;
    limits.embryonic_total = settings.embryonic_total;
    limits.tcp_embryonic_seconds = settings.tcp_embryonic_seconds;
    limits.tcp_closing_seconds = settings.tcp_closing_seconds;
    sessions->set_limits(limits);
    sessions->take_ports(*policy.ports[config.index]);
    generation = policy.policy->generation();
}

void Worker::Impl::process(unsigned n) {
    burst.reset(n);
    if (active == nullptr) {
        for (unsigned i = 0; i < n; ++i) burst.drop(i, DropReason::no_policy);
    } else {
        answers.start_burst(context.policy->policy().settings.icmp_error_per_second, context.now);
        run_pipeline(burst, context);
    }
    settle(burst);
    if (active != nullptr) send_answers();
    outbox.flush(counters);
}

// Each packet into exactly one count. What is dropped is given back together.
void Worker::Impl::settle(Burst& done) {
    for_each(done.live, [&](unsigned i) { outbox.put(done.mbuf[i], done.device[i], counters); });
    const std::uint64_t all =
        done.count == kBurstSize ? ~std::uint64_t{0} : (std::uint64_t{1} << done.count) - 1;
    if (done.live == all) return;
    std::array<rte_mbuf*, kBurstSize> dropped;
    unsigned drops = 0;
    for_each(all & ~done.live, [&](unsigned i) {
        if (!settle_ended(done, i)) dropped[drops++] = done.mbuf[i];
    });
    rte_pktmbuf_free_bulk(dropped.data(), drops);
}

// True where another thread has the packet now; false where it is dropped, and counted.
bool Worker::Impl::settle_ended(Burst& done, unsigned i) {
    rte_mbuf* packet = done.mbuf[i];
    DropReason reason = done.reason[i];
    if (done.fate[i] == Fate::handed_over) {
        PacketNote& note = note_of(*packet);
        note.kind = NoteKind::handover;
        note.at = done.ingress[i];
        if (rte_ring_sp_enqueue(config.switchboard->handover(config.index, done.owner[i]),
                                packet) == 0) {
            counters.handed_out.add();
            return true;
        }
        reason = DropReason::handover_full;
    } else if (done.fate[i] == Fate::punted) {
        if (rte_ring_sp_enqueue(config.switchboard->to_main(config.index), packet) == 0) {
            counters.punted.add();
            return true;
        }
        reason = DropReason::punt_full;
    }
    counters.drop(reason);
    return false;
}

void Worker::Impl::send_answers() {
    if (const std::uint64_t suppressed = answers.take_suppressed())
        counters.rate_limited.add(suppressed);
    for (auto left = answers.made(); !left.empty();) {
        const auto part = left.first(std::min<std::size_t>(left.size(), kBurstSize));
        left = left.subspan(part.size());
        send_answers(part);
    }
}

void Worker::Impl::send_answers(std::span<const Answer> some) {
    unsigned made = 0;
    for (const Answer& answer : some) {
        rte_mbuf* packet = rte_pktmbuf_alloc(config.pool);
        if (packet == nullptr) break;  // an answer is a courtesy: nothing was lost that had arrived
        if (rte_pktmbuf_tailroom(packet) < answer.bytes) {
            rte_pktmbuf_free(packet);
            continue;
        }
        auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, answer.bytes));
        std::copy_n(answer.packet.data(), answer.bytes, bytes);
        answer_burst.mbuf[made] = packet;
        PacketView& view = answer_burst.view[made++];
        view.l3 = bytes;
        view.l3_bytes = answer.bytes;
        view.family = bytes[0] >> 4 == 4 ? Family::ipv4 : Family::ipv6;
    }
    if (made == 0) return;
    counters.originated.add(made);
    answer_burst.reset(made);
    for (unsigned i = 0; i < made; ++i) route_answer(answer_burst, i, context);
    forward(answer_burst, context);
    settle(answer_burst);
}

unsigned Worker::Impl::poll_devices() {
    unsigned moved = 0;
    for (const WorkerDevice& device : config.devices) {
        if (device.rx_queue == kNoQueue) continue;
        const unsigned n =
            rte_eth_rx_burst(device.port_id, device.rx_queue, burst.mbuf.data(), kBurstSize);
        if (n == 0) continue;
        for (unsigned i = 0; i < n; ++i) {
            rte_prefetch0(rte_pktmbuf_mtod(burst.mbuf[i], void*));
            burst.ingress[i].device = device.device;
        }
        counters.rx.add(n);
        counters.device_rx[device.device].add(n);
        process(n);
        moved += n;
    }
    return moved;
}

unsigned Worker::Impl::poll_handovers() {
    unsigned moved = 0;
    for (unsigned from = 0; from < context.workers; ++from) {
        rte_ring* ring = config.switchboard->handover(from, config.index);
        if (ring == nullptr) continue;
        const unsigned n = rte_ring_sc_dequeue_burst(
            ring, reinterpret_cast<void**>(burst.mbuf.data()), kBurstSize, nullptr);
        if (n == 0) continue;
        for (unsigned i = 0; i < n; ++i) burst.ingress[i] = note_of(*burst.mbuf[i]).at;
        counters.handed_in.add(n);
        process(n);
        moved += n;
    }
    return moved;
}

unsigned Worker::Impl::poll_main() {
    rte_mbuf* frames[kBurstSize];
    const unsigned n =
        rte_ring_sc_dequeue_burst(config.switchboard->from_main(config.index),
                                  reinterpret_cast<void**>(frames), kBurstSize, nullptr);
    if (n == 0) return 0;
    counters.from_main.add(n);
    for (unsigned i = 0; i < n; ++i) outbox.put(frames[i], note_of(*frames[i]).at.device, counters);
    outbox.flush(counters);
    return n;
}

// As many slots as the time since the last call is worth.
void Worker::Impl::sweep() {
    if (context.now == swept) return;
    sweep_debt += (context.now - swept) * sessions->capacity();
    swept = context.now;
    const std::uint64_t due = sweep_debt / kSweepRoundMs;
    const auto slice = static_cast<unsigned>(std::min(due, kSweepSlice));
    // What a slow loop cannot pay is forgiven beyond one round.
    sweep_debt = std::min(sweep_debt - slice * kSweepRoundMs, kSweepRoundMs * sessions->capacity());
    for (unsigned left = slice; left != 0;) {
        const unsigned part = std::min(left, kSweepPart);
        left -= part;
        if (active != nullptr)
            answers.start_burst(context.policy->policy().settings.icmp_error_per_second,
                                context.now);
        sessions->sweep(part, generation, context.now, [&](Session& session) {
            if (active != nullptr && !end_if_moved(session, context))
                (void)readmit(session, context);
        });
        if (active == nullptr || answers.made().empty()) continue;
        send_answers();
        outbox.flush(counters);
    }
    counters.sessions.set(sessions->size());
    counters.embryonic.set(sessions->embryonic());
    counters.inspector_records.set(inspector->undecided());
}

Worker::Worker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Worker::~Worker() = default;

tl::expected<std::unique_ptr<Worker>, std::string> Worker::create(WorkerConfig config) {
    const std::string who = "worker " + std::to_string(config.index) + ": ";
    if (config.devices.empty() || config.devices.size() > kMaxDevices)
        return tl::unexpected(who + "between 1 and " + std::to_string(kMaxDevices) +
                              " devices are supported, not " +
                              std::to_string(config.devices.size()));
    for (std::size_t i = 0; i < config.devices.size(); ++i)
        if (config.devices[i].device != i)
            return tl::unexpected(who + "devices are not listed in their order");
    if (rte_pktmbuf_priv_size(config.pool) < kMbufPrivateBytes)
        return tl::unexpected(who + "the packet pool has no room for notes (kMbufPrivateBytes)");
    config.sessions.worker = config.index;
    config.sessions.workers = config.switchboard->workers();
    auto sessions = Sessions::create(config.sessions);
    if (!sessions) return tl::unexpected(who + sessions.error());
    auto inspector = inspect::Inspector::create(config.inspection);
    if (!inspector) return tl::unexpected(who + inspector.error());
    return std::unique_ptr<Worker>(new Worker(
        std::make_unique<Impl>(std::move(config), std::move(*sessions), std::move(*inspector))));
}

unsigned Worker::poll() {
    Impl& self = *impl_;
    self.begin_round();
    const unsigned moved = self.poll_devices() + self.poll_handovers() + self.poll_main();
    self.sweep();
    run_command();
    self.counters.loops.add();
    if (moved == 0) self.counters.idle_loops.add();
    // The policy of this round is not looked at again.
    if (self.config.qsbr != nullptr) rte_rcu_qsbr_quiescent(self.config.qsbr, self.config.index);
    return moved;
}

void Worker::run() {
    Impl& self = *impl_;
    rte_rcu_qsbr* qsbr = self.config.qsbr;
    if (qsbr != nullptr) {
        rte_rcu_qsbr_thread_register(qsbr, self.config.index);
        rte_rcu_qsbr_thread_online(qsbr, self.config.index);
    }
    // Without this a nap of 50 us takes twice as long. Failing only costs latency.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    unsigned idle_rounds = 0;
    while (!self.stopping.load(std::memory_order_relaxed)) {
        idle_rounds = poll() == 0 ? idle_rounds + 1 : 0;
        if (idle_rounds < kIdleRounds) continue;
        if (self.config.idle == Idle::sleep) {
            const timespec nap{0, kNapNanoseconds};
            clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
        } else {
            rte_pause();
        }
    }
    if (qsbr != nullptr) {
        rte_rcu_qsbr_thread_offline(qsbr, self.config.index);
        rte_rcu_qsbr_thread_unregister(qsbr, self.config.index);
    }
}

void Worker::run_command() {
    WorkerCommand* waiting = impl_->command.load(std::memory_order_acquire);
    if (waiting == nullptr || !waiting->run(*this)) return;
    // Cleared first: once done() is true main may destroy the command and submit another.
    impl_->command.store(nullptr, std::memory_order_relaxed);
    waiting->done_.store(true, std::memory_order_release);
}

void Worker::stop() {
    impl_->stopping.store(true, std::memory_order_relaxed);
}
const Counters& Worker::counters() const {
    return impl_->counters;
}
DenyRing& Worker::denies() {
    return impl_->denies;
}
bool Worker::submit(WorkerCommand* command) {
    WorkerCommand* none = nullptr;
    return impl_->command.compare_exchange_strong(none, command, std::memory_order_release,
                                                  std::memory_order_relaxed);
}
Sessions& Worker::sessions() {
    return *impl_->sessions;
}
Millis Worker::now() const {
    return impl_->config.clock.now();
}
unsigned Worker::index() const {
    return impl_->config.index;
}
const ActivePolicy* Worker::active() const {
    return impl_->active;
}
std::uint64_t Worker::session_memory() const {
    return impl_->sessions->memory_bytes() + impl_->sessions->port_memory_bytes();
}
std::uint64_t Worker::inspector_memory() const {
    return impl_->inspector->memory_bytes();
}

}  // namespace portcullis::dataplane
