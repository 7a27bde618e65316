// Bring-up of devices that need neither root nor hardware, and the sentence each mistake gets.
#include "nic/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

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
}

TEST_F(DeviceTest, QueuePairsAndWorkersMustAgree) {
    EXPECT_EQ(error_of(config("net_af_packet0,iface=lo,qpairs=1")),
              "device wan: qpairs=1 but `workers` is 2: af_packet needs one queue pair for each "
              "worker");
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
