// A loaded policy in the form the poll path reads: rte_acl contexts for each ingress interface and
// family, prefix tables for classes and routes, services with live nodes.
//
// Built by the loader thread from a policy::Policy, then read by every worker, written by none. The
// only part that changes while published is node liveness, an atomic bitmap for each service, written
// by main.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "rules/policy/image.h"
#include "rules/policy/match.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

struct RouteResult {
    std::uint16_t interface = 0xffff;  // 0xffff: no route
    IpAddress next_hop;                // the gateway, or the destination where it is on-link
};

// A judgement of one first packet: rule (allow) or reason (deny).
struct Judgement {
    bool allow = false;
    std::uint32_t rule = policy::kNoRule;
    DropReason reason = DropReason::no_rule;
};

// What became of a rule of an older generation in this one.
inline constexpr std::uint32_t kJudgeAgain = 0xfffffffe;

class RuntimePolicy {
  public:
    // Loader thread. `previous` (may be null) is the policy this one replaces: carry() refers to it.
    // `device_of(name)` is answered from `devices`: index of each device name; an unknown one fails.
    static tl::expected<std::unique_ptr<RuntimePolicy>, std::string> build(
        policy::Policy policy, const policy::ImageHash& hash, std::uint32_t generation,
        const std::vector<std::string>& devices, const RuntimePolicy* previous,
        std::uint64_t rendezvous_key);
    ~RuntimePolicy();

    std::uint32_t generation() const;
    const policy::ImageHash& hash() const;
    const policy::Policy& policy() const;

    // Poll path from here on: no allocation, no locks.
    // Index of the interface of a frame, kNoInterface if there is none.
    std::uint16_t interface_of(std::uint16_t device, std::uint16_t vlan) const;
    std::uint16_t device_of(std::uint16_t interface) const;
    policy::AddressClass classify(const IpAddress& address) const;
    bool is_own(const IpAddress& address) const;  // an interface address or a VIP of ours
    bool is_full_nat(const IpAddress& address) const;  // replies to it are owned by port slice
    bool is_service_port(const IpAddress& vip, std::uint8_t protocol, std::uint16_t port) const;
    RouteResult route(const IpAddress& destination) const;

    // Judges up to 64 first packets: anti-spoofing, then rte_acl, in the same order as policy::match.
    void judge(const FlowKey* keys, unsigned count, std::uint64_t wanted, Judgement* out) const;

    const policy::Rule& rule(std::uint32_t index) const;
    const policy::Service& service(std::uint32_t index) const;

    // Keyed weighted rendezvous of the source over the live nodes; nullopt where none is up.
    std::optional<std::uint32_t> choose_node(std::uint32_t service, const IpAddress& source) const;
    bool node_up(std::uint32_t service, std::uint32_t node) const;
    void set_node_up(std::uint32_t service, std::uint32_t node, bool up);  // main only

    // The rule of this policy that `old_rule` of generation `of_generation` continues as: a rule index
    // where nothing that matters changed, else kJudgeAgain.
    std::uint32_t carry(std::uint32_t old_rule, std::uint32_t of_generation) const;

  private:
    class Impl;
    explicit RuntimePolicy(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace portcullis::dataplane
