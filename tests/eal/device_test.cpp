// Bring-up of devices that need neither root nor hardware, and the sentence each mistake gets.
#include "nic/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "nic/eal.h"
#include "nic/log.h"
#include "nic/machine.h"

namespace portcullis::nic {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class DeviceTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        route_log({});
        for (unsigned i = 0; i < 2; ++i)
            pools().push_back(make_pool("pool" + std::to_string(i), 4000, 32, 1518).value());
    }
    static std::vector<rte_mempool*>& pools() {
        static std::vector<rte_mempool*> list;
        return list;
    }
    static DeviceConfig config(std::string vdev) {
        DeviceConfig made;
        made.name = "wan";
        made.vdev = std::move(vdev);
        return made;
    }
    static std::string error_of(const DeviceConfig& of) {
        const auto device = open_device(of, pools());
        return device ? "it opened" : device.error();
    }
};

TEST_F(DeviceTest, RunsWithAQueueForEachWorker) {
    const auto device = open_device(config("net_null0"), pools());
    ASSERT_TRUE(device) << device.error();
    EXPECT_EQ(device->driver, "net_null");
    EXPECT_EQ(device->tx_queues, 2U);
    rte_mbuf* packets[32];
    EXPECT_GT(rte_eth_rx_burst(device->port_id, 0, packets, 32), 0);
    EXPECT_EQ(packets[0]->pool, pools()[0]);
    EXPECT_GE(rte_pktmbuf_priv_size(pools()[0]), 32);
    EXPECT_GT(counts_of(*device).rx_packets, 0U);
    close_device(*device);
}

// What was programmed is read back from the driver, and the queue of a flow follows from it.
TEST_F(DeviceTest, HashesByTheOwnershipRule) {
    auto device = open_device(config("net_null2"), pools());
    ASSERT_TRUE(device) << device.error();
    EXPECT_TRUE(device->warnings.empty());
    EXPECT_EQ(describe(*device), "RSS by source, table of 128");
    for (const Side side : {Side::source, Side::destination, Side::source}) {
        ASSERT_TRUE(steer_by(*device, side, 2));
        EXPECT_EQ(device->spread.side, side);
        EXPECT_TRUE(std::ranges::equal(device->spread.key, hash_key(side)));
        EXPECT_EQ(device->spread.table, redirection_table(128, 2, 2));
        EXPECT_EQ(hash_types(device->spread.types), device->spread.types);
        Flow flow;
        flow.source[15] = 1;
        flow.destination[15] = 2;
        EXPECT_EQ(queue_of(device->spread, 2, flow),
                  bucket_of(side == Side::source ? flow.source : flow.destination) % 2);
    }
    close_device(*device);
}

// Rings have as many queues as they are given, no RSS, and every multicast frame.
TEST_F(DeviceTest, QueuesWithoutRss) {
    const auto device = open_device(config("net_ring0"), pools());
    ASSERT_TRUE(device) << device.error();
    EXPECT_EQ(device->rx_queues, 2U);
    EXPECT_EQ(describe(*device), "spread by the driver");
    EXPECT_EQ(queue_of(device->spread, 2, Flow{}), std::nullopt);
    EXPECT_EQ(device->multicast, Multicast::all);
    EXPECT_FALSE(device->checks_ip_checksum);
    rte_mbuf* sent = rte_pktmbuf_alloc(pools()[0]);
    ASSERT_EQ(rte_eth_tx_burst(device->port_id, 1, &sent, 1), 1);
    rte_mbuf* packets[4];
    EXPECT_EQ(rte_eth_rx_burst(device->port_id, 0, packets, 4), 0);
    ASSERT_EQ(rte_eth_rx_burst(device->port_id, 1, packets, 4), 1);
    rte_pktmbuf_free(packets[0]);
    close_device(*device);
}

TEST_F(DeviceTest, UnknownDriver) {
    EXPECT_THAT(error_of(config("net_nonsense0")),
                StartsWith("device wan: cannot open `vdev = net_nonsense0`: "));
}

TEST_F(DeviceTest, MissingInterface) {
    EXPECT_EQ(error_of(config("net_af_packet0,iface=pc-not-there")),
              "device wan: there is no interface pc-not-there here (`ip link` lists them): create "
              "it or correct `vdev`");
    EXPECT_EQ(error_of(config("net_af_packet0")),
              "device wan: `vdev` lacks iface=NAME, the interface to take over");
    EXPECT_EQ(error_of(config("net_af_xdp0,iface=pc-not-there")),
              "device wan: there is no interface pc-not-there here (`ip link` lists them): create "
              "it or correct `vdev`");
}

