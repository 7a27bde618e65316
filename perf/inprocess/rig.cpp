#include "perf/inprocess/rig.h"

#include <pcap/pcap.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <random>
#include <stdexcept>

#include "dataplane/owner.h"
#include "nic/eal.h"

namespace portcullis::perf {

using namespace dataplane;

namespace {

constexpr unsigned kBurst = 64;
constexpr unsigned kDescriptors = 1024;
constexpr unsigned kPoolPackets = 16384;
constexpr std::uint32_t kAtOnce = 8192;  // flows that are opened before the first is answered

void require(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

// New flows need room beside the established ones, or they would push them out.
std::uint32_t capacity_of(const Options& options) {
    const bool grows = options.load == Load::new_session || options.load == Load::mixed;
    // Half of the table at most may be half-open.
    return std::max<std::uint32_t>(options.sessions + (grows ? 1U << 20 : 0), 2 * kAtOnce);
}

}  // namespace

Rig::Rig(const Options& options) : options_(options), frames_(options) {
    sessions_.capacity = capacity_of(options);
    sessions_.workers = options.workers;
    sessions_.hash_key = {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98};
    open_devices();
    make_workers();
    publish();
    neighbours_.set(neighbours_.add({kWan, 0}, gateway(options_.family)), NeighbourState::reachable,
                    kGatewayMac);
    for (unsigned i = 0; i < kNodes; ++i)
        neighbours_.set(neighbours_.add({kDmz, 0}, node(options_, i)), NeighbourState::reachable,
                        kNodeMac);
    owned_.resize(options_.workers);
    for (std::uint32_t flow = 0; flow < options_.sessions; ++flow) {
        const Client client = client_of(flow, options_.family);
        const Target target = target_of(options_);
        FlowKey key;
        key.source = client.address;
        key.source_port = client.port;
        key.destination = target.address;
        key.destination_port = target.port;
        key.protocol = static_cast<std::uint8_t>(options_.transport);
        owned_[owner_of(*policy_->policy, key, options_.workers)].push_back(flow);
    }
    std::mt19937 order(20101);
    for (auto& flows : owned_) std::ranges::shuffle(flows, order);
}

Rig::~Rig() {
    supplies_.clear();
    Counters rest;
    if (switchboard_) switchboard_->drain(rest);
    for (const std::uint16_t port : ports_) {
        rte_eth_dev_stop(port);
        rte_eth_dev_close(port);
    }
    rte_free(qsbr_);
}

std::string Rig::write_pcap() const {
    const std::string path =
        options_.pcap_directory + "/portcullis-inprocess-" + std::to_string(getpid()) + ".pcap";
    std::vector<std::uint32_t> flows(options_.sessions);
    for (std::uint32_t i = 0; i < flows.size(); ++i) flows[i] = i;
    std::mt19937 order(4711);
    std::ranges::shuffle(flows, order);
    pcap_t* capture = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t* file = pcap_dump_open(capture, path.c_str());
    require(file != nullptr, "cannot write " + path + ": " + pcap_geterr(capture));
    std::vector<std::uint8_t> frame(std::max(frames_.largest(), 128U));
    for (const std::uint32_t flow : flows) {
        pcap_pkthdr header{};
        header.caplen = header.len = frames_.write(Kind::request, flow, frame.data());
        pcap_dump(reinterpret_cast<u_char*>(file), &header, frame.data());
    }
    pcap_dump_close(file);
    pcap_close(capture);
    return path;
}

void Rig::open_devices() {
    // infinite_rx keeps every packet of the file in a buffer of the receiving queue's pool.
    const unsigned kept = options_.source == Source::pcap ? options_.sessions : 0;
    for (unsigned w = 0; w < options_.workers; ++w) {
        auto pool = nic::make_pool("perf_pool_" + std::to_string(w), kPoolPackets + kept,
                                   kMbufPrivateBytes, std::max(1518U, frames_.largest()));
        require(pool.has_value(), pool ? "" : pool.error());
        pools_.push_back(*pool);
    }
    const std::string empty = "size=" + std::to_string(frames_.largest()) + ",copy=0";
    if (options_.source == Source::pcap) {
        const std::string path = write_pcap();
        ports_[kWan] = open("net_pcap0", "rx_pcap=" + path + ",infinite_rx=1");
        unlink(path.c_str());  // it has been read
        ports_[kDmz] = open("net_null1", empty + ",no-rx=1");
    } else {
        ports_[kWan] = open("net_null0", empty);
        ports_[kDmz] = open("net_null1", empty);
    }
    for (unsigned w = 0; w < options_.workers; ++w)
        for (const std::uint16_t device : {kWan, kDmz})
            supplies_.push_back(std::make_unique<Supply>(frames_, ports_[device],
                                                         static_cast<std::uint16_t>(w), pools_[w]));
}

std::uint16_t Rig::open(const std::string& name, const std::string& arguments) {
    require(rte_dev_probe((name + "," + arguments).c_str()) == 0, "cannot open " + name);
    std::uint16_t port = 0;
    require(rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0, "no port " + name);
    const auto queues = static_cast<std::uint16_t>(options_.workers);
    const rte_eth_conf plain{};
    require(rte_eth_dev_configure(port, queues, queues, &plain) == 0, name + " is not configured");
    for (std::uint16_t q = 0; q < queues; ++q) {
        require(rte_eth_rx_queue_setup(port, q, kDescriptors, 0, nullptr, pools_[q]) == 0,
                name + ": no RX queue; more --memory-mib?");
        require(rte_eth_tx_queue_setup(port, q, kDescriptors, 0, nullptr) == 0,
                name + ": no TX queue");
    }
    require(rte_eth_dev_start(port) == 0, name + " does not start");
    return port;
}

void Rig::make_workers() {
    auto board = Switchboard::create(options_.workers, 4096);
    require(board.has_value(), "no memory for rings");
    switchboard_ = std::move(*board);
    qsbr_ = static_cast<rte_rcu_qsbr*>(
        rte_zmalloc(nullptr, rte_rcu_qsbr_get_memsize(options_.workers), RTE_CACHE_LINE_SIZE));
    require(qsbr_ != nullptr && rte_rcu_qsbr_init(qsbr_, options_.workers) == 0, "no memory");
    const Clock clock;
    for (unsigned w = 0; w < options_.workers; ++w) {
        WorkerConfig config;
        config.index = w;
        for (const std::uint16_t device : {kWan, kDmz}) {
            WorkerDevice given;
            given.device = device;
            given.port_id = ports_[device];
            given.rx_queue = given.tx_queue = static_cast<std::uint16_t>(w);
            given.mac = device == kWan ? kWanMac : kDmzMac;
            config.devices.push_back(given);
        }
        config.pool = pools_[w];
        config.sessions = sessions_;
        config.clock = clock;
        config.slot = &slot_;
        config.qsbr = qsbr_;
        config.neighbours = &neighbours_;
        config.switchboard = switchboard_.get();
        auto worker = Worker::create(std::move(config));
        require(worker.has_value(), worker ? "" : worker.error());
        workers_.push_back(std::move(*worker));
    }
}

void Rig::publish() {
    auto runtime = RuntimePolicy::build(bench_policy(options_.rules), {}, 1, {"wan", "dmz"},
                                        nullptr, 0x1234567);
    require(runtime.has_value(), runtime ? "" : runtime.error());
    auto active = ActivePolicy::make(std::move(*runtime), sessions_, options_.workers);
    require(active.has_value(), active ? "" : active.error());
    policy_ = std::move(*active);
    slot_.store(policy_.get(), std::memory_order_release);
}

void Rig::poll_until_quiet(unsigned index) {
    while (!supply(index, kWan).finished() || !supply(index, kDmz).finished())
        workers_[index]->poll();
    for (unsigned i = 0; i < 8; ++i) workers_[index]->poll();
}

// Slots are taken in their order while none is given back.
void Rig::learn_replies(unsigned worker, std::uint32_t first, std::uint32_t count) {
    Sessions& sessions = workers_[worker]->sessions();
    sessions.visit(first, count, [&](const Session& session) {
        frames_.learn(flow_of(session.key[0].source, session.key[0].source_port), session.key[1]);
    });
}

// Flows are opened a few at a time: half-open ones are limited.
void Rig::establish() {
    for (unsigned w = 0; w < options_.workers; ++w) {
        for (std::size_t from = 0; from < owned_[w].size(); from += kAtOnce) {
            const auto begin = owned_[w].begin() + static_cast<std::ptrdiff_t>(from);
            const auto count = std::min<std::size_t>(kAtOnce, owned_[w].size() - from);
            const std::vector<std::uint32_t> flows(begin,
                                                   begin + static_cast<std::ptrdiff_t>(count));
            const std::uint32_t before = workers_[w]->sessions().size();
            supply(w, kDmz).once(Kind::answer, {});
            supply(w, kWan).once(Kind::open, flows);
            poll_until_quiet(w);
            learn_replies(w, before, static_cast<std::uint32_t>(count));
            supply(w, kDmz).once(Kind::answer, flows);
            poll_until_quiet(w);
            if (options_.transport == policy::Transport::tcp) {
                supply(w, kWan).once(Kind::complete, flows);
                poll_until_quiet(w);
            }
        }
    }
    if (sessions() != options_.sessions || dropped() != 0)
        throw std::runtime_error("of " + std::to_string(options_.sessions) + " sessions " +
                                 std::to_string(sessions()) + " began; drops: " + drops());
}

void Rig::feed() {
    for (unsigned w = 0; w < options_.workers; ++w) {
        Supply& wan = supply(w, kWan);
        Supply& dmz = supply(w, kDmz);
        std::vector<std::uint32_t> flows;
        if (options_.scattered)
            for (std::uint32_t flow = w; flow < options_.sessions; flow += options_.workers)
                flows.push_back(flow);
        else
            flows = owned_[w];
        flows.resize(std::bit_floor(flows.size()));
        auto backwards = flows;
        std::ranges::reverse(backwards);
        const std::uint32_t first = options_.sessions + w * (1U << 28);
        switch (options_.load) {
            case Load::steady:
                if (options_.source == Source::pcap) {
                    wan.off();
                    dmz.off();
                } else {
                    wan.repeat(Kind::request, std::move(flows));
                    dmz.repeat(Kind::reply, std::move(backwards));
                }
                break;
            case Load::new_session:
                wan.endless(Kind::open, first);
                dmz.once(Kind::reply, {});
                break;
            case Load::deny:
                wan.endless(Kind::forbidden, first);
                dmz.once(Kind::reply, {});
                break;
            case Load::mixed:
                wan.mix(Kind::request, std::move(flows), Kind::open, first);
                dmz.repeat(Kind::reply, std::move(backwards));
                break;
        }
    }
}

unsigned Rig::macswap(unsigned worker) {
    const auto queue = static_cast<std::uint16_t>(worker);
    unsigned moved = 0;
    for (const std::uint16_t device : {kWan, kDmz}) {
        rte_mbuf* packets[kBurst];
        const unsigned n = rte_eth_rx_burst(ports_[device], queue, packets, kBurst);
        if (n == 0) continue;
        for (unsigned i = 0; i < n; ++i) {
            if (i + 1 < n) rte_prefetch0(rte_pktmbuf_mtod(packets[i + 1], void*));
            auto* frame = rte_pktmbuf_mtod(packets[i], rte_ether_hdr*);
            const rte_ether_addr destination = frame->dst_addr;
            frame->dst_addr = frame->src_addr;
            frame->src_addr = destination;
        }
        const unsigned sent =
            rte_eth_tx_burst(ports_[1 - device], queue, packets, static_cast<std::uint16_t>(n));
        if (sent < n) rte_pktmbuf_free_bulk(packets + sent, n - sent);
        moved += n;
    }
    return moved;
}

std::uint64_t Rig::sessions() const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->sessions().size();
    return sum;
}

double Rig::bytes_per_session() const {
    std::uint64_t bytes = 0, capacity = 0;
    for (const auto& worker : workers_) {
        bytes += worker->sessions().memory_bytes();
        capacity += worker->sessions().capacity();
    }
    return static_cast<double>(bytes) / static_cast<double>(capacity);
}

std::uint64_t Rig::dropped() const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->counters().dropped();
    return sum;
}

std::string Rig::drops() const {
    std::string text;
    for (unsigned i = 0; i < kDropReasonCount; ++i) {
        const auto reason = static_cast<DropReason>(i);
        std::uint64_t n = 0;
        for (const auto& worker : workers_) n += worker->counters().dropped(reason);
        if (n != 0) text += " " + std::string(to_string(reason)) + "=" + std::to_string(n);
    }
    return text;
}

std::uint64_t Rig::handed_out() const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->counters().handed_out.get();
    return sum;
}

std::uint64_t Rig::received() const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->counters().rx.get();
    return sum;
}

}  // namespace portcullis::perf
