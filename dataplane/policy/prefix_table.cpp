#include "dataplane/policy/prefix_table.h"

#include <algorithm>
#include <ranges>

namespace portcullis::dataplane {

PrefixTable::PrefixTable(std::vector<Entry> entries, std::uint32_t otherwise)
    : root4_(1U << 16, otherwise), root6_(1U << 16, otherwise) {
    // Shorter prefixes first, so that what is written later is more specific and no insertion meets
    // a node inside the range it fills. Reversed, so that of equal prefixes the first is written
    // last.
    std::ranges::reverse(entries);
    std::ranges::stable_sort(entries, {}, [](const Entry& e) { return e.prefix.length(); });
    for (const Entry& entry : entries) insert(entry);
}

void PrefixTable::insert(const Entry& entry) {
    const bool v4 = entry.prefix.family() == policy::Family::ipv4;
    const std::uint8_t* bytes = entry.prefix.address().bytes().data() + (v4 ? 12 : 0);
    const unsigned length = entry.prefix.length();
    std::vector<std::uint32_t>& root = v4 ? root4_ : root6_;

    const unsigned first = static_cast<unsigned>(bytes[0]) << 8 | bytes[1];
    if (length <= 16) {
        std::fill_n(root.begin() + first, 1U << (16 - length), entry.value);
        return;
    }
    // `slot` is looked up anew after each node is added: adding one may move them all.
    std::uint32_t parent = kNode;  // kNode: the root
    unsigned at = first;
    const auto slot = [&]() -> std::uint32_t& {
        return parent == kNode ? root[at] : nodes_[parent][at];
    };
    for (unsigned depth = 16;; depth += 8) {
        if ((slot() & kNode) == 0) {
            const std::uint32_t inherited = slot();
            nodes_.emplace_back().fill(inherited);
            slot() = kNode | static_cast<std::uint32_t>(nodes_.size() - 1);
        }
        parent = slot() & ~kNode;
        at = bytes[depth / 8];
        if (length <= depth + 8) {
            std::fill_n(nodes_[parent].begin() + at, 1U << (depth + 8 - length), entry.value);
            return;
        }
    }
}

std::size_t PrefixTable::memory_bytes() const {
    return (root4_.size() + root6_.size()) * sizeof(std::uint32_t) + nodes_.size() * sizeof(Node);
}

}  // namespace portcullis::dataplane
