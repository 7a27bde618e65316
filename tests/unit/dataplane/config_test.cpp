#include "dataplane/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace portcullis::dataplane {
namespace {

using testing::ElementsAre;

tl::expected<Config, ConfigErrors> read(const std::string& text,
                                        const std::vector<unsigned>& cores = {0, 1, 2, 3}) {
    std::istringstream stream(text);
    return read_config(stream, "t.conf", cores);
}

const std::string kWan = "[device.wan]\nvdev = net_null0\n";

TEST(Config, DefaultsNeedOnlyADevice) {
    const auto config = read(kWan);
    ASSERT_TRUE(config) << config.error().front();
    EXPECT_EQ(config->workers, 1U);
    EXPECT_EQ(config->main_core, 0U);
    EXPECT_THAT(config->cores, ElementsAre(1));
    EXPECT_FALSE(config->idle_sleep);
    EXPECT_TRUE(config->huge);
    ASSERT_EQ(config->devices.size(), 1U);
    EXPECT_EQ(config->devices[0].name, "wan");
    EXPECT_EQ(config->devices[0].vdev, "net_null0");
}

TEST(Config, ReadsEveryKey) {
    const auto config = read(R"(
# a comment
workers = 2
main-core = 3
cores = 1-2   # one a worker
idle = sleep
sessions = 4096
memory-mib = 256
huge = off
peer-socket = /tmp/peer.sock
image = /tmp/current
state-dir = /tmp
user = nobody
control-user = daemon
log-level = debug
inspect-seconds = 20
inspect-segments = 33
inspect-per-source = 34
inspect-buffers-per-source = 35
inspect-records = 136
inspect-datagrams = 137
inspect-buffers = 38
inspect-large-buffers = 39
[device.wan]
vdev = net_af_packet0,iface=pc-wan,qpairs=2
mtu = 9000
rx-descriptors = 512
tx-descriptors = 256
[device.lan]
vdev = net_tap0,iface=lan
)");
    ASSERT_TRUE(config) << config.error().front();
    EXPECT_EQ(config->workers, 2U);
    EXPECT_EQ(config->main_core, 3U);
    EXPECT_THAT(config->cores, ElementsAre(1, 2));
    EXPECT_TRUE(config->idle_sleep);
    EXPECT_EQ(config->sessions, 4096U);
    EXPECT_EQ(config->memory_mib, 256U);
    EXPECT_FALSE(config->huge);
    EXPECT_EQ(config->peer_socket, "/tmp/peer.sock");
    EXPECT_EQ(config->image, "/tmp/current");
    EXPECT_EQ(config->state_dir, "/tmp");
    EXPECT_EQ(config->user, "nobody");
    EXPECT_EQ(config->control_user, "daemon");
    EXPECT_EQ(config->log_level, "debug");
    EXPECT_EQ(config->inspection.deadline, 20'000U);
    EXPECT_EQ(config->inspection.idle_segments, 33U);
    EXPECT_EQ(config->inspection.per_source, 34U);
    EXPECT_EQ(config->inspection.buffers_per_source, 35U);
    EXPECT_EQ(config->inspection.records, 136U);
    EXPECT_EQ(config->inspection.datagrams, 137U);
    EXPECT_EQ(config->inspection.medium, 38U);
    EXPECT_EQ(config->inspection.large, 39U);
    ASSERT_EQ(config->devices.size(), 2U);
    EXPECT_EQ(config->devices[0].vdev, "net_af_packet0,iface=pc-wan,qpairs=2");
    EXPECT_EQ(config->devices[0].mtu, 9000U);
    EXPECT_EQ(config->devices[0].rx_descriptors, 512U);
    EXPECT_EQ(config->devices[0].tx_descriptors, 256U);
    EXPECT_EQ(config->devices[1].mtu, 1500U);
}

TEST(Config, ReportsEveryProblemWithItsLine) {
    const auto config = read(R"(workres = 2
workers = 0
workers = 3
sessions = many
idle = doze
image = relative/path
nonsense
[interface.wan]
vdev = x
[device.wan]
mtu = 20
speed = 7
[device.wan]
[device.lan]
pci = 0000:01:00.0
vdev = net_null0
)");
    ASSERT_FALSE(config);
    EXPECT_THAT(
        config.error(),
        ElementsAre(
            testing::StartsWith("t.conf:1: unknown key `workres`; there are: workers, main-core"),
            "t.conf:2: `workers = 0`: must be 1 to 32",
            "t.conf:3: `workers` is set already in line 2",
            "t.conf:4: `sessions = many` is no number that fits",
            "t.conf:5: `idle = doze`: must be one of: spin, sleep",
            "t.conf:6: `image = relative/path`: must be an absolute path",
            "t.conf:7: expected `key = value`, found `nonsense`",
            "t.conf:8: unknown section `[interface.wan]`; the only kind is [device.NAME]",
            "t.conf:11: `mtu = 20`: must be 68 to 9216",
            testing::StartsWith("t.conf:12: unknown key `speed`; a device has: pci, vdev"),
            "t.conf:13: device `wan` is there already in line 10",
            "t.conf:10: device `wan` needs either `pci` or `vdev`",
            "t.conf:14: device `lan` needs either `pci` or `vdev`"));
}

TEST(Config, LimitsOfInspectionHaveRanges) {
    const auto config = read("inspect-seconds = 0\ninspect-seconds = 61\ninspect-records = 63\n" +
                             kWan + "inspect-segments = 5\n");
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(),
                ElementsAre("t.conf:1: `inspect-seconds = 0`: must be 1 to 60",
                            "t.conf:2: `inspect-seconds` is set already in line 1",
                            "t.conf:3: `inspect-records = 63`: must be 64 to 1048576",
                            testing::StartsWith("t.conf:6: unknown key `inspect-segments`")));
#define X(member, key, unit, least, most)                   \
    EXPECT_TRUE(read(key " = " #least "\n" + kWan)) << key; \
    EXPECT_FALSE(read(key " = " #most "1\n" + kWan)) << key;
    PORTCULLIS_INSPECT_SETTINGS(X)
#undef X
}

TEST(Config, AShareOfInspectionIsLessThanTheWhole) {
    const auto config = read(
        "inspect-records = 100\ninspect-per-source = 101\ninspect-buffers = 16\n"
        "inspect-buffers-per-source = 17\n" +
        kWan);
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(),
                ElementsAre("t.conf:2: `inspect-per-source` (101) is more than `inspect-records` "
                            "(100), so one source could take them all: lower it, or raise "
                            "`inspect-records`",
                            "t.conf:4: `inspect-buffers-per-source` (17) is more than "
                            "`inspect-buffers` (16), so one source could take them all: lower it, "
                            "or raise `inspect-buffers`"));
    EXPECT_TRUE(read("inspect-records = 64\n" + kWan));
}

TEST(Config, NoDeviceAtAll) {
    const auto config = read("");
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(),
                ElementsAre("t.conf:1: no device: add a section [device.NAME] for each"));
}

TEST(Config, OneVdevForTwoDevices) {
    const auto config = read(kWan + "[device.lan]\nvdev = net_null0,size=60\n");
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(),
                ElementsAre("t.conf:3: devices `wan` and `lan` are both net_null0"));
}

TEST(Config, PciNeedsHugePages) {
    const auto config = read("huge = off\n[device.wan]\npci = 0000:01:00.0\n");
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(),
                ElementsAre("t.conf:2: device `wan` is a PCI device, which needs `huge = on`"));
}

TEST(Cores, AreTakenFromTheMachine) {
    EXPECT_THAT(read("workers = 2\n" + kWan, {2, 5, 7})->cores, ElementsAre(5, 7));
    EXPECT_EQ(read("workers = 2\n" + kWan, {2, 5, 7})->main_core, 2U);
    EXPECT_EQ(read("cores = 1,2\n" + kWan)->workers, 2U);
}

TEST(Cores, ThreadsThatSpinDoNotShare) {
    EXPECT_FALSE(read("workers = 3\n" + kWan, {0, 1}));
    EXPECT_FALSE(read("main-core = 1\ncores = 1\n" + kWan));
    EXPECT_FALSE(read("cores = 1,1\n" + kWan));
    const auto shared = read("workers = 3\nidle = sleep\n" + kWan, {0, 1});
    ASSERT_TRUE(shared);
    EXPECT_THAT(shared->cores, ElementsAre(1, 1, 1));
}

TEST(Cores, AsManyAsWorkers) {
    const auto config = read("workers = 3\ncores = 1,2\n" + kWan);
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error(), ElementsAre("t.conf:2: `cores` names 2 cores for 3 workers"));
}

