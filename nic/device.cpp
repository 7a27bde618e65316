#include "nic/device.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>

#include "nic/drivers.h"
#include "nic/log.h"
#include "nic/probe.h"

namespace portcullis::nic {
namespace {

// Ethernet header, two tags and the checksum behind: what drivers count on top of the MTU.
constexpr unsigned kFrameOverhead = 14 + 2 * 4 + 4;
constexpr Mac kAllNodes{0x33, 0x33, 0, 0, 0, 1};  // RFC 4291 section 2.7.1, RFC 2464 section 7

class Opener {
  public:
    Opener(const DeviceConfig& config, const std::vector<rte_mempool*>& pools)
        : config_(config), pools_(pools), workers_(static_cast<unsigned>(pools.size())) {}

    tl::expected<Device, std::string> open() {
        device_.name = config_.name;
        const auto port = probe(config_, workers_);
        if (!port) return tl::unexpected("device " + config_.name + ": " + port.error());
        device_.port_id = *port;
        if (!ask() || !check_queues() || !check_mtu() || !configure() || !set_up_queues() ||
            !start())
            return tl::unexpected("device " + config_.name + ": " + problem_);
        check_driver();
        check_numa();
        return std::move(device_);
    }

  private:
    bool fail(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }
    // What failed, and why: DPDK's own last complaint where it made one.
    bool fail_call(const std::string& what, int error) {
        return fail(what + ": " + complaint_or(error));
    }

    bool ask() {
        if (const int error = rte_eth_dev_info_get(device_.port_id, &info_); error != 0)
            return fail_call("the driver gives no information", error);
        device_.driver = info_.driver_name;
        facts_ = facts_of(device_.driver);
        return true;
    }

    bool check_queues() {
        if (info_.max_tx_queues < workers_)
            return fail("offers " + std::to_string(info_.max_tx_queues) +
                        " TX queues and each of " + std::to_string(workers_) +
                        " workers needs one: lower `workers`" +
                        (config_.pci.empty() ? " or give `vdev` more queues" : ""));
        device_.tx_queues = workers_;
        device_.most_rx_queues = info_.max_rx_queues;
        device_.rx_queues = std::min<unsigned>(workers_, info_.max_rx_queues);
        return true;
    }

    bool check_mtu() {
        device_.mtu = config_.mtu;
        const std::string setting = "`mtu = " + std::to_string(config_.mtu) + "`";
        if (config_.mtu < info_.min_mtu || config_.mtu > info_.max_mtu)
            return fail("cannot carry " + setting + ": it offers " + std::to_string(info_.min_mtu) +
                        " to " + std::to_string(info_.max_mtu));
        // A frame in two buffers would be dropped: one must do. make_pool() sees to it.
        for (rte_mempool* pool : pools_) {
            const unsigned room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
            if (config_.mtu + kFrameOverhead > room)
                return fail(setting + " needs packet buffers of " +
                            std::to_string(config_.mtu + kFrameOverhead) + " bytes and they have " +
                            std::to_string(room));
        }
        return true;
    }

