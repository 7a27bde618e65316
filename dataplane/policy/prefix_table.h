// Longest-prefix match from addresses of either family to small values: a trie with a 16-bit root
// and 8-bit steps, leaves pushed down, so an IPv4 look-up is 1 to 3 loads and an IPv6 look-up is
// one load for each 8 bits that some prefix distinguishes.
//
// Built once by the loader thread, then read by every worker. The memory is 256 KiB for each
// family's root and 1 KiB for each node; `rte_lpm` would take 64 MiB for each table, twice during a
// reload.
//
//     PrefixTable table({{*Prefix::parse("10.0.0.0/8"), 7}}, 0);
//     table.find(*IpAddress::parse("10.1.2.3")) == 7
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rules/policy/address.h"

namespace portcullis::dataplane {

class PrefixTable {
  public:
    struct Entry {
        policy::Prefix prefix;
        std::uint32_t value = 0;  // below 2^31
    };

    PrefixTable() = default;
    // Of two entries with the same prefix the first one counts. What no entry covers gives
    // `otherwise`.
    PrefixTable(std::vector<Entry> entries, std::uint32_t otherwise);

    std::uint32_t find(const policy::IpAddress& address) const {
        return find(address, address.is_v4());
    }
    // The same where the family is known.
    std::uint32_t find(const policy::IpAddress& address, bool is_v4) const {
        const auto& bytes = address.bytes();
        if (is_v4) return descend(root4_[root_index(bytes, 12)], &bytes[14]);
        return descend(root6_[root_index(bytes, 0)], &bytes[2]);
    }

    std::size_t memory_bytes() const;

  private:
    // The top bit says "index of a node", else the entry is the answer.
    static constexpr std::uint32_t kNode = 0x80000000;
    using Node = std::array<std::uint32_t, 256>;

    static unsigned root_index(const std::array<std::uint8_t, 16>& bytes, unsigned at) {
        return static_cast<unsigned>(bytes[at]) << 8 | bytes[at + 1];
    }
    std::uint32_t descend(std::uint32_t entry, const std::uint8_t* next) const {
        while ((entry & kNode) != 0) entry = nodes_[entry & ~kNode][*next++];
        return entry;
    }
    void insert(const Entry& entry);

    std::vector<std::uint32_t> root4_;
    std::vector<std::uint32_t> root6_;
    std::vector<Node> nodes_;
};

}  // namespace portcullis::dataplane
