// First packets that a policy is likely to disagree about with a wrong implementation: addresses
// and ports at the edges of what the policy names, mixed with random ones.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "rules/policy/match.h"

namespace portcullis::test {

class RandomPackets {
  public:
    RandomPackets(const policy::Policy& policy, policy::Family family, std::uint64_t seed);
    policy::FirstPacket next();

  private:
    void add(const policy::Prefix& prefix);
    void add(const policy::PortRange& range);
    policy::IpAddress address();
    std::uint16_t port();
    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[random_() % from.size()];
    }

    const policy::Policy& policy_;
    policy::Family family_;
    std::mt19937_64 random_;
    std::vector<policy::IpAddress> addresses_;
    std::vector<std::uint16_t> ports_;
};

}  // namespace portcullis::test
