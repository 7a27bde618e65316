#include "rules/nft/classes.h"

#include <algorithm>

namespace portcullis::nft {
namespace {

using namespace policy;

constexpr unsigned kBits = 128;  // IpAddress holds IPv4 in the last 32 of them
constexpr unsigned kMappedBits = 96;

unsigned mapped_length(const Prefix& prefix) {
    return prefix.length() + (prefix.family() == Family::ipv4 ? kMappedBits : 0);
}

// The address with every bit behind the first `length` set.
IpAddress last_of(const IpAddress& first, unsigned length) {
    auto bytes = first.bytes();
    for (unsigned bit = length; bit < kBits; ++bit)
        bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    return IpAddress::from_bytes(bytes);
}

// The last address of all is followed by the first.
IpAddress after(const IpAddress& address) {
    auto bytes = address.bytes();
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte)
        if (++*byte != 0) break;
    return IpAddress::from_bytes(bytes);
}

IpAddress before(const IpAddress& address) {
    auto bytes = address.bytes();
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte)
        if ((*byte)-- != 0) break;
    return IpAddress::from_bytes(bytes);
}

// Where a class may begin, and one address behind the family's last.
std::vector<IpAddress> boundaries(const Policy& policy, Family family) {
    std::vector<IpAddress> at;
    const auto add = [&](const Prefix& prefix) {
        at.push_back(prefix.address());
        at.push_back(after(last_of(prefix.address(), mapped_length(prefix))));
    };
    for (const auto& entry : policy.addresses)
        if (entry.prefix.family() == family) add(entry.prefix);
    add(Prefix::all(Family::ipv4));
    if (family == Family::ipv6) add(Prefix::all(Family::ipv6));
    // What lies behind the last address of all has come out as the first.
    std::sort(at.begin(), at.end());
    at.erase(std::unique(at.begin(), at.end()), at.end());
    return at;
}

}  // namespace

std::string ClassRange::to_string() const {
    if (first == last) return first.to_string();
    const unsigned shortest = first.is_v4() ? kMappedBits : 0;
    for (unsigned length = shortest; length < kBits; ++length) {
        const auto prefix = Prefix::make(first, length - shortest);
        if (prefix.address() == first && last_of(first, length) == last) return prefix.to_string();
    }
    return first.to_string() + "-" + last.to_string();
}

std::vector<ClassRange> class_ranges(const Policy& policy, Family family) {
    const auto starts = boundaries(policy, family);
    std::vector<ClassRange> ranges;
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const auto& first = starts[i];
        if (first.family() != family) continue;
        const auto last = i + 1 < starts.size() ? before(starts[i + 1]) : last_of(first, 0);
        const auto found = classify(policy, first);
        const bool bogon = found.kind == AddressKind::bogon;
        const Zone zone = bogon ? Zone::internet : found.zone;
        const bool goes_on = !ranges.empty() && ranges.back().kind == found.kind &&
                             ranges.back().zone == zone && after(ranges.back().last) == first;
        if (goes_on)
            ranges.back().last = last;
        else
            ranges.push_back({first, last, found.kind, zone});
    }
    return ranges;
}

}  // namespace portcullis::nft
