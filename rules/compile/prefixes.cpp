#include "rules/compile/prefixes.h"

#include <algorithm>
#include <array>

namespace portcullis::compile {

using policy::Family;
using policy::IpAddress;
using policy::Prefix;

std::vector<Prefix> normalised(std::vector<Prefix> prefixes) {
    std::sort(prefixes.begin(), prefixes.end());
    // A container sorts before what it contains, and prefixes either nest or are disjoint, so the
    // last one kept is the only candidate.
    std::vector<Prefix> kept;
    for (const auto& prefix : prefixes)
        if (kept.empty() || !kept.back().contains(prefix)) kept.push_back(prefix);
    return kept;
}

IpAddress last_address(const Prefix& prefix) {
    auto bytes = prefix.address().bytes();
    const unsigned length = prefix.length() + (prefix.family() == Family::ipv4 ? 96 : 0);
    for (unsigned bit = length; bit < 128; ++bit)
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80U >> bit % 8);
    return IpAddress::from_bytes(bytes);
}

namespace {

// A step that leaves the family has overflowed.
std::optional<IpAddress> same_family(const std::array<std::uint8_t, 16>& bytes, Family family) {
    const auto address = IpAddress::from_bytes(bytes);
    if (address.family() != family) return std::nullopt;
    return address;
}

}  // namespace

std::optional<IpAddress> next(const IpAddress& address) {
    auto bytes = address.bytes();
    for (unsigned i = 16; i-- > 0;)
        if (++bytes[i] != 0) return same_family(bytes, address.family());
    return std::nullopt;
}

std::optional<IpAddress> previous(const IpAddress& address) {
    auto bytes = address.bytes();
    for (unsigned i = 16; i-- > 0;)
        if (bytes[i]-- != 0) return same_family(bytes, address.family());
    return std::nullopt;
}

}  // namespace portcullis::compile
