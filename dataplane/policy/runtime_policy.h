// A loaded policy in the form the poll path reads: rte_acl contexts for each set of ingress zones and
// family, prefix tables for classes and routes, services with live nodes.
//
// Built by the loader thread from a policy::Policy, then read by every worker, written by none. The
// only part that changes while published is node liveness, an atomic bitmap for each service,
// written by main.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_set>
#include <vector>

#include "dataplane/drop_reason.h"
#include "dataplane/packet.h"
#include "dataplane/policy/carry.h"
#include "dataplane/policy/prefix_table.h"
#include "dataplane/policy/rule_table.h"
#include "dataplane/session/session.h"
#include "rules/policy/image.h"
#include "rules/policy/match.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

struct RouteResult {
    std::uint16_t interface = kNoInterface;  // kNoInterface: no route
    IpAddress next_hop;                      // the gateway, or the destination where it is on-link
};

// What a packet needs to know of the interface it leaves by. Aligned, so that it is found by a shift.
struct alignas(8) Egress {
    std::uint16_t device = 0;  // as device_of()
    std::uint16_t vlan = 0;    // 0 = untagged
    std::uint16_t mtu = 0;
};

// A judgement of one first packet: rule (allow) or reason (deny).
struct Judgement {
    bool allow = false;
    std::uint32_t rule = policy::kNoRule;
    DropReason reason = DropReason::no_rule;
};

class RuntimePolicy {
  public:
    // Loader thread. `previous` (may be null) is the policy this one replaces: carry() refers to
    // it, and nodes that both have keep their up or down. A node without a past is up until a probe
    // says otherwise. `devices`: the names of dataplane.conf in device order; an unknown one fails.
    static tl::expected<std::unique_ptr<RuntimePolicy>, std::string> build(
        policy::Policy policy, const policy::ImageHash& hash, std::uint32_t generation,
        const std::vector<std::string>& devices, const RuntimePolicy* previous,
        std::uint64_t rendezvous_key);
    ~RuntimePolicy();
    RuntimePolicy(const RuntimePolicy&) = delete;
    RuntimePolicy& operator=(const RuntimePolicy&) = delete;

    std::uint32_t generation() const { return generation_; }
    const policy::ImageHash& hash() const { return hash_; }
    const policy::Policy& policy() const { return policy_; }

    // Poll path from here on: no allocation, no locks.
    // Index of the interface of a frame, kNoInterface if there is none.
    std::uint16_t interface_of(std::uint16_t device, std::uint16_t vlan) const {
        const unsigned at = device * kVlans + (vlan & (kVlans - 1));
        return at < interface_of_.size() ? interface_of_[at] : kNoInterface;
    }
    std::uint16_t device_of(std::uint16_t interface) const { return egress_[interface].device; }
    const Egress& egress(std::uint16_t interface) const { return egress_[interface]; }
    policy::AddressClass classify(const IpAddress& address) const { return info(address).entry; }
    // Ours: an interface address or a VIP.
    bool is_own(const IpAddress& address) const { return info(address).own; }
    // A VIP that becomes the source of translated packets (full, snat): replies to it are owned by
    // port slice.
    bool is_full_nat(const IpAddress& address) const { return info(address).full_nat; }
    bool is_service_port(const IpAddress& vip, std::uint8_t protocol, std::uint16_t port) const;
    RouteResult route(const IpAddress& destination) const;

    // null: no rule.
    const RuleTable* rules_of(std::uint16_t interface, bool v4) const {
        return rule_tables_[interface * 2U + (v4 ? 0U : 1U)].get();
    }
    // Judges up to 64 first packets: anti-spoofing, then rte_acl, in the same order as
    // policy::match. Entries whose bit in `wanted` is 0 are left untouched.
    void judge(const FlowKey* keys, unsigned count, std::uint64_t wanted, Judgement* out) const;
    // The anti-spoofing half of it: why nobody with this address can have sent a packet that came
    // in by `interface`, or nullopt.
    std::optional<DropReason> source_refused(std::uint16_t interface,
                                             const IpAddress& source) const;

