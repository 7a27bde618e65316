#include "nic/device.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "nic/log.h"
#include "nic/machine.h"

namespace portcullis::nic {
namespace {

// Both directions of a flow give the same hash with this key (Woo and Park, "Scalable TCP Session
// Monitoring with Symmetric Receive-side Scaling", 2012).
constexpr std::uint8_t kSymmetricKeyByte[2] = {0x6d, 0x5a};

class Opener {
  public:
    Opener(const DeviceConfig& config, const std::vector<rte_mempool*>& pools)
        : config_(config), pools_(pools), workers_(static_cast<unsigned>(pools.size())) {}

    tl::expected<Device, std::string> open() {
        if (!probe() || !configure() || !set_up_queues() || !start())
            return tl::unexpected("device " + config_.name + ": " + problem_);
        return device_;
    }

  private:
    bool fail(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }
    // What failed, and why: DPDK's own last complaint where it made one.
    bool fail_call(const std::string& what, int error) {
        const std::string complaint = take_complaint();
        return fail(what + ": " + (complaint.empty() ? rte_strerror(-error) : complaint));
    }

    // The argument `key` of a vdev, e.g. iface of "net_af_packet0,iface=wan".
    static std::optional<std::string> argument(const std::string& vdev, const std::string& key) {
        const auto at = vdev.find("," + key + "=");
        if (at == std::string::npos) return std::nullopt;
        const auto begin = at + key.size() + 2;
        return vdev.substr(begin, vdev.find(',', begin) - begin);
    }

    bool check_vdev(std::string& vdev) {
        const bool af_packet = vdev.starts_with("net_af_packet");
        if (af_packet || vdev.starts_with("net_af_xdp")) {
            const auto iface = argument(vdev, "iface");
            if (!iface) return fail("`vdev` lacks iface=NAME, the interface to take over");
            if (!interface_exists(*iface))
                return fail("there is no interface " + *iface +
                            " here (`ip link` lists them): create it or correct `vdev`");
        }
        // Each queue pair of af_packet is a socket of one fan-out: none may be left unread.
        if (!af_packet) return true;
        const auto pairs = argument(vdev, "qpairs");
        if (!pairs) vdev += ",qpairs=" + std::to_string(workers_);
        if (pairs && *pairs != std::to_string(workers_))
            return fail("qpairs=" + *pairs + " but `workers` is " + std::to_string(workers_) +
                        ": af_packet needs one queue pair for each worker");
        return true;
    }

    bool check_pci() {
        const auto driver = pci_driver(config_.pci);
        if (!driver)
            return fail("there is no PCI device " + config_.pci + " (`lspci -D` lists them)");
        if (driver->starts_with("vfio") || driver->starts_with("uio") || *driver == "igb_uio" ||
            *driver == "mlx5_core")
            return true;
        return fail("PCI device " + config_.pci + " is " +
                    (driver->empty() ? "not bound" : "bound to " + *driver) +
                    ": hand it over with `dpdk-devbind.py --bind=vfio-pci " + config_.pci + "`");
    }

    bool probe() {
        take_complaint();
        std::string name = config_.pci;
        if (config_.pci.empty()) {
            std::string vdev = config_.vdev;
            if (!check_vdev(vdev)) return false;
            name = vdev.substr(0, vdev.find(','));
            if (const int error = rte_dev_probe(vdev.c_str()); error != 0)
                return fail_call("cannot open `vdev = " + config_.vdev + "`", error);
        } else if (!check_pci()) {
            return false;
        }
        if (const int error = rte_eth_dev_get_port_by_name(name.c_str(), &device_.port_id);
            error != 0)
            return fail_call("no driver took " + name, error);
        device_.name = config_.name;
        if (const int error = rte_eth_dev_info_get(device_.port_id, &info_); error != 0)
            return fail_call("the driver gives no information", error);
        device_.driver = info_.driver_name;
        return true;
    }