    // Reception only: nothing is left to do for a sender's offloads (README.md).
    std::uint64_t choose_offloads() {
        std::uint64_t chosen = info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
        // A driver that strips in software moves bytes that parse would only have read over.
        const bool by_card = facts_ == nullptr || facts_->vlan_strip;
        if (by_card) chosen |= info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
        // With the feature on, virtio lets no VLAN in by itself: then the list must be kept.
        if (facts_ != nullptr && facts_->vlan_filter)
            chosen |= info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
        device_.filters_vlans = (chosen & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
        device_.checks_ip_checksum = (chosen & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
        device_.strips_vlan = (chosen & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0;
        return chosen;
    }

    bool configure() {
        rte_eth_conf wanted{};
        wanted.rxmode.mtu = config_.mtu;
        wanted.rxmode.offloads = choose_offloads();
        const std::uint64_t types = hash_types(info_.flow_type_rss_offloads);
        std::vector<std::uint8_t> key(info_.hash_key_size);
        if (device_.rx_queues > 1 && types != 0) {
            const HashKey source = hash_key(Side::source);
            std::copy_n(source.begin(), std::min(key.size(), source.size()), key.begin());
            device_.spread.types = types;
            device_.spread.key.assign(source.begin(), source.end());
            wanted.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
            wanted.rx_adv_conf.rss_conf.rss_hf = types;
            // vmxnet3 gives no size, and takes one of 40.
            if (key.empty()) key.assign(source.begin(), source.end());
            wanted.rx_adv_conf.rss_conf.rss_key = key.data();
            wanted.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key.size());
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
        device_.rx_descriptors = rx;
        device_.tx_descriptors = tx;
        note_fewer("rx-descriptors", config_.rx_descriptors, rx);
        note_fewer("tx-descriptors", config_.tx_descriptors, tx);
        device_.numa_node = rte_eth_dev_socket_id(device_.port_id);
        const unsigned on = device_.numa_node < 0 ? 0U : static_cast<unsigned>(device_.numa_node);
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
    void note_fewer(const char* setting, unsigned asked, unsigned granted) {
        if (granted == asked) return;
        device_.warnings.push_back("`" + std::string(setting) + " = " + std::to_string(asked) +
                                   "` is more or less than it takes: it has " +
                                   std::to_string(granted));
    }

    bool start() {
        if (const int error = rte_eth_dev_start(device_.port_id); error != 0)
            return fail_call("does not start", error);
        rte_ether_addr mac;
        if (const int error = rte_eth_macaddr_get(device_.port_id, &mac); error != 0)
            return fail_call("has no MAC address", error);
        std::memcpy(device_.mac.data(), mac.addr_bytes, device_.mac.size());
        rte_eth_promiscuous_disable(device_.port_id);
        device_.multicast = Multicast::groups;
        // Enough until a policy says which addresses are ours.
        if (auto heard = listen_to(device_, std::array<Mac, 1>{kAllNodes}); !heard)
            device_.warnings.push_back(heard.error());
        if (auto steered = steer_by(device_, Side::source, workers_); !steered)
            device_.warnings.push_back(steered.error());
        // Some drivers choose this by themselves, for frames larger than a buffer by their count.
        rte_eth_rxq_info queue{};
        if (rte_eth_rx_queue_info_get(device_.port_id, 0, &queue) == 0 && queue.scattered_rx != 0)
            device_.warnings.push_back(
                "the driver receives into chains of buffers, which is slower; frames that need "
                "more "
                "than one are dropped (multi-segment)");
        return true;
    }

    void check_driver() {
        if (facts_ == nullptr || rte_eth_dev_info_get(device_.port_id, &info_) != 0) return;
        // A table appears with the hash: vmxnet3 has none before, and nobody has for one queue.
        if (device_.rx_queues == 1 && info_.reta_size == 0) info_.reta_size = facts_->tables[0];
        for (std::string& difference : differences(*facts_, info_))
            device_.warnings.push_back(std::move(difference));
    }

    void check_numa() {
        if (device_.numa_node < 0) return;
        for (unsigned worker = 0; worker < workers_; ++worker)
            if (const int node = pools_[worker]->socket_id; node >= 0 && node != device_.numa_node)
                device_.warnings.push_back("is on NUMA node " + std::to_string(device_.numa_node) +
                                           " and worker " + std::to_string(worker) + " on node " +
                                           std::to_string(node) +
                                           ": give it one of `cores` beside the device");
    }

    const DeviceConfig& config_;
    const std::vector<rte_mempool*>& pools_;
    const unsigned workers_;
    Device device_;
    rte_eth_dev_info info_{};
    const DriverFacts* facts_ = nullptr;  // null: a driver we know nothing about
    std::string problem_;
};

// Rather too much than not all that is ours. `problem`: what the device does not take.
tl::expected<void, std::string> receive_everything(Device& device, const std::string& problem) {
    // By nature (memif), or since an earlier problem.
    const bool already = rte_eth_promiscuous_get(device.port_id) == 1;
    take_complaint();
    if (const int error = already ? 0 : rte_eth_promiscuous_enable(device.port_id); error != 0)
        return tl::unexpected(problem + "; and it does not become promiscuous (" +
                              complaint_or(error) + "): frames for us may not come in");
    device.multicast = Multicast::everything;
    if (already) return {};
    return tl::unexpected(
        problem + "; it is promiscuous instead: frames for others come in, and are dropped");
}

}  // namespace

tl::expected<Device, std::string> open_device(const DeviceConfig& config,
                                              const std::vector<rte_mempool*>& pools) {
    return Opener(config, pools).open();
}

void close_device(const Device& device) {
    rte_eth_dev_stop(device.port_id);
    rte_eth_dev_close(device.port_id);
}

tl::expected<void, std::string> listen_to(Device& device, std::span<const Mac> groups) {
    if (device.multicast != Multicast::groups) return {};
    std::vector<rte_ether_addr> list(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i)
        std::memcpy(list[i].addr_bytes, groups[i].data(), groups[i].size());
    take_complaint();
    const int refused = rte_eth_dev_set_mc_addr_list(device.port_id, list.data(),
                                                     static_cast<std::uint32_t>(list.size()));
    if (refused == 0) return {};
    const std::string reason = complaint_or(refused);
    // Neighbour discovery is multicast (RFC 4861): rather too much than not all of it.
    if (rte_eth_allmulticast_enable(device.port_id) == 0) {
        device.multicast = Multicast::all;
        return {};
    }
    return receive_everything(device, "takes no multicast groups, one by one or all: " + reason);
}

tl::expected<void, std::string> let_in(Device& device, std::span<const std::uint16_t> vlans) {
    if (!device.filters_vlans) return {};
    std::string problem;
    for (const std::uint16_t vlan : vlans) {
        take_complaint();
        const int refused = rte_eth_dev_vlan_filter(device.port_id, vlan, 1);
        if (refused != 0 && problem.empty())
            problem = "does not let VLAN " + std::to_string(vlan) + " in: " + complaint_or(refused);
    }
    if (problem.empty()) return {};
    return receive_everything(device, problem);
}

void keep_out(Device& device, std::span<const std::uint16_t> vlans) {
    if (!device.filters_vlans) return;
    // One that stays on the list costs little: parse knows which VLANs are ours.
    for (const std::uint16_t vlan : vlans) rte_eth_dev_vlan_filter(device.port_id, vlan, 0);
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
