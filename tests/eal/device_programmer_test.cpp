// A policy's wishes on devices that hold them (net_null keeps key and table), and the forecast.
#include "dataplane/device_programmer.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <functional>

#include "dataplane/owner.h"
#include "nic/eal.h"
#include "nic/log.h"
#include "tests/support/hand_made_policy.h"

namespace portcullis::dataplane {
namespace {

using policy::IpAddress;
using policy::NatKind;
using policy::Zone;

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

std::unique_ptr<RuntimePolicy> build(const policy::Policy& policy,
                                     const std::vector<std::string>& devices) {
    auto runtime = RuntimePolicy::build(policy, {}, 1, devices, nullptr, 7);
    EXPECT_TRUE(runtime) << runtime.error();
    return std::move(*runtime);
}

class DeviceProgrammerTest : public testing::Test {
  protected:
    static constexpr unsigned kWorkers = 4;

    void SetUp() override {
        nic::route_log({});
        for (const char* name : {"wan", "dmz"}) devices_.push_back(open(name, "net_null"));
    }
    void TearDown() override {
        for (const nic::Device& device : devices_) nic::close_device(device);
    }
    static nic::Device open(const char* name, const char* driver) {
        static const std::vector<rte_mempool*> kPools = [] {
            std::vector<rte_mempool*> pools;
            for (unsigned i = 0; i < kWorkers; ++i)
                pools.push_back(nic::make_pool("p" + std::to_string(i), 4000, 32, 1518).value());
            return pools;
        }();
        nic::DeviceConfig config;
        config.name = name;
        static unsigned opened = 0;  // a name can be probed once
        config.vdev = driver + std::to_string(opened++);
        return nic::open_device(config, kPools).value();
    }
    std::vector<Forecast> ask(const policy::Policy& policy) {
        const auto runtime = build(policy, {"wan", "dmz"});
        return forecast(*runtime, devices_, std::vector<nic::PortRules>(2), kWorkers);
    }

