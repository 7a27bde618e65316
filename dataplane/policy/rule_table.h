// The rules that packets entering by one interface can match, of one family, as rte_acl contexts.
//
// rte_acl wants the first field to be one byte and the rest in groups of four, so everything that
// is neither an address nor a port is folded into one *class byte*: source zone, destination zone,
// transport, and whether the destination is an address of ours. "Every member of the zone" is then
// a class byte with the address left open, and needs no list of the zone's networks.
//
//     class byte | source address | destination address | source port | destination port
//          1     |     4 or 16    |       4 or 16       |      2      |        2
//
// A rule becomes one entry for each pair of a source and a destination prefix; its priority is its
// place and its userdata leads to its index in the policy.
//
// Building a context of 10,000 rules takes most of a second, so a table goes on using the one that the
// table before it had (RuleContext, shared), where few of its rules have changed, and puts the rest
// into a small context of its own beside it (rule_match.h says which rules those are, and why the two
// together give the same answer).
#pragma once

#include <rte_byteorder.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet.h"
#include "rules/policy/policy.h"

struct rte_acl_ctx;

namespace portcullis::dataplane {

// What the rules are asked about, as rte_acl reads it: network byte order, fields at fixed offsets.
// Without initial values, for 64 of them are made for each burst.
struct RuleQuery {
    std::uint8_t class_byte;
    std::uint8_t pad[3];
    std::uint8_t fields[36];  // addresses and ports, at offsets that depend on the family

    // `is_v4`: both addresses of `key` are. `to_own`: the destination is an address of ours.
    void fill(const FlowKey& key, bool is_v4, policy::Zone from, policy::Zone to, bool to_own) {
        class_byte = class_of(from, to, key.protocol, to_own);
        if (is_v4)
            fill_fields<4>(key);
        else
            fill_fields<16>(key);
    }

    // The lowest bit says "destination is ours", so that one mask bit leaves it open.
    static std::uint8_t class_of(policy::Zone from, policy::Zone to, std::uint8_t transport,
                                 bool to_own) {
        static_assert(policy::kZoneCount * policy::kZoneCount * 3 * 2 <= 256, "it fits a byte");
        const unsigned zones =
            static_cast<unsigned>(from) * policy::kZoneCount + static_cast<unsigned>(to);
        const bool tcp = transport == static_cast<std::uint8_t>(policy::Transport::tcp);
        const bool udp = transport == static_cast<std::uint8_t>(policy::Transport::udp);
        const unsigned code = tcp ? 1 : udp ? 2 : 0;
        return static_cast<std::uint8_t>((zones * 3 + code) * 2 + (to_own ? 1U : 0U));
    }

  private:
    template <unsigned size>
    void fill_fields(const FlowKey& key) {
        std::memcpy(fields, key.source.bytes().data() + 16 - size, size);
        std::memcpy(fields + size, key.destination.bytes().data() + 16 - size, size);
        const std::uint16_t ports[2] = {rte_cpu_to_be_16(key.source_port),
                                        rte_cpu_to_be_16(key.destination_port)};
        std::memcpy(fields + 2 * size, ports, sizeof ports);
    }
};
static_assert(sizeof(RuleQuery) == 40);

// A list of rules in the form that rte_acl searches. Never changes; tables of several generations
// may share it.
class RuleContext {
  public:
    // Of rules of one family, the first of which wins; not empty. No other context of the process may
    // have `name`.
    static tl::expected<std::shared_ptr<const RuleContext>, std::string> build(
        std::vector<policy::Rule> rules, const std::string& name);
    ~RuleContext();
    RuleContext(const RuleContext&) = delete;
    RuleContext& operator=(const RuleContext&) = delete;

    const std::vector<policy::Rule>& rules() const { return rules_; }
    // Poll path. results[i]: place of the first rule that matches + 1, or 0.
    void classify(const std::uint8_t** queries, unsigned count, std::uint32_t* results) const;

  private:
    RuleContext(rte_acl_ctx* context, std::vector<policy::Rule> rules)
        : context_(context), rules_(std::move(rules)) {}
    rte_acl_ctx* context_;
    std::vector<policy::Rule> rules_;
};

class RuleTable {
  public:
    // Loader thread. `rules` are indexes into policy.rules, ascending, not empty, all of `family`.
    // `previous` (may be null) is a table of the same zones and family to go on from. A new
    // context is called `name`, as nothing else in the process may be.
    static tl::expected<std::shared_ptr<const RuleTable>, std::string> build(
        const policy::Policy& policy, const std::vector<std::uint32_t>& rules, Family family,
        const RuleTable* previous, const std::string& name);

    // Poll path. count <= 64. results[i]: index of the first rule that matches + 1, or 0.
    void classify(const std::uint8_t** queries, unsigned count, std::uint32_t* results) const;

    // Whether a context was built for all rules, and how many rules stand beside the shared one.
    bool shares(const RuleTable& other) const { return base_.context == other.base_.context; }
    std::size_t beside() const { return overlay_.context ? overlay_.context->rules().size() : 0; }

  private:
    struct Part {
        std::shared_ptr<const RuleContext> context;  // null: no rules
        // [place in the context + 1]: index in the policy + 1; 0 where nothing matched or the rule is
        // no longer that one.
        std::vector<std::uint32_t> index;
    };
    RuleTable() = default;

    Part base_;
    Part overlay_;
};

}  // namespace portcullis::dataplane