TEST(Config, TheExampleIsRight) {
    std::ifstream example(PORTCULLIS_SOURCE_ROOT "/dataplane/dataplane.conf.example");
    ASSERT_TRUE(example);
    const auto config = read_config(example, "example", {0, 1, 2, 3});
    ASSERT_TRUE(config) << config.error().front();
    EXPECT_EQ(config->devices.size(), 3U);
    // What the comments call defaults must be the defaults.
    const Config defaults;
    example.clear();
    example.seekg(0);
    std::string uncommented;
    for (std::string line; std::getline(example, line);) {
        const bool assignment = line.starts_with("#") && !line.starts_with("# ") &&
                                line.find(" = ") != std::string::npos;
        if (assignment && !line.starts_with("#user") && !line.starts_with("#control-user"))
            line.erase(0, 1);
        uncommented += line + "\n";
    }
    const auto full = read(uncommented);
    ASSERT_TRUE(full) << full.error().front();
    EXPECT_EQ(full->sessions, defaults.sessions);
    EXPECT_EQ(full->memory_mib, defaults.memory_mib);
    EXPECT_EQ(full->huge, defaults.huge);
    EXPECT_EQ(full->idle_sleep, defaults.idle_sleep);
    EXPECT_EQ(full->peer_socket, defaults.peer_socket);
    EXPECT_EQ(full->image, defaults.image);
    EXPECT_EQ(full->state_dir, defaults.state_dir);
    EXPECT_EQ(full->log_level, defaults.log_level);
#define X(member, key, unit, least, most)                                  \
    EXPECT_EQ(full->inspection.member, defaults.inspection.member) << key; \
    EXPECT_NE(uncommented.find("\n" key " = "), std::string::npos) << key;
    PORTCULLIS_INSPECT_SETTINGS(X)
#undef X
    EXPECT_EQ(full->devices[0].mtu, nic::DeviceConfig{}.mtu);
    EXPECT_EQ(full->devices[0].rx_descriptors, nic::DeviceConfig{}.rx_descriptors);
    EXPECT_EQ(full->devices[0].tx_descriptors, nic::DeviceConfig{}.tx_descriptors);
}

}  // namespace
}  // namespace portcullis::dataplane