    std::vector<nic::Device> devices_;
};

policy::Interface another_of_its_device(policy::Interface interface) {
    interface.name += "2";
    interface.vlan = 20;
    interface.addresses.clear();
    interface.answered.clear();
    return interface;
}

TEST_F(DeviceProgrammerTest, SendersOutsideReceiversInside) {
    const auto runtime = build(::portcullis::test::small_policy(), {"wan", "dmz"});
    DeviceProgrammer programmer(devices_, kWorkers);
    EXPECT_EQ(programmer.text(1), "RSS by source, table of 128");
    programmer.follow(*runtime);
    EXPECT_EQ(devices_[0].spread.side, nic::Side::source);
    EXPECT_EQ(devices_[1].spread.side, nic::Side::destination);
    std::vector<std::uint8_t> key(40);
    rte_eth_rss_conf held{};
    held.rss_key = key.data();
    held.rss_key_len = 40;
    ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(devices_[1].port_id, &held), 0);
    EXPECT_TRUE(std::ranges::equal(key, nic::hash_key(nic::Side::destination)));
    EXPECT_EQ(programmer.text(0),
              "RSS by source, table of 128; hands over dnat 0 %, full NAT 0 %, IPv6 0 %");
    EXPECT_TRUE(programmer.text(1).starts_with(
        "RSS by destination, table of 128; hands over dnat 0 %, full-NAT replies "))
        << programmer.text(1);
}

TEST_F(DeviceProgrammerTest, ATrunkDoesWhatMostOfItsInterfacesNeed) {
    policy::Policy policy = ::portcullis::test::small_policy();
    policy.interfaces[0].device = "dmz";
    EXPECT_EQ(plan_devices(*build(policy, {"wan", "dmz"}), devices_, kWorkers)[1].side,
              nic::Side::source)
        << "as many of each";
    policy.interfaces.push_back(another_of_its_device(policy.interfaces[1]));
    EXPECT_EQ(plan_devices(*build(policy, {"wan", "dmz"}), devices_, kWorkers)[1].side,
              nic::Side::destination);
}

TEST_F(DeviceProgrammerTest, GroupsAreThoseOfOurAddresses) {
    const auto plans = plan_devices(*build(::portcullis::test::small_policy(), {"wan", "dmz"}),
                                    devices_, kWorkers);
    std::vector<nic::Mac> expected = {
        {0x33, 0x33, 0, 0, 0, 1},        // all nodes
        {0x33, 0x33, 0xff, 0, 0, 0x01},  // 2001:db8:113::1
        {0x33, 0x33, 0xff, 0, 0, 0x10},  // 2001:db8:113::10
        // fe80:: and the EUI-64 of the device
        {0x33, 0x33, 0xff, devices_[1].mac[3], devices_[1].mac[4], devices_[1].mac[5]},
    };
    std::ranges::sort(expected);
    EXPECT_EQ(plans[1].groups, expected);
}

TEST_F(DeviceProgrammerTest, VlansAreThoseOfItsInterfaces) {
    policy::Policy policy = ::portcullis::test::small_policy();
    policy.interfaces[0].device = "dmz";
    policy.interfaces[0].vlan = 30;
    policy.interfaces[1].vlan = 0;
    policy.interfaces.push_back(another_of_its_device(policy.interfaces[1]));
    const auto plans = plan_devices(*build(policy, {"wan", "dmz"}), devices_, kWorkers);
    EXPECT_TRUE(plans[0].vlans.empty());
    EXPECT_EQ(plans[1].vlans, (std::vector<std::uint16_t>{20, 30})) << "untagged is none";
}

// Rings have no VLAN filter: told that this one has, it refuses every VLAN.
TEST_F(DeviceProgrammerTest, AFilterThatIsNotTakenIsSaidOnce) {
    nic::close_device(devices_[1]);
    devices_[1] = open("dmz", "net_ring");
    devices_[1].filters_vlans = true;
    ASSERT_TRUE(devices_[1].warnings.empty());
    DeviceProgrammer programmer(devices_, kWorkers);
    policy::Policy policy = ::portcullis::test::small_policy();
    for (const unsigned vlan : {10U, 20U, 30U}) {
        policy.interfaces[1].vlan = static_cast<std::uint16_t>(vlan);
        programmer.follow(*build(policy, {"wan", "dmz"}));
        EXPECT_EQ(devices_[1].multicast, nic::Multicast::everything);
        ASSERT_EQ(std::ranges::count_if(devices_[1].warnings,
                                        [](const std::string& said) {
                                            return said.starts_with("does not let VLAN 10 in: ");
                                        }),
                  1);
        EXPECT_EQ(rte_eth_promiscuous_get(devices_[1].port_id), 1);
    }
    EXPECT_EQ(devices_[1].warnings.size(), 2U) << "and that rules by port are not had";
}

// Each worker's slice, no service's port, nothing twice; only where the nodes answer.
TEST_F(DeviceProgrammerTest, RulesLeadRepliesToFullNatToTheirOwners) {
    const auto runtime = build(::portcullis::test::small_policy(), {"wan", "dmz"});
    const auto plans = plan_devices(*runtime, devices_, kWorkers);
    EXPECT_TRUE(plans[0].rules.empty());
    ASSERT_FALSE(plans[1].rules.empty());
    for (const char* vip : {"203.0.113.10", "2001:db8:113::10"})
        for (unsigned port = 1; port < 65536; ++port) {
            unsigned matches = 0;
            for (const nic::PortRule& rule : plans[1].rules) {
                if (rule.destination != ip(vip).bytes() || port < rule.first_port ||
                    port > rule.last_port)
                    continue;
                ++matches;
                EXPECT_EQ(rule.queue,
                          PortSlices::owner(static_cast<std::uint16_t>(port), kWorkers));
                EXPECT_EQ(rule.vlan, 10);
                EXPECT_EQ(rule.protocol, 6);
            }
            ASSERT_EQ(matches, port < PortSlices::kFirstPort ? 0U : 1U) << port;
        }
}

TEST_F(DeviceProgrammerTest, ForecastKnowsWhatNoHashCanDo) {
    policy::Policy policy = ::portcullis::test::small_policy();
    ASSERT_TRUE(nic::steer_by(devices_[1], nic::Side::destination, kWorkers));
    auto found = ask(policy);
    EXPECT_EQ(found[0].dnat.handed_over, 0U);
    EXPECT_EQ(found[0].full.handed_over, 0U);
    EXPECT_EQ(found[0].ipv6.handed_over, 0U);
    EXPECT_EQ(found[1].dnat.handed_over, 0U);
    EXPECT_GT(found[1].dnat.flows, 0U);
    // One VIP, one queue; four owners by port.
    EXPECT_GT(found[1].full_replies.percent(), 50U);
    EXPECT_LT(found[1].full_replies.percent(), 100U);

    // Inside by source as outside: what a driver does that takes no second key. A few nodes, a few
    // queues, and the owners are elsewhere.
    ASSERT_TRUE(nic::steer_by(devices_[1], nic::Side::source, kWorkers));
    found = ask(policy);
    EXPECT_GT(found[1].dnat.percent(), 40U);

    devices_[1].spread.hashes = false;
    found = ask(policy);
    EXPECT_EQ(found[1].dnat.unknown, found[1].dnat.flows);
    EXPECT_EQ(found[1].text(), "dnat ?, full-NAT replies ?, IPv6 ?");
}

// The destination key shifts all IPv6 flows of one prefix alike (nic/toeplitz.h): the forecast, made of
// the policy's own addresses, says all or nothing.
TEST_F(DeviceProgrammerTest, IPv6InsideIsAllOrNothing) {
    ASSERT_TRUE(nic::steer_by(devices_[1], nic::Side::destination, kWorkers));
    std::set<unsigned> seen;
    for (unsigned subnet = 0; subnet < 64; ++subnet) {
        policy::Policy policy = ::portcullis::test::small_policy();
        policy.services.clear();
        policy.rules.clear();
        policy::Service service;
        service.name = "av-3478/udp/ipv6";
        auto bytes = ip("2001:db8:113::30").bytes();
        bytes[7] = static_cast<std::uint8_t>(subnet);
        service.vip = IpAddress::from_bytes(bytes);
        bytes[15] = 0x31;
        service.transport = policy::Transport::udp;
        service.port = 3478;
        service.nat = NatKind::dnat;
        service.nodes = {{"edge1", IpAddress::from_bytes(bytes), 1}};
        policy.services.push_back(service);
        policy.addresses.push_back(
            {policy::Prefix::host(service.vip), policy::AddressKind::own, Zone::edge_external});
        policy.addresses.push_back({policy::Prefix::make(service.vip, 64),
                                    policy::AddressKind::member, Zone::edge_external});
        std::ranges::stable_sort(policy.addresses, std::greater{},
                                 [](const auto& entry) { return entry.prefix.length(); });
        policy.interfaces[1].addresses = {{service.vip, 64}};
        policy.interfaces[1].answered = {service.vip};
        const auto found = ask(policy);
        ASSERT_GT(found[1].ipv6.flows, 0U);
        seen.insert(found[1].ipv6.percent());
    }
    EXPECT_EQ(seen, (std::set<unsigned>{0, 100}));
}

}  // namespace
}  // namespace portcullis::dataplane