    const policy::Rule& rule(std::uint32_t index) const { return policy_.rules[index]; }
    const policy::Service& service(std::uint32_t index) const { return policy_.services[index]; }

    // Keyed weighted rendezvous of the source over the live nodes; nullopt where none is up.
    std::optional<std::uint32_t> choose_node(std::uint32_t service, const IpAddress& source) const;
    bool node_up(std::uint32_t service, std::uint32_t node) const {
        const Liveness& nodes = liveness_[service];
        return (nodes.up[node / 64].load(std::memory_order_relaxed) >> node % 64 & 1) != 0;
    }
    void set_node_up(std::uint32_t service, std::uint32_t node, bool up);  // main only

    // The rule of this policy that `old_rule` of generation `of_generation` continues as: a rule
    // index where nothing that matters changed, else kJudgeAgain. A generation older than the one
    // before always gives kJudgeAgain.
    std::uint32_t carry(std::uint32_t old_rule, std::uint32_t of_generation) const {
        if (of_generation == generation_) return old_rule;
        if (of_generation != carry_from_ || old_rule >= carry_.size()) return kJudgeAgain;
        return carry_[old_rule];
    }

  private:
    static constexpr unsigned kVlans = 4096;
    static constexpr std::uint32_t kNoGeneration = 0;  // generations start at 1

    struct AddressInfo {
        policy::AddressClass entry;
        bool own = false;
        bool full_nat = false;
    };
    struct RouteEntry {
        std::uint16_t interface = kNoInterface;
        bool on_link = false;
        IpAddress gateway;
    };
    struct ServicePort {
        IpAddress vip;
        std::uint8_t protocol = 0;
        std::uint16_t port = 0;
        friend bool operator==(const ServicePort&, const ServicePort&) = default;
    };
    struct ServicePortHash {
        std::size_t operator()(const ServicePort& key) const;
    };
    // Bit n: node n is up. Written by main, read by workers; each bit stands alone, so relaxed.
    struct Liveness {
        std::unique_ptr<std::atomic<std::uint64_t>[]> up;
        std::vector<std::uint64_t> seeds;  // rendezvous seed of each node
        bool even_weights = true;          // all nodes have the same
    };

    RuntimePolicy() = default;
    std::optional<std::string> index_interfaces(const std::vector<std::string>& devices);
    void index_addresses();
    void index_routes();
    void index_services(const RuntimePolicy* previous, std::uint64_t rendezvous_key);
    std::optional<std::string> index_rules(const RuntimePolicy* previous);
    const RuleTable* table_of(policy::ZoneSet zones, Family family) const;
    void index_carry(const RuntimePolicy* previous);

    const AddressInfo& info(const IpAddress& address) const {
        return infos_[classes_.find(address)];
    }
    std::optional<DropReason> source_refused(std::uint16_t interface,
                                             const policy::AddressClass& source) const;
    const RuleTable* prepare(const FlowKey& key, RuleQuery& query, Judgement& out) const;
    void decide(std::uint32_t result, Judgement& out) const;

    policy::Policy policy_;
    policy::ImageHash hash_{};
    std::uint32_t generation_ = 0;

    std::vector<std::uint16_t> interface_of_;  // [device * kVlans + vlan]
    std::vector<Egress> egress_;               // [interface]
    PrefixTable classes_;                      // -> index in infos_
    std::vector<AddressInfo> infos_;
    PrefixTable routes_;  // -> index in route_entries_
    std::vector<RouteEntry> route_entries_;
    std::unordered_set<ServicePort, ServicePortHash> service_ports_;
    std::vector<Liveness> liveness_;  // [service]
    // [interface * 2 + is IPv6], null: no rule. Interfaces of the same zones share a table.
    std::vector<std::shared_ptr<const RuleTable>> rule_tables_;

    std::uint32_t carry_from_ = kNoGeneration;
    std::vector<std::uint32_t> carry_;  // [old rule]
};

}  // namespace portcullis::dataplane
