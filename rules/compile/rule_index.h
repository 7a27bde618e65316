// Rules found by what they name, so that thousands of rules can be asked about thousands of packets, or
// about each other, without reading every one. It only ever leaves out rules that cannot match; the
// answer itself is the reference matcher's. Internal to rules/compile/.
//
// Rules of one transport, family and pair of zones share a bucket. In it each rule is listed under the
// most telling thing that it names: its source prefixes, its destination prefixes or its port, whichever
// the fewest others name too. Whoever looks for rules around a packet (or around another rule) asks for
// the few prefixes that hold its addresses.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "rules/policy/match.h"
#include "rules/policy/policy.h"

namespace portcullis::compile {

class RuleIndex {
  public:
    explicit RuleIndex(const policy::Policy& policy);

    // The first rule before `limit` for which `wanted(index)` holds, among all that could cover the packet.
    template <class Wanted>
    std::optional<std::uint32_t> first_for(const policy::FirstPacket& packet, policy::Zone from,
                                           policy::Zone to, std::uint32_t limit,
                                           Wanted wanted) const {
        return first(bucket(packet.transport, packet.source.family(), from, to),
                     {policy::Prefix::host(packet.source), policy::Prefix::host(packet.destination),
                      packet.destination_port},
                     limit, wanted);
    }
    // The same among all that could cover every packet of `rule`.
    template <class Wanted>
    std::optional<std::uint32_t> first_around(const policy::Rule& rule, std::uint32_t limit,
                                              Wanted wanted) const {
        return first(bucket(rule.transport, rule.family, rule.from, rule.to), around(rule), limit,
                     wanted);
    }

  private:
    enum class Kind : std::uint8_t { source, destination, port };
    // What a rule is listed under: a prefix, or a port in the first two bytes.
    struct Name {
        std::array<std::uint8_t, 16> bytes{};
        std::uint8_t length = 0;
        Kind kind = Kind::source;
        friend bool operator==(const Name&, const Name&) = default;
    };
    struct NameHash {
        std::size_t operator()(const Name& name) const;
    };
    using List = std::vector<std::uint32_t>;  // of rules, ascending
    struct Bucket {
        std::unordered_map<Name, List, NameHash> named;
        // The prefix lengths that stand in `named`.
        std::vector<std::uint8_t> source_lengths;
        std::vector<std::uint8_t> destination_lengths;
        List others;  // what names nothing
    };
    // What a rule must hold; nullopt: everything, so that only a rule that does not name it can.
    struct Around {
        std::optional<policy::Prefix> source;
        std::optional<policy::Prefix> destination;
        std::optional<std::uint16_t> port;
    };

    static std::size_t slot(policy::Transport transport, policy::Family family, policy::Zone from,
                            policy::Zone to);
    static Name name_of(Kind kind, const policy::Prefix& prefix);
    static Name name_of(std::uint16_t port);
    static Around around(const policy::Rule& rule);
    static std::vector<std::vector<Name>> names_of(const policy::Rule& rule);
    const Bucket& bucket(policy::Transport transport, policy::Family family, policy::Zone from,
                         policy::Zone to) const {
        return buckets_[slot(transport, family, from, to)];
    }

    template <class Wanted>
    static std::optional<std::uint32_t> first(const Bucket& bucket, const Around& around,
                                              std::uint32_t limit, Wanted wanted) {
        std::uint32_t best = limit;
        const auto read = [&](const List& list) {
            for (const std::uint32_t rule : list) {
                if (rule >= best) return;
                if (wanted(rule)) best = rule;
            }
        };
        const auto read_named = [&](const Name& name) {
            if (const auto found = bucket.named.find(name); found != bucket.named.end())
                read(found->second);
        };
        const auto read_holding = [&](Kind kind, const std::optional<policy::Prefix>& prefix,
                                      const std::vector<std::uint8_t>& lengths) {
            if (!prefix) return;
            for (const std::uint8_t length : lengths)
                if (length <= prefix->length())
                    read_named(name_of(kind, policy::Prefix::make(prefix->address(), length)));
        };
        read(bucket.others);
        read_holding(Kind::source, around.source, bucket.source_lengths);
        read_holding(Kind::destination, around.destination, bucket.destination_lengths);
        if (around.port) read_named(name_of(*around.port));
        return best == limit ? std::nullopt : std::optional(best);
    }

    std::array<Bucket, std::size_t{3} * 2 * policy::kZoneCount * policy::kZoneCount> buckets_;
};

// policy::match() without the NAT plan, for many packets.
class Decider {
  public:
    explicit Decider(const policy::Policy& policy) : policy_(policy), index_(policy) {}
    policy::Witness decide(const policy::FirstPacket& packet) const;

  private:
    const policy::Policy& policy_;
    RuleIndex index_;
};

}  // namespace portcullis::compile