TEST_F(DeviceTest, QueuePairsAndWorkersMustAgree) {
    EXPECT_EQ(error_of(config("net_af_packet0,iface=lo,qpairs=1")),
              "device wan: qpairs=1 but `workers` is 2: af_packet needs one queue pair for each "
              "worker");
    EXPECT_EQ(
        error_of(config("net_af_xdp0,iface=lo,queue_count=4")),
        "device wan: queue_count=4 but `workers` is 2: af_xdp needs one queue for each worker");
}

TEST_F(DeviceTest, TooFewTransmitQueues) {
    // An empty capture file: its header only (libpcap's format 2.4, Ethernet).
    const std::string path = testing::TempDir() + "portcullis-empty.pcap";
    const std::uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(header), sizeof header);
    EXPECT_EQ(error_of(config("net_pcap0,rx_pcap=" + path + ",tx_pcap=/dev/null")),
              "device wan: offers 1 TX queues and each of 2 workers needs one: lower `workers` or "
              "give `vdev` more queues");
    std::filesystem::remove(path);
}

TEST_F(DeviceTest, MtuBeyondTheDevice) {
    DeviceConfig big = config("net_null1");
    big.mtu = 40;
    EXPECT_THAT(error_of(big), StartsWith("device wan: cannot carry `mtu = 40`: it offers 46 to "));
}

// Every frame fits one buffer, or the device is not opened.
TEST_F(DeviceTest, JumboFramesNeedJumboBuffers) {
    DeviceConfig jumbo = config("net_null3");
    jumbo.mtu = 9000;
    EXPECT_EQ(error_of(jumbo),
              "device wan: `mtu = 9000` needs packet buffers of 9026 bytes and they have 2048");
    std::vector<rte_mempool*> large;
    for (unsigned i = 0; i < 2; ++i)
        large.push_back(make_pool("large" + std::to_string(i), 2000, 32, 9018).value());
    // In whole KiB, or ixgbe and igb would use less and chain.
    EXPECT_EQ(rte_pktmbuf_data_room_size(large[0]) - RTE_PKTMBUF_HEADROOM, 9U * 1024);
    jumbo.vdev = "net_null4";
    const auto device = open_device(jumbo, large);
    ASSERT_TRUE(device) << device.error();
    EXPECT_EQ(device->mtu, 9000U);
    EXPECT_TRUE(device->warnings.empty());
    close_device(*device);
}

TEST_F(DeviceTest, MissingPciDevice) {
    DeviceConfig pci;
    pci.name = "wan";
    pci.pci = "ffff:ff:1f.7";
    EXPECT_EQ(error_of(pci),
              "device wan: there is no PCI device ffff:ff:1f.7 (`lspci -D` lists them)");
}

TEST(Machine, CoresAreThoseOfTheProcess) {
    EXPECT_FALSE(usable_cores().empty());
    EXPECT_TRUE(interface_exists("lo"));
    EXPECT_FALSE(interface_exists("pc-not-there"));
    EXPECT_EQ(pci_driver("ffff:ff:1f.7"), std::nullopt);
}

TEST(Machine, SeesWhoSpinsOnACore) {
    const unsigned core = usable_cores().back();
    const pid_t child = fork();
    if (child == 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(0, sizeof set, &set);
        for (;;) sched_yield();
    }
    std::optional<std::string> who;
    for (unsigned tries = 0; tries < 100 && !who; ++tries) {
        usleep(20'000);
        who = busy_with(core);
    }
    EalOptions options;
    options.worker_cores = {core};
    options.main_core = usable_cores().front();
    const auto started = start_eal(options);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    ASSERT_TRUE(who);
    EXPECT_THAT(*who, HasSubstr("(pid "));
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error(), HasSubstr("spins on it; give the workers other `cores`, or set "
                                           "`idle = sleep` to share it"));
}

TEST(Eal, RefusesWhatTheMachineLacks) {
    EalOptions options;
    options.worker_cores = {1000};
    auto started = start_eal(options);
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error(), StartsWith("core 1000 is not there for this process: set "
                                            "`main-core` and `cores` to some of: "));
    options.worker_cores = {usable_cores().back()};
    options.main_core = usable_cores().front();
    options.workers_spin = false;
    options.memory_mib = 1U << 30;
    started = start_eal(options);
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error(), StartsWith("too few huge pages: `memory-mib` asks for"));
    options.huge = false;
    options.pci = {"0000:01:00.0"};
    EXPECT_EQ(start_eal(options).error(), "PCI devices need huge pages: set `huge = on`");
}

}  // namespace
}  // namespace portcullis::nic
