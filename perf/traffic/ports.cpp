#include "perf/traffic/ports.h"

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "perf/traffic/failure.h"
#include "perf/traffic/stop.h"

namespace portcullis::traffic {
namespace {

constexpr unsigned kCache = 256;
constexpr std::uint16_t kMtu = 1500;
constexpr std::chrono::milliseconds kKnockAgain{1000};

rte_mempool* checked(rte_mempool* pool, const std::string& name) {
    if (pool == nullptr)
        throw Failure("no memory for packet buffers (" + name + ", " + rte_strerror(rte_errno) +
                      "): raise --memory-mib");
    return pool;
}

std::string reason(int error) {
    return rte_strerror(error < 0 ? -error : error);
}

}  // namespace

Eal::Eal(const EalSettings& settings) {
    std::vector<std::string> arguments = {"traffic",
                                          "-l",
                                          std::to_string(settings.core),
                                          "-m",
                                          std::to_string(settings.memory_mib),
                                          "--no-telemetry",
                                          "--log-level",
                                          "error",
                                          "--file-prefix",
                                          "traffic-" + std::to_string(getpid())};
    if (settings.huge)
        arguments.push_back("--in-memory");
    else  // EAL refuses --in-memory together with --no-huge
        arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
    if (settings.pci.empty()) arguments.push_back("--no-pci");
    for (const std::string& address : settings.pci)
        arguments.insert(arguments.end(), {"--allow", address});
    arguments.insert(arguments.end(), settings.extra.begin(), settings.extra.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0)
        throw Failure("DPDK does not start (" + reason(rte_errno) +
                      "): are there enough free huge pages for --memory-mib, and is --core one of "
                      "this process's? Try --huge off");
}

Eal::~Eal() {
    // DPDK makes this directory even where it keeps nothing in it, and leaves it behind.
    const std::string directory = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
}

rte_mempool* make_pool(const std::string& name, unsigned packets) {
    return checked(
        rte_pktmbuf_pool_create(name.c_str(), packets, kCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                static_cast<int>(rte_socket_id())),
        name);
}

rte_mempool* make_zeroed_pool(const std::string& name, unsigned packets) {
    rte_mempool* pool = make_pool(name, packets);
    rte_mempool_obj_iter(
        pool,
        [](rte_mempool*, void*, void* object, unsigned) {
            auto* packet = static_cast<rte_mbuf*>(object);
            std::memset(packet->buf_addr, 0, packet->buf_len);
        },
        nullptr);
    return pool;
}

bool is_pci_address(const std::string& device) {
    return std::ranges::all_of(device, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    });
}

Port::Port(const std::string& device, unsigned descriptors, unsigned rx_queues)
    : device_(device), rx_queues_(static_cast<std::uint16_t>(rx_queues)) {
    const auto require = [&](int error, const std::string& what) {
        if (error != 0) throw Failure(device_ + ": " + what + " (" + reason(error) + ")");
    };
    const std::string name = device.substr(0, device.find(','));
    if (!is_pci_address(name))
        require(rte_dev_probe(device.c_str()), "cannot be opened: see its DPDK driver's arguments");
    require(rte_eth_dev_get_port_by_name(name.c_str(), &id_),
            "is no device of DPDK: is it bound to a driver of DPDK's?");
    rte_eth_conf wanted{};
    wanted.rxmode.mtu = kMtu;
    require(rte_eth_dev_configure(id_, rx_queues_, 1, &wanted), "cannot be configured");
    auto rx = static_cast<std::uint16_t>(descriptors), tx = rx;
    require(rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx), "offers no such --descriptors");
    const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(id_)));
    rte_mempool* pool =
        make_pool("rx_" + std::to_string(id_), 4 * descriptors * rx_queues + 4 * kCache);
    for (std::uint16_t queue = 0; queue < rx_queues_; ++queue)
        require(rte_eth_rx_queue_setup(id_, queue, rx, socket, nullptr, pool),
                "has no RX queue " + std::to_string(queue));
    require(rte_eth_tx_queue_setup(id_, 0, tx, socket, nullptr), "has no TX queue");
    const int started = rte_eth_dev_start(id_);
    // A memif client knocks when it is started; wait_for_link() knocks again.
    if (!is_memif()) require(started, "does not start");
    rte_eth_promiscuous_enable(id_);  // not every virtual device has the mode; those pass all
    rte_ether_addr mac;
    require(rte_eth_macaddr_get(id_, &mac), "has no MAC address");
    std::memcpy(mac_.data(), mac.addr_bytes, mac_.size());
}

Port::~Port() {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
}

unsigned Port::receive(rte_mbuf** packets) {
    for (std::uint16_t i = 0; i < rx_queues_; ++i) {
        const std::uint16_t queue = next_rx_queue_;
        next_rx_queue_ = static_cast<std::uint16_t>(queue + 1 == rx_queues_ ? 0 : queue + 1);
        const unsigned count = rte_eth_rx_burst(id_, queue, packets, kBurst);
        if (count != 0) return count;
    }
    return 0;
}

unsigned Port::send(rte_mbuf** packets, unsigned count) {
    return rte_eth_tx_burst(id_, 0, packets, static_cast<std::uint16_t>(count));
}

void Port::wait_for_link(unsigned seconds) const {
    using namespace std::chrono;
    const auto until = steady_clock::now() + std::chrono::seconds(seconds);
    auto again = steady_clock::now() + kKnockAgain;
    rte_eth_link link{};
    while (rte_eth_link_get_nowait(id_, &link) != 0 || link.link_status != RTE_ETH_LINK_UP) {
        if (stop_wanted()) throw Stopped();
        // A memif client knocks once, and its server may not have been ready.
        if (steady_clock::now() > again && is_memif()) {
            rte_eth_dev_stop(id_);
            rte_eth_dev_start(id_);
            again += kKnockAgain;
        }
        if (steady_clock::now() > until)
            throw Failure(device_ + ": no link for " + std::to_string(seconds) +
                          " s: does the other end run?");
        std::this_thread::sleep_for(milliseconds(10));
    }
}

}  // namespace portcullis::traffic