    bool configure() {
        if (info_.max_tx_queues < workers_)
            return fail("offers " + std::to_string(info_.max_tx_queues) +
                        " TX queues and each of " + std::to_string(workers_) +
                        " workers needs one: lower `workers`" +
                        (config_.pci.empty() ? " or give `vdev` more queues" : ""));
        device_.tx_queues = workers_;
        device_.rx_queues = std::min<unsigned>(workers_, info_.max_rx_queues);
        device_.mtu = config_.mtu;
        if (config_.mtu < info_.min_mtu || config_.mtu > info_.max_mtu)
            return fail("cannot carry `mtu = " + std::to_string(config_.mtu) + "`: it offers " +
                        std::to_string(info_.min_mtu) + " to " + std::to_string(info_.max_mtu));

        rte_eth_conf wanted{};
        wanted.rxmode.mtu = config_.mtu;
        std::vector<std::uint8_t> key(info_.hash_key_size);
        for (std::size_t i = 0; i < key.size(); ++i) key[i] = kSymmetricKeyByte[i % 2];
        const std::uint64_t hash =
            info_.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
        device_.rss = device_.rx_queues > 1 && hash != 0;
        if (device_.rss) {
            wanted.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
            wanted.rx_adv_conf.rss_conf.rss_hf = hash;
            if (!key.empty()) {
                wanted.rx_adv_conf.rss_conf.rss_key = key.data();
                wanted.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key.size());
            }
        }
        const int error =
            rte_eth_dev_configure(device_.port_id, static_cast<std::uint16_t>(device_.rx_queues),
                                  static_cast<std::uint16_t>(device_.tx_queues), &wanted);
        if (error != 0) return fail_call("cannot be configured", error);
        const int mtu =
            rte_eth_dev_set_mtu(device_.port_id, static_cast<std::uint16_t>(config_.mtu));
        if (mtu != 0 && mtu != -ENOTSUP)
            return fail_call("does not take `mtu = " + std::to_string(config_.mtu) + "`", mtu);
        return true;
    }

    bool set_up_queues() {
        auto rx = static_cast<std::uint16_t>(config_.rx_descriptors);
        auto tx = static_cast<std::uint16_t>(config_.tx_descriptors);
        if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(device_.port_id, &rx, &tx);
            error != 0)
            return fail_call("offers no such number of descriptors", error);
        const int socket = rte_eth_dev_socket_id(device_.port_id);
        const unsigned on = socket < 0 ? 0U : static_cast<unsigned>(socket);
        for (std::uint16_t queue = 0; queue < device_.rx_queues; ++queue)
            if (const int error =
                    rte_eth_rx_queue_setup(device_.port_id, queue, rx, on, nullptr, pools_[queue]);
                error != 0)
                return fail_call("no RX queue " + std::to_string(queue), error);
        for (std::uint16_t queue = 0; queue < device_.tx_queues; ++queue)
            if (const int error = rte_eth_tx_queue_setup(device_.port_id, queue, tx, on, nullptr);
                error != 0)
                return fail_call("no TX queue " + std::to_string(queue), error);
        return true;
    }

    bool start() {
        if (const int error = rte_eth_dev_start(device_.port_id); error != 0)
            return fail_call("does not start", error);
        // Neighbour discovery is multicast (RFC 4861). A device without either mode passes
        // everything.
        if (rte_eth_allmulticast_enable(device_.port_id) != 0)
            rte_eth_promiscuous_enable(device_.port_id);
        rte_ether_addr mac;
        if (const int error = rte_eth_macaddr_get(device_.port_id, &mac); error != 0)
            return fail_call("has no MAC address", error);
        std::memcpy(device_.mac.data(), mac.addr_bytes, device_.mac.size());
        return true;
    }

    const DeviceConfig& config_;
    const std::vector<rte_mempool*>& pools_;
    const unsigned workers_;
    Device device_;
    rte_eth_dev_info info_{};
    std::string problem_;
};

}  // namespace

tl::expected<Device, std::string> open_device(const DeviceConfig& config,
                                              const std::vector<rte_mempool*>& pools) {
    return Opener(config, pools).open();
}

void close_device(const Device& device) {
    rte_eth_dev_stop(device.port_id);
    rte_eth_dev_close(device.port_id);
}

Link link_of(const Device& device) {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(device.port_id, &link) != 0) return {};
    const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
    return {link.link_status == RTE_ETH_LINK_UP, known ? link.link_speed : 0};
}

DeviceCounts counts_of(const Device& device) {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(device.port_id, &stats) != 0) return {};
    return {stats.ipackets, stats.opackets, stats.ibytes, stats.obytes,
            stats.imissed + stats.rx_nombuf};
}

}  // namespace portcullis::nic
