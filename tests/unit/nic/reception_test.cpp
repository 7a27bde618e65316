// What a device lets in when it does not take what it is asked for, and what the operator is told. The
// driver is made of the functions below, which stand in for DPDK's own of these names.
#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <cerrno>
#include <vector>

#include "nic/device.h"

namespace {

struct Driver {
    int groups = 0, all = 0, become_promiscuous = 0;  // what the calls return
    std::uint16_t refused_vlan = 0;
    bool promiscuous = false;
    unsigned asked = 0;  // for multicast, of any kind
    std::vector<std::uint16_t> vlans;
} driver;

}  // namespace

extern "C" {

int rte_eth_dev_set_mc_addr_list(std::uint16_t, rte_ether_addr*, std::uint32_t) {
    ++driver.asked;
    return driver.groups;
}
int rte_eth_allmulticast_enable(std::uint16_t) {
    ++driver.asked;
    return driver.all;
}
int rte_eth_promiscuous_get(std::uint16_t) {
    return driver.promiscuous ? 1 : 0;
}
int rte_eth_promiscuous_enable(std::uint16_t) {
    if (driver.become_promiscuous == 0) driver.promiscuous = true;
    return driver.become_promiscuous;
}
int rte_eth_dev_vlan_filter(std::uint16_t, std::uint16_t vlan, int on) {
    if (vlan == driver.refused_vlan) return -ENOSPC;
    if (on != 0) driver.vlans.push_back(vlan);
    return 0;
}

}  // extern "C"

namespace portcullis::nic {
namespace {

constexpr std::array<Mac, 1> kGroups = {Mac{0x33, 0x33, 0, 0, 0, 1}};

class Reception : public testing::Test {
  protected:
    void SetUp() override {
        driver = {};
        device_.multicast = Multicast::groups;
        device_.filters_vlans = true;
    }
    std::string listen() { return text_of(listen_to(device_, kGroups)); }
    std::string let(std::vector<std::uint16_t> vlans) { return text_of(let_in(device_, vlans)); }

    Device device_;

  private:
    static std::string text_of(const tl::expected<void, std::string>& done) {
        return done ? "" : done.error();
    }
};

TEST_F(Reception, GroupsWhereTheDriverFiltersThem) {
    EXPECT_EQ(listen(), "");
    EXPECT_EQ(device_.multicast, Multicast::groups);
    EXPECT_EQ(listen(), "");
    EXPECT_EQ(driver.asked, 2U);
}

TEST_F(Reception, AllMulticastWhereItDoesNot) {
    driver.groups = -ENOTSUP;
    EXPECT_EQ(listen(), "");
    EXPECT_EQ(device_.multicast, Multicast::all);
    EXPECT_FALSE(driver.promiscuous);
}

TEST_F(Reception, PromiscuousIsSaidOnce) {
    driver.groups = -ENOSPC;
    driver.all = -ENOTSUP;
    driver.refused_vlan = 30;
    EXPECT_EQ(listen(),
              "takes no multicast groups, one by one or all: No space left on device; it is "
              "promiscuous instead: frames for others come in, and are dropped");
    EXPECT_EQ(device_.multicast, Multicast::everything);
    EXPECT_TRUE(driver.promiscuous);
    EXPECT_EQ(listen(), "");
    EXPECT_EQ(let({30}), "") << "comes in as everything does";
    EXPECT_EQ(driver.asked, 2U);
}

TEST_F(Reception, PromiscuousByNatureIsNoFallBack) {
    driver.groups = driver.all = driver.become_promiscuous = -ENOTSUP;
    driver.promiscuous = true;
    EXPECT_EQ(listen(), "");
    EXPECT_EQ(device_.multicast, Multicast::everything);
}

// Those that it does take are on its list all the same.
TEST_F(Reception, AVlanThatTheDeviceDoesNotTake) {
    driver.refused_vlan = 20;
    EXPECT_EQ(let({10, 20, 30}),
              "does not let VLAN 20 in: No space left on device; it is promiscuous instead: frames "
              "for others come in, and are dropped");
    EXPECT_EQ(device_.multicast, Multicast::everything);
    EXPECT_EQ(driver.vlans, (std::vector<std::uint16_t>{10, 30}));
    driver.refused_vlan = 40;
    EXPECT_EQ(let({40}), "");
}

TEST_F(Reception, VlansAreNotAskedForWithoutAList) {
    device_.filters_vlans = false;
    driver.refused_vlan = 20;
    EXPECT_EQ(let({20}), "");
    EXPECT_FALSE(driver.promiscuous);
}

TEST_F(Reception, NothingHelps) {
    driver.groups = driver.all = driver.become_promiscuous = -EIO;
    driver.refused_vlan = 20;
    EXPECT_EQ(listen(),
              "takes no multicast groups, one by one or all: Input/output error; and it does not "
              "become promiscuous (Input/output error): frames for us may not come in");
    EXPECT_EQ(device_.multicast, Multicast::groups) << "asked again at the next push";
    EXPECT_EQ(let({20}),
              "does not let VLAN 20 in: No space left on device; and it does not become "
              "promiscuous (Input/output error): frames for us may not come in");
    EXPECT_FALSE(listen().empty());
}

}  // namespace
}  // namespace portcullis::nic
