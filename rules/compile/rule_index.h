// Rules sorted into buckets with a box around each, so that thousands of rules can be asked about
// thousands of packets, or about each other, without reading every address list. It only ever
// leaves out rules that cannot match; the answer itself is the reference matcher's. Internal to
// rules/compile/.
#pragma once

#include <array>
#include <vector>

#include "rules/policy/match.h"
#include "rules/policy/policy.h"

namespace portcullis::compile {

class RuleIndex {
  public:
    // An address as a number, for quick comparisons.
    struct Key {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    static Key key_of(const policy::IpAddress& address);

    // The smallest ranges around what a rule matches.
    struct Box {
        std::uint32_t rule = 0;
        policy::PortRange source_ports;
        policy::PortRange destination_ports;
        Key source_first, source_last;
        Key destination_first, destination_last;
        bool contains(const Box& other) const;
    };
    using Bucket = std::vector<Box>;

    static Box box_of(const policy::Policy& policy, std::uint32_t rule);
    static Box box_of(const policy::FirstPacket& packet);  // around the packet itself; no rule
    // Rules are added in their order.
    void add(const policy::Policy& policy, std::uint32_t rule);
    // What was added of one transport, family and pair of zones, in order.
    const Bucket& bucket(policy::Transport transport, policy::Family family, policy::Zone from,
                         policy::Zone to) const;

  private:
    static std::size_t slot(policy::Transport transport, policy::Family family, policy::Zone from,
                            policy::Zone to);
    std::array<Bucket, std::size_t{3} * 2 * policy::kZoneCount * policy::kZoneCount> buckets_;
};

// policy::match() without the NAT plan, for many packets.
class Decider {
  public:
    explicit Decider(const policy::Policy& policy);
    policy::Witness decide(const policy::FirstPacket& packet) const;

  private:
    const policy::Policy& policy_;
    RuleIndex index_;
};

}  // namespace portcullis::compile
