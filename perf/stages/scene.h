// One worker's world without its loop: a policy, sessions, and a burst that can be put through any
// stage by itself.
//
// Clients on the Internet side (device 0, "wan") talk to nodes of the perimeter (device 1, "dmz",
// VLAN 10), by each kind of NAT and in both families.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/pipeline.h"
#include "dataplane/session/tcp.h"
#include "perf/stages/bench.h"

namespace portcullis::perf {

// What the clients talk to. `none` and `dnat` are UDP, `full` is TCP.
struct Service {
    policy::NatKind nat = policy::NatKind::dnat;
    policy::Family family = policy::Family::ipv4;
};

// The small policy of tests/support with services of every kind in both families, and as many site
// rules of `family` behind them as make it `rules` in all. Those overlap with nothing the services
// are reached by.
policy::Policy policy_of(unsigned rules, policy::Family family = policy::Family::ipv4);

// The first packet of the client with this number; each is another address and port.
dataplane::FlowKey client_key(Service service, std::uint32_t client);
// A packet that the `rule`th site rule of policy_of() decides.
dataplane::FlowKey key_of_rule(policy::Family family, unsigned rule);

// A fixed shuffle, so that runs are alike and neighbours in time are none in memory.
void shuffle(std::span<dataplane::FlowKey> keys);

class Scene : private dataplane::UndecidedEnds {
  public:
    explicit Scene(std::uint32_t session_capacity, unsigned rules = 64);
    Scene(std::uint32_t session_capacity, const policy::Policy& policy);
    ~Scene() override;
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    // Makes `count` sessions, answered by the nodes (TCP: with a whole handshake); their keys, both
    // directions.
    std::vector<dataplane::FlowKey> establish(Service service, std::uint32_t count);

    // Makes the burst anew from up to 64 keys: frames of `frame_bytes` as those flows would send.
    // TCP is a bare ACK of what establish() has left, unless `flags` say otherwise.
    void load(std::span<const dataplane::FlowKey> keys, unsigned frame_bytes = 60,
              std::uint8_t flags = dataplane::kTcpAck);
    // Runs the stages before `stage`; the burst is then as that stage finds it.
    void run_before(std::string_view stage);
    void run(std::string_view stage);

    void advance(dataplane::Millis by) { context_.now += by; }
    dataplane::Burst& burst() { return burst_; }
    dataplane::Context& context() { return context_; }
    dataplane::Sessions& sessions() { return *sessions_; }
    const dataplane::ConformanceHits& conformance() const { return policy_->conformance; }
    dataplane::Sessions::Config config() const { return config_; }

  private:
    void ended_undecided(dataplane::Session& session) override;
    void learn(dataplane::Attachment at, const policy::IpAddress& next_hop);
    void send(std::span<const dataplane::FlowKey> keys, std::uint8_t flags, bool first);

    rte_mempool* pool_ = nullptr;
    std::array<rte_mbuf*, dataplane::kBurstSize> packets_{};
    dataplane::Sessions::Config config_;
    std::unique_ptr<dataplane::ActivePolicy> policy_;
    std::unique_ptr<dataplane::Sessions> sessions_;
    std::unique_ptr<inspect::Inspector> inspector_;
    dataplane::NeighbourTable neighbours_{64};
    std::vector<dataplane::MacAddress> macs_;
    std::vector<std::uint64_t> mac_words_;  // the same, for the stages
    dataplane::Counters counters_;
    dataplane::DenyRing denies_;
    dataplane::Answers answers_;
    dataplane::RateLimit echo_limit_;
    dataplane::Context context_;
    dataplane::Burst burst_;
};

// Goes through `keys` burst by burst, again and again.
class Rotation {
  public:
    explicit Rotation(std::vector<dataplane::FlowKey> keys) : keys_(std::move(keys)) {}
    std::span<const dataplane::FlowKey> next(std::size_t count = dataplane::kBurstSize) {
        if (at_ + count > keys_.size()) at_ = 0;
        at_ += count;
        return std::span(keys_).subspan(at_ - count, count);
    }

  private:
    std::vector<dataplane::FlowKey> keys_;
    std::size_t at_ = 0;
};

}  // namespace portcullis::perf
