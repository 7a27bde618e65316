#include "dataplane/policy/rule_match.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <unordered_map>

#include "dataplane/policy/rendezvous.h"

namespace portcullis::dataplane {
namespace {

using policy::PortRange;
using policy::Prefix;
using policy::Rule;

auto match_of(const Rule& rule) {
    return std::tie(rule.transport, rule.family, rule.from, rule.to, rule.covers_own,
                    rule.source_ports, rule.destination_ports, rule.sources, rule.destinations);
}

std::uint64_t hash_of(const Rule& rule) {
    std::uint64_t hash = mix64(static_cast<std::uint64_t>(rule.transport) << 32 |
                               static_cast<std::uint64_t>(rule.from) << 16 |
                               static_cast<std::uint64_t>(rule.to) << 8 |
                               static_cast<std::uint64_t>(rule.covers_own));
    const auto add_ports = [&](const PortRange& ports) {
        hash = mix64(hash + (std::uint64_t{ports.first} << 16 | ports.last));
    };
    const auto add_prefixes = [&](const std::vector<Prefix>& prefixes) {
        hash = mix64(hash + prefixes.size());
        for (const Prefix& prefix : prefixes)
            hash = hash_address(hash + prefix.length(), prefix.address());
    };
    add_ports(rule.source_ports);
    add_ports(rule.destination_ports);
    add_prefixes(rule.sources);
    add_prefixes(rule.destinations);
    return hash;
}

bool overlap(const PortRange& a, const PortRange& b) {
    return a.first <= b.last && b.first <= a.last;
}

// Empty means every member of the zone.
bool overlap(const std::vector<Prefix>& a, const std::vector<Prefix>& b) {
    if (a.empty() || b.empty()) return true;
    return std::ranges::any_of(a, [&](const Prefix& x) {
        return std::ranges::any_of(b,
                                   [&](const Prefix& y) { return x.contains(y) || y.contains(x); });
    });
}

// For each new rule the old one that matches the same, each given away once; else kGone.
std::vector<std::uint32_t> partners(const std::vector<Rule>& before,
                                    const std::vector<const Rule*>& now) {
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>>
        places;  // of `before`, last first
    places.reserve(before.size());
    for (auto i = static_cast<std::uint32_t>(before.size()); i-- > 0;)
        places[hash_of(before[i])].push_back(i);
    std::vector<std::uint32_t> out(now.size(), kGone);
    for (std::size_t i = 0; i < now.size(); ++i) {
        const auto found = places.find(hash_of(*now[i]));
        if (found == places.end() || found->second.empty()) continue;
        if (!same_match(before[found->second.back()], *now[i])) continue;
        out[i] = found->second.back();
        found->second.pop_back();
    }
    return out;
}

// Keeps of the partners a longest sequence that ascends (patience sorting); the rest become kGone.
void keep_ascending(std::vector<std::uint32_t>& partner) {
    std::vector<std::uint32_t> piles;  // new place of the last rule of each pile
    std::vector<std::uint32_t> below(partner.size(), kGone);  // new place before it in its sequence
    for (std::uint32_t i = 0; i < partner.size(); ++i) {
        if (partner[i] == kGone) continue;
        const auto pile = std::ranges::lower_bound(piles, partner[i], {},
                                                   [&](std::uint32_t at) { return partner[at]; });
        if (pile != piles.begin()) below[i] = *std::prev(pile);
        if (pile == piles.end())
            piles.push_back(i);
        else
            *pile = i;
    }
    std::vector<bool> chosen(partner.size());
    for (std::uint32_t at = piles.empty() ? kGone : piles.back(); at != kGone; at = below[at])
        chosen[at] = true;
    for (std::size_t i = 0; i < partner.size(); ++i)
        if (!chosen[i]) partner[i] = kGone;
}

}  // namespace

bool same_match(const Rule& a, const Rule& b) {
    return match_of(a) == match_of(b);
}

bool may_overlap(const Rule& a, const Rule& b) {
    return a.transport == b.transport && a.family == b.family && a.from == b.from && a.to == b.to &&
           overlap(a.source_ports, b.source_ports) &&
           overlap(a.destination_ports, b.destination_ports) && overlap(a.sources, b.sources) &&
           overlap(a.destinations, b.destinations);
}

std::optional<RuleChange> compare_rules(const std::vector<Rule>& before,
                                        const std::vector<const Rule*>& now, std::size_t most) {
    auto partner = partners(before, now);
    keep_ascending(partner);
    RuleChange change;
    change.kept.assign(before.size(), kGone);
    std::vector<bool> beside(now.size());
    for (std::uint32_t i = 0; i < now.size(); ++i) {
        if (partner[i] == kGone)
            beside[i] = true;
        else
            change.kept[partner[i]] = i;
    }
    // A rule that is gone costs a look at every rule after it.
    if (static_cast<std::size_t>(std::ranges::count(change.kept, kGone)) > most)
        return std::nullopt;
    for (std::uint32_t gone = 0; gone < before.size(); ++gone) {
        if (change.kept[gone] != kGone) continue;
        for (std::uint32_t after = gone + 1; after < before.size(); ++after)
            if (change.kept[after] != kGone && !beside[change.kept[after]] &&
                may_overlap(before[gone], before[after]))
                beside[change.kept[after]] = true;
    }
    for (std::uint32_t i = 0; i < now.size(); ++i)
        if (beside[i]) change.beside.push_back(i);
    if (change.beside.size() > most) return std::nullopt;
    return change;
}

}  // namespace portcullis::dataplane
