#include "dataplane/engine.h"

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <algorithm>

#include "dataplane/keys.h"
#include "nic/eal.h"

namespace portcullis::dataplane {
namespace {

constexpr unsigned kRingSize = 1024;
constexpr unsigned kMainPackets = 3071;  // without those in TX queues
// (VIP, node, port) triples with source ports of their own: 12 nodes, 4 full-NAT ports, two
// families, twice that during a reload.
constexpr std::uint32_t kPortPools = 256;
constexpr unsigned kEthernetAndTag = 14 + 4;

int run_worker(void* worker) {
    static_cast<Worker*>(worker)->run();
    return 0;
}

}  // namespace

void Engine::QsbrFree::operator()(rte_rcu_qsbr* qsbr) const {
    rte_free(qsbr);
}

tl::expected<std::unique_ptr<Engine>, std::string> Engine::start(const Config& config,
                                                                 std::uint64_t rendezvous_key) {
    std::unique_ptr<Engine> engine(new Engine);
    engine->target_.rendezvous_key = rendezvous_key;
    for (const auto step : {&Engine::make_pools, &Engine::open_devices, &Engine::make_workers})
        if (auto done = (engine.get()->*step)(config); !done)
            return tl::unexpected(std::move(done.error()));
    if (auto launched = engine->launch(); !launched)
        return tl::unexpected(std::move(launched.error()));
    return engine;
}

// A worker's buffers are in its RX queues, in the TX queues of every worker (a handed-over packet
// leaves by its owner's), in the rings it feeds, and waiting for ARP on main. TX queues give
// buffers back only when more is sent: a pool that fitted into them could end up there whole, and
// then nothing would ever be received again.
Engine::Step Engine::make_pools(const Config& config) {
    unsigned packets = kRingSize * (config.workers + 1) + 2048;
    unsigned main_packets = kMainPackets;
    unsigned largest = 1500;
    for (const nic::DeviceConfig& device : config.devices) {
        packets += device.rx_descriptors + device.tx_descriptors * config.workers;
        main_packets += device.tx_descriptors;  // worker 0 sends for main
        largest = std::max(largest, device.mtu);
    }
    const auto make = [&](const std::string& name, unsigned count, unsigned lcore) {
        return nic::make_pool(name, count, kMbufPrivateBytes, largest + kEthernetAndTag, lcore);
    };
    for (unsigned worker = 0; worker < config.workers; ++worker) {
        auto pool = make("pc_pool_" + std::to_string(worker), packets, worker + 1);
        if (!pool) return tl::unexpected(std::move(pool.error()));
        pools_.push_back(*pool);
    }
    auto pool = make("pc_pool_main", main_packets, 0);
    if (!pool) return tl::unexpected(std::move(pool.error()));
    main_pool_ = *pool;
    return {};
}

Engine::Step Engine::open_devices(const Config& config) {
    for (const nic::DeviceConfig& wanted : config.devices) {
        auto device = nic::open_device(wanted, pools_);
        if (!device) return tl::unexpected(std::move(device.error()));
        target_.devices.push_back(device->name);
        target_.mtus.push_back(device->mtu);
        devices_.push_back(std::move(*device));
    }
    return {};
}

Engine::Step Engine::make_workers(const Config& config) {
    auto switchboard = Switchboard::create(config.workers, kRingSize);
    if (!switchboard) return tl::unexpected(std::move(switchboard.error()));
    switchboard_ = std::move(*switchboard);
    qsbr_.reset(static_cast<rte_rcu_qsbr*>(
        rte_zmalloc("pc_qsbr", rte_rcu_qsbr_get_memsize(config.workers), RTE_CACHE_LINE_SIZE)));
    if (!qsbr_ || rte_rcu_qsbr_init(qsbr_.get(), config.workers) != 0)
        return tl::unexpected(std::string("no memory left: raise `memory-mib`"));

    target_.workers = config.workers;
    target_.sessions.workers = config.workers;
    target_.sessions.capacity = (config.sessions + config.workers - 1) / config.workers;
    target_.sessions.hash_key = draw_hash_key();
    target_.sessions.port_pools = kPortPools;
    for (unsigned index = 0; index < config.workers; ++index) {
        WorkerConfig worker;
        worker.index = index;
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            const nic::Device& device = devices_[i];
            worker.devices.push_back({
                .device = static_cast<std::uint16_t>(i),
                .port_id = device.port_id,
                .rx_queue = index < device.rx_queues ? static_cast<std::uint16_t>(index) : kNoQueue,
                .tx_queue = static_cast<std::uint16_t>(index),
                .mac = device.mac,
            });
        }
        worker.pool = pools_[index];
        worker.sessions = target_.sessions;
        worker.inspection = config.inspection;
        worker.idle = config.idle_sleep ? Idle::sleep : Idle::spin;
        worker.clock = clock_;
        worker.slot = &slot_;
        worker.qsbr = qsbr_.get();
        worker.neighbours = &neighbours_;
        worker.switchboard = switchboard_.get();
        auto made = Worker::create(std::move(worker));
        if (!made) return tl::unexpected(std::move(made.error()));
        workers_.push_back(std::move(*made));
    }
    return {};
}

Engine::Step Engine::launch() {
    running_ = true;
    for (unsigned index = 0; index < workers_.size(); ++index)
        if (const int error = rte_eal_remote_launch(run_worker, workers_[index].get(), index + 1);
            error != 0)
            return tl::unexpected("worker " + std::to_string(index) +
                                  " does not start: " + rte_strerror(-error));
    return {};
}

void Engine::stop(Counters& main) {
    if (!running_) return;
    running_ = false;
    for (const auto& worker : workers_) worker->stop();
    rte_eal_mp_wait_lcore();
    switchboard_->drain(main);
    for (const nic::Device& device : devices_) nic::close_device(device);
}

Engine::~Engine() {
    Counters nobody;
    stop(nobody);
}

std::uint64_t Engine::session_capacity() const {
    return std::uint64_t{target_.sessions.capacity} * target_.workers;
}

}  // namespace portcullis::dataplane
