#include "dataplane/owner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "rules/policy/policy.h"

namespace portcullis::dataplane {
namespace {

using policy::AddressClass;
using policy::AddressKind;
using policy::NatKind;
using policy::Transport;
using policy::Zone;

// What owner_of() asks a policy, answered from a list: a random perimeter with full-NAT and
// destination-NAT VIPs, nodes, corporate and Internet hosts.
class RandomPerimeter {
  public:
    explicit RandomPerimeter(std::uint64_t seed) : random_(seed), v6_(random_() % 2 == 0) {
        for (unsigned i = 0; i < 8; ++i) {
            internet_.push_back(add(AddressKind::member, Zone::internet));
            corporate_.push_back(add(AddressKind::member, Zone::corporate));
            edge_nodes_.push_back(add(AddressKind::member, Zone::edge_external));
            internal_nodes_.push_back(add(AddressKind::member, Zone::edge_internal));
        }
        for (unsigned i = 0; i < 3; ++i) {
            full_vips_.push_back(add(AddressKind::own, Zone::edge_external));
            av_vips_.push_back(add(AddressKind::own, Zone::edge_external));
            internal_vips_.push_back(add(AddressKind::own, Zone::edge_internal));
        }
    }

    AddressClass classify(const IpAddress& address) const { return classes_.at(address); }
    bool is_full_nat(const IpAddress& address) const {
        return std::ranges::find(full_vips_, address) != full_vips_.end();
    }
    bool is_service_port(const IpAddress&, std::uint8_t, std::uint16_t port) const {
        return port == 443 || port == 5061 || port == 5269;
    }

    // A session as it arrives from both sides; `owner` draws the source port where NAT needs one.
    struct Flow {
        FlowKey initiator;
        FlowKey responder;
    };
    Flow draw(NatKind nat, bool inside, unsigned workers) {
        Flow flow;
        const bool tcp = random_() % 2 == 0;
        FlowKey& in = flow.initiator;
        in.protocol = static_cast<std::uint8_t>(tcp ? Transport::tcp : Transport::udp);
        in.source_port = port();
        in.destination_port = port();
        in.source = pick(nat == NatKind::snat ? edge_nodes_ : inside ? corporate_ : internet_);
        IpAddress server;
        switch (nat) {
            case NatKind::none:
                in.destination = server = anybody_but(in.source);
                break;
            case NatKind::dnat:
                in.destination = pick(inside ? internal_vips_ : av_vips_);
                server = pick(inside ? internal_nodes_ : edge_nodes_);
                break;
            case NatKind::full:
                in.source = pick(internet_);
                in.destination = pick(full_vips_);
                in.destination_port = 443;
                server = pick(edge_nodes_);
                break;
            case NatKind::snat:
                in.destination = server = pick(internet_);
                break;
        }
        FlowKey& back = flow.responder;
        back = in;
        back.source = server;
        back.source_port = in.destination_port;
        back.destination = in.source;
        back.destination_port = in.source_port;
        if (nat == NatKind::full || nat == NatKind::snat) {
            back.destination = nat == NatKind::full ? in.destination : pick(full_vips_);
            back.destination_port = port_of(owner_of(*this, in, workers), workers);
        }
        return flow;
    }

  private:
    IpAddress add(AddressKind kind, Zone zone) {
        for (;;) {
            std::array<std::uint8_t, 16> bytes{};
            for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_());
            bytes[0] = 0x20;
            const IpAddress address =
                v6_ ? IpAddress::from_bytes(bytes)
                    : IpAddress::from_v4(static_cast<std::uint32_t>(random_()));
            AddressClass entry;
            entry.kind = kind;
            entry.zone = zone;
            if (classes_.emplace(address, entry).second) return address;
        }
    }
    const IpAddress& pick(const std::vector<IpAddress>& from) {
        return from[random_() % from.size()];
    }
    IpAddress anybody_but(const IpAddress& address) {
        const std::vector<IpAddress>* groups[] = {&internet_, &corporate_, &edge_nodes_,
                                                  &internal_nodes_};
        for (;;) {
            const IpAddress& other = pick(*groups[random_() % 4]);
            if (other != address) return other;
        }
    }
    std::uint16_t port() { return static_cast<std::uint16_t>(random_() | 1); }
    // As Sessions draws it: from the slice of the worker, never a service port.
    std::uint16_t port_of(unsigned worker, unsigned workers) {
        for (;;) {
            const auto p = static_cast<std::uint16_t>(1024 + random_() % 64512);
            if (PortSlices::owner(p, workers) == worker && !is_service_port({}, 0, p)) return p;
        }
    }

    std::mt19937_64 random_;
    bool v6_;
    std::map<IpAddress, AddressClass> classes_;
    std::vector<IpAddress> internet_, corporate_, edge_nodes_, internal_nodes_;
    std::vector<IpAddress> full_vips_, av_vips_, internal_vips_;
};

FlowKey reversed(const FlowKey& key) {
    FlowKey back = key;
    std::swap(back.source, back.destination);
    std::swap(back.source_port, back.destination_port);
    return back;
}

// What leaves for the far side is the responder's key reversed; an ICMP error quotes it, and steer
// sees that quote reversed again: the responder's key. Likewise toward the initiator.
TEST(Owner, BothDirectionsAndEveryNatKindAgree) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        RandomPerimeter perimeter(seed);
        for (unsigned workers = 1; workers <= 8; ++workers) {
            for (const NatKind nat : {NatKind::none, NatKind::dnat, NatKind::full, NatKind::snat}) {
                for (unsigned i = 0; i < 50; ++i) {
                    const auto flow = perimeter.draw(nat, i % 2 == 0, workers);
                    const unsigned owner = owner_of(perimeter, flow.initiator, workers);
                    ASSERT_LT(owner, workers);
                    ASSERT_EQ(owner_of(perimeter, flow.responder, workers), owner)
                        << policy::to_string(nat) << ", " << workers << " workers, seed " << seed;
                    if (nat == NatKind::none) {
                        ASSERT_EQ(owner_of(perimeter, reversed(flow.initiator), workers), owner);
                    }
                }
            }
        }
    }
}

TEST(Owner, PortsDoNotMoveAFlow) {
    RandomPerimeter perimeter(3);
    const auto flow = perimeter.draw(NatKind::none, false, 8);
    FlowKey key = flow.initiator;
    const unsigned owner = owner_of(perimeter, key, 8);
    for (unsigned port = 1; port < 65536; port += 997) {
        key.source_port = key.destination_port = static_cast<std::uint16_t>(port);
        EXPECT_EQ(owner_of(perimeter, key, 8), owner);
    }
}

// Neighbouring addresses, as the clients of one site have, and addresses in steps of powers of two.
TEST(Owner, AddressesSpreadOverTheWorkers) {
    for (const unsigned step : {1U, 2U, 256U, 65536U}) {
        for (unsigned workers = 2; workers <= 8; ++workers) {
            std::vector<unsigned> share(workers);
            constexpr unsigned kHosts = 4096;
            for (unsigned i = 0; i < kHosts; ++i)
                ++share[worker_of(IpAddress::from_v4(0x0a000000 + i * step), workers)];
            for (const unsigned hosts : share) {
                EXPECT_GT(hosts, kHosts / workers * 3 / 4);
                EXPECT_LT(hosts, kHosts / workers * 5 / 4);
            }
        }
    }
}

}  // namespace
}  // namespace portcullis::dataplane
