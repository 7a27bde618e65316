// The filter of connections that have begun here: none is forgotten, few others are taken for one.
#include "dataplane/session/begun.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace portcullis::dataplane {
namespace {

FlowKey key(std::uint32_t client, std::uint16_t port = 50000) {
    FlowKey key;
    key.source = IpAddress::from_v4(0xcb00711f);
    key.destination = IpAddress::from_v4(client);
    key.source_port = 443;
    key.destination_port = port;
    key.interface = 4;
    key.protocol = 6;
    return key;
}

BegunConnections make(std::uint32_t sessions, std::uint64_t secret = 7) {
    return std::move(*BegunConnections::create(sessions, KeyHash({secret, 2, 3, 4})));
}

TEST(Begun, NothingHasBegunAtTheStart) {
    const BegunConnections begun = make(1000);
    for (std::uint32_t i = 0; i < 10'000; ++i) EXPECT_FALSE(begun.may_have(key(i)));
}

TEST(Begun, NothingIsForgotten) {
    BegunConnections begun = make(1000);
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        begun.add(key(i, static_cast<std::uint16_t>(i)));
        ASSERT_TRUE(begun.may_have(key(i, static_cast<std::uint16_t>(i))));
    }
    for (std::uint32_t i = 0; i < 20'000; ++i)
        ASSERT_TRUE(begun.may_have(key(i, static_cast<std::uint16_t>(i)))) << i;
}

TEST(Begun, AddressesAndPortsMatterAndTheInterfaceDoesNot) {
    BegunConnections begun = make(1000);
    begun.add(key(1));
    FlowKey elsewhere = key(1);
    elsewhere.interface = 9;
    EXPECT_TRUE(begun.may_have(elsewhere));
    FlowKey other = key(1);
    other.source_port = 444;
    EXPECT_FALSE(begun.may_have(other));
    EXPECT_FALSE(begun.may_have(key(2)));
    EXPECT_FALSE(begun.may_have(key(1, 50001)));
    FlowKey reversed = key(1);
    std::swap(reversed.source, reversed.destination);
    std::swap(reversed.source_port, reversed.destination_port);
    EXPECT_FALSE(begun.may_have(reversed));
}

// As the header says: with the fewest bits for each session, which a power of two has.
TEST(Begun, FewOthersAreTakenForOne) {
    constexpr std::uint32_t kSessions = 1U << 16;
    constexpr std::uint32_t kAsked = 1'000'000;
    for (const std::uint64_t secret : {0ULL, 77ULL}) {
        BegunConnections begun = make(kSessions, secret);
        std::uint32_t added = 0;
        for (const std::uint32_t times : {1U, 2U, 4U}) {
            for (; added < times * kSessions; ++added) begun.add(key(0x0a000000 + added));
            std::uint32_t taken = 0;
            for (std::uint32_t i = 0; i < kAsked; ++i) taken += begun.may_have(key(0xc6000000 + i));
            const double stated = std::pow(1 - std::exp(-4.0 * times / 16), 4);
            const double rate = taken / double{kAsked};
            EXPECT_LT(rate, stated * 1.1) << times;
            EXPECT_GT(rate, stated * 0.9) << times;
        }
    }
}

// Keys that one client can choose: its ports.
TEST(Begun, OneClientDoesNotFindOthers) {
    BegunConnections begun = make(1U << 16);
    for (std::uint32_t port = 0; port < 32'768; ++port)
        begun.add(key(5, static_cast<std::uint16_t>(port)));
    std::uint32_t taken = 0;
    for (std::uint32_t port = 32'768; port < 65'536; ++port)
        taken += begun.may_have(key(5, static_cast<std::uint16_t>(port)));
    EXPECT_LT(taken, 32U) << "7 are to be expected";
}

TEST(Begun, ItTakesBetweenTwoAndFourBytesASession) {
    for (const std::uint32_t sessions : {64U, 1000U, 65'536U, 65'537U, 1'000'000U}) {
        const std::uint64_t bytes = make(sessions).memory_bytes();
        EXPECT_GE(bytes, 2ULL * sessions);
        EXPECT_LE(bytes, 4ULL * sessions);
        EXPECT_TRUE(std::has_single_bit(bytes));
    }
    BegunConnections smallest = make(1);
    smallest.add(key(1));
    EXPECT_TRUE(smallest.may_have(key(1)));
}

}  // namespace
}  // namespace portcullis::dataplane
