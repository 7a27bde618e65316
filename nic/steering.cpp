#include "nic/steering.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "nic/device.h"
#include "nic/log.h"
#include "nic/probe.h"

namespace portcullis::nic {
namespace {

constexpr std::uint64_t kIpv4Types =
    RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
constexpr std::uint64_t kIpv6Types =
    RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
constexpr std::uint64_t kPortTypes = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                     RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr std::uint8_t kTcp = 6, kUdp = 17;

bool is_v4(const std::array<std::uint8_t, 16>& address) {
    static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                             0, 0, 0, 0, 0xff, 0xff};
    return std::equal(kMapped.begin(), kMapped.end(), address.begin());
}

// The type under which a driver hashes ports too, 0 where the protocol has none.
std::uint64_t port_type(bool v4, std::uint8_t protocol) {
    if (protocol == kTcp) return v4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    if (protocol == kUdp) return v4 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP : RTE_ETH_RSS_NONFRAG_IPV6_UDP;
    return 0;
}

// The entries as DPDK wants them, in groups of 64 with a mask.
std::vector<rte_eth_rss_reta_entry64> in_groups(const std::vector<std::uint16_t>& table) {
    std::vector<rte_eth_rss_reta_entry64> groups((table.size() + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                                 RTE_ETH_RETA_GROUP_SIZE);
    for (std::size_t i = 0; i < table.size(); ++i) {
        rte_eth_rss_reta_entry64& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
        group.mask |= std::uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
        group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = table[i];
    }
    return groups;
}

bool read_table(const Device& device, unsigned entries, std::vector<std::uint16_t>& table) {
    table.assign(entries, 0);
    std::vector<rte_eth_rss_reta_entry64> groups = in_groups(table);
    if (rte_eth_dev_rss_reta_query(device.port_id, groups.data(),
                                   static_cast<std::uint16_t>(entries)) != 0)
        return false;
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
    return true;
}

// What the driver holds now. Without a table nobody can tell what it does with the hash; one that
// does not give its key and types away (vmxnet3) holds what it was started with.
void read_back(Device& device, const rte_eth_dev_info& info) {
    Spread& spread = device.spread;
    spread.hashes = info.reta_size != 0 && read_table(device, info.reta_size, spread.table);
    if (!spread.hashes) return;
    std::vector<std::uint8_t> key(std::max<std::size_t>(info.hash_key_size, HashKey{}.size()));
    rte_eth_rss_conf held{};
    held.rss_key = key.data();
    held.rss_key_len =
        static_cast<std::uint8_t>(info.hash_key_size == 0 ? key.size() : info.hash_key_size);
    if (rte_eth_dev_rss_hash_conf_get(device.port_id, &held) != 0) return;
    spread.types = held.rss_hf;
    if (std::ranges::any_of(key, [](std::uint8_t byte) { return byte != 0; })) spread.key = key;
}

}  // namespace

std::uint64_t hash_types(std::uint64_t offered) {
    return offered & (kIpv4Types | kIpv6Types | kPortTypes);
}

std::vector<std::uint16_t> redirection_table(unsigned entries, unsigned workers, unsigned queues) {
    std::vector<std::uint16_t> table(entries);
    for (unsigned entry = 0; entry < entries; ++entry)
        table[entry] =
            static_cast<std::uint16_t>(worker_of_bucket(entry % kBuckets, workers) % queues);
    return table;
}

std::optional<unsigned> queue_of(const Spread& spread, unsigned queues, const Flow& flow) {
    if (queues == 1) return 0;
    if (!spread.hashes || spread.table.empty()) return std::nullopt;
    const bool v4 = is_v4(flow.source);
    const std::uint64_t ports = port_type(v4, flow.protocol);
    const bool with_ports = (spread.types & ports) != 0;
    // What a device does not hash has hash 0.
    if (!with_ports && (spread.types & (v4 ? kIpv4Types : kIpv6Types)) == 0) return spread.table[0];
    std::array<std::uint8_t, 36> input;
    auto* end = std::copy(flow.source.begin() + (v4 ? 12 : 0), flow.source.end(), input.begin());
    end = std::copy(flow.destination.begin() + (v4 ? 12 : 0), flow.destination.end(), end);
    if (with_ports)
        for (const std::uint16_t port : {flow.source_port, flow.destination_port}) {
            *end++ = static_cast<std::uint8_t>(port >> 8);
            *end++ = static_cast<std::uint8_t>(port);
        }
    const std::uint32_t hash =
        toeplitz(spread.key, {input.data(), static_cast<std::size_t>(end - input.data())});
    return spread.table[hash % spread.table.size()];
}

tl::expected<void, std::string> steer_by(Device& device, Side side, unsigned workers) {
    if (device.rx_queues == 1) return {};
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(device.port_id, &info) != 0 ||
        hash_types(info.flow_type_rss_offloads) == 0)
        return {};
    take_complaint();
    std::string problem;
    const HashKey key = hash_key(side);
    std::vector<std::uint8_t> whole(std::max<std::size_t>(info.hash_key_size, key.size()));
    std::ranges::copy(key, whole.begin());
    rte_eth_rss_conf wanted{};
    wanted.rss_key = whole.data();
    wanted.rss_key_len = static_cast<std::uint8_t>(whole.size());
    wanted.rss_hf = hash_types(info.flow_type_rss_offloads);
    const int refused = rte_eth_dev_rss_hash_update(device.port_id, &wanted);
    if (refused == 0) {
        device.spread.side = side;
        device.spread.key = whole;
        device.spread.types = wanted.rss_hf;
    } else if (side != device.spread.side) {  // else it has been started with this key
        problem = "takes no other hash key while it runs: " + complaint_or(refused);
    }
    // After the key, always: mlx5 applies both only then.
    if (info.reta_size != 0) {
        const auto table = redirection_table(info.reta_size, workers, device.rx_queues);
        auto groups = in_groups(table);
        if (const int error =
                rte_eth_dev_rss_reta_update(device.port_id, groups.data(), info.reta_size);
            error != 0 && problem.empty())
            problem = "takes no redirection table: " + complaint_or(error);
    }
    read_back(device, info);
    if (!problem.empty()) return tl::unexpected(problem);
    return {};
}

std::string describe(const Device& device) {
    if (device.rx_queues == 1) return "one queue";
    if (!device.spread.hashes) return "spread by the driver";
    return std::string("RSS by ") +
           (device.spread.side == Side::source ? "source" : "destination") + ", table of " +
           std::to_string(device.spread.table.size());
}

}  // namespace portcullis::nic
