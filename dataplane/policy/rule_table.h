// The rules that packets entering by one interface can match, of one family, as an rte_acl context.
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
// place in the policy and its userdata the index + 1 (0 means that nothing matched).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet.h"
#include "rules/policy/policy.h"

struct rte_acl_ctx;

namespace portcullis::dataplane {

// What the rules are asked about, as rte_acl reads it: network byte order, fields at fixed offsets.
struct RuleQuery {
    std::uint8_t class_byte = 0;
    std::uint8_t pad[3] = {};
    std::uint8_t fields[36] = {};  // addresses and ports, at offsets that depend on the family

    // `to_own`: the destination is an address of ours.
    void fill(const FlowKey& key, policy::Zone from, policy::Zone to, bool to_own);
};
static_assert(sizeof(RuleQuery) == 40);

class RuleTable {
  public:
    // Loader thread. `rules` are indexes into policy.rules, ascending, not empty, all of `family`;
    // no other context of the process may have `name`.
    static tl::expected<std::unique_ptr<RuleTable>, std::string> build(
        const policy::Policy& policy, const std::vector<std::uint32_t>& rules, Family family,
        const std::string& name);
    ~RuleTable();
    RuleTable(const RuleTable&) = delete;
    RuleTable& operator=(const RuleTable&) = delete;

    // Poll path. results[i]: index of the first rule that matches + 1, or 0.
    void classify(const std::uint8_t** queries, unsigned count, std::uint32_t* results) const;

  private:
    explicit RuleTable(rte_acl_ctx* context) : context_(context) {}
    rte_acl_ctx* context_;
};

}  // namespace portcullis::dataplane
