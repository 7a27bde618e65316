#include "dataplane/policy/rule_table.h"

#include <rte_acl.h>
#include <rte_errno.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <numeric>

#include "dataplane/policy/rule_match.h"

namespace portcullis::dataplane {
namespace {

using policy::PortRange;
using policy::Prefix;
using policy::Rule;

// Offsets in RuleQuery. One 4-byte word of the query is one input index.
constexpr unsigned kAddressesAt = offsetof(RuleQuery, fields);
constexpr unsigned words(Family family) {
    return family == Family::ipv4 ? 1 : 4;
}
constexpr unsigned kMaxFields = 1 + 4 + 4 + 2;
constexpr unsigned field_count(Family family) {
    return 1 + 2 * words(family) + 2;
}

RTE_ACL_RULE_DEF(AclEntry, kMaxFields);

rte_acl_config describe(Family family) {
    rte_acl_config config{};
    config.num_categories = 1;
    config.num_fields = field_count(family);
    auto add = [&, at = 0U](unsigned type, unsigned size, unsigned offset) mutable {
        const unsigned input = offset == 0 ? 0 : (offset - kAddressesAt) / 4 + 1;
        config.defs[at] = {
            .type = static_cast<std::uint8_t>(type),
            .size = static_cast<std::uint8_t>(size),
            .field_index = static_cast<std::uint8_t>(at),
            .input_index = static_cast<std::uint8_t>(input),
            .offset = offset,
        };
        ++at;
    };
    add(RTE_ACL_FIELD_TYPE_BITMASK, 1, offsetof(RuleQuery, class_byte));
    const unsigned address_words = 2 * words(family);
    for (unsigned i = 0; i < address_words; ++i)
        add(RTE_ACL_FIELD_TYPE_MASK, 4, kAddressesAt + 4 * i);
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, kAddressesAt + 4 * address_words);
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, kAddressesAt + 4 * address_words + 2);
    return config;
}

// Rule values are in host order, one 32-bit word a field.
void set_prefix(rte_acl_field* fields, const Prefix& prefix) {
    const bool v4 = prefix.family() == Family::ipv4;
    const std::uint8_t* bytes = prefix.address().bytes().data() + (v4 ? 12 : 0);
    for (unsigned i = 0; i < words(prefix.family()); ++i) {
        const unsigned before = 32 * i;
        const unsigned length = prefix.length() > before ? prefix.length() - before : 0;
        fields[i].value.u32 = static_cast<std::uint32_t>(bytes[4 * i]) << 24 |
                              static_cast<std::uint32_t>(bytes[4 * i + 1]) << 16 |
                              static_cast<std::uint32_t>(bytes[4 * i + 2]) << 8 | bytes[4 * i + 3];
        fields[i].mask_range.u32 = length > 32 ? 32 : length;
    }
}

void set_ports(rte_acl_field& field, const PortRange& ports) {
    field.value.u16 = ports.first;
    field.mask_range.u16 = ports.last;
}

bool is_host(const Prefix& prefix) {
    return prefix.length() == (prefix.family() == Family::ipv4 ? 32 : 128);
}

AclEntry make_entry(const Rule& rule, std::uint32_t place, std::uint32_t rule_count,
                    const Prefix& source, const Prefix& destination, bool may_be_own) {
    AclEntry entry{};
    entry.data.category_mask = 1;
    entry.data.priority = static_cast<std::int32_t>(rule_count - place);  // the first rule wins
    entry.data.userdata = place + 1;
    const unsigned step = words(rule.family);
    entry.field[0].value.u8 =
        RuleQuery::class_of(rule.from, rule.to, static_cast<std::uint8_t>(rule.transport), false);
    entry.field[0].mask_range.u8 = may_be_own ? 0xfe : 0xff;
    set_prefix(&entry.field[1], source);
    set_prefix(&entry.field[1 + step], destination);
    set_ports(entry.field[1 + 2 * step], rule.source_ports);
    set_ports(entry.field[2 + 2 * step], rule.destination_ports);
    return entry;
}

// policy::covers: an address of ours is reached where it is named as itself, or by a rule that says
// so.
void expand(const Rule& rule, std::uint32_t place, std::uint32_t rule_count,
            std::vector<AclEntry>& out) {
    const std::vector<Prefix> any = {Prefix::all(rule.family)};
    const auto& sources = rule.sources.empty() ? any : rule.sources;
    const auto& destinations = rule.destinations.empty() ? any : rule.destinations;
    for (const Prefix& source : sources)
        for (const Prefix& destination : destinations)
            out.push_back(make_entry(rule, place, rule_count, source, destination,
                                     rule.covers_own || is_host(destination)));
}

// Two lists of a few thousand prefixes in one rule make millions of entries out of a small image.
constexpr std::size_t kMaxEntries = std::size_t{1} << 20;

std::size_t entries_of(const Rule& rule) {
    return std::max<std::size_t>(rule.sources.size(), 1) *
           std::max<std::size_t>(rule.destinations.size(), 1);
}

// How many rules may stand beside a shared context: each look-up asks both, so the second must be small. A
// short list is built anew as quickly.
constexpr std::size_t kShortList = 512;
constexpr std::size_t most_beside(std::size_t rules) {
    return rules < kShortList ? 0 : std::min<std::size_t>(rules / 16, 512);
}
constexpr unsigned kMaxBurst = 64;

// rte_acl trades look-up speed for size and gives -ERANGE where `max_size` is too small; without a
// limit it builds the slowest form. So: start where a large policy fits, grow, then go without.
int build_growing(rte_acl_ctx* context, rte_acl_config& config) {
    for (std::size_t megabytes : {8, 32, 128, 512, 0}) {
        config.max_size = megabytes << 20;
        const int result = rte_acl_build(context, &config);
        if (result != -ERANGE) return result;
    }
    return -ERANGE;
}

}  // namespace

tl::expected<std::shared_ptr<const RuleContext>, std::string> RuleContext::build(
    std::vector<Rule> rules, const std::string& name) {
    const auto count = static_cast<std::uint32_t>(rules.size());
    std::vector<AclEntry> entries;
    for (std::uint32_t i = 0; i < count; ++i) expand(rules[i], i, count, entries);

    const rte_acl_param param = {
        .name = name.c_str(),
        .socket_id = SOCKET_ID_ANY,
        .rule_size = sizeof(AclEntry),
        .max_rule_num = static_cast<std::uint32_t>(entries.size()),
    };
    const auto fail = [&](int error) {
        return tl::unexpected("no lookup table for " + std::to_string(entries.size()) +
                              " rule entries (" + name + "): " + rte_strerror(error) +
                              (error == ENOMEM ? "; raise memory-mib in dataplane.conf" : ""));
    };
    rte_acl_ctx* context = rte_acl_create(&param);
    if (context == nullptr) return fail(rte_errno);
    const Family family = rules.front().family;
    std::shared_ptr<const RuleContext> made(new RuleContext(context, std::move(rules)));

    // rte_acl walks the entries by rule_size, so the array may be passed as its own rule type.
    const auto* first = reinterpret_cast<const rte_acl_rule*>(entries.data());
    if (const int error = rte_acl_add_rules(context, first, param.max_rule_num); error != 0)
        return fail(-error);
    rte_acl_config config = describe(family);
    if (const int error = build_growing(context, config); error != 0) return fail(-error);
    return made;
}

RuleContext::~RuleContext() {
    rte_acl_free(context_);
}

void RuleContext::classify(const std::uint8_t** queries, unsigned count,
                           std::uint32_t* results) const {
    rte_acl_classify(context_, queries, results, count, 1);
}

tl::expected<std::shared_ptr<const RuleTable>, std::string> RuleTable::build(
    const policy::Policy& policy, const std::vector<std::uint32_t>& rules, Family family,
    const RuleTable* previous, const std::string& name) {
    std::size_t wanted = 0;
    std::vector<const Rule*> now;
    now.reserve(rules.size());
    for (const std::uint32_t index : rules) {
        const Rule& rule = policy.rules[index];
        now.push_back(&rule);
        wanted += entries_of(rule);
        if (wanted > kMaxEntries)
            return tl::unexpected("rule " + rule.id + " has " + std::to_string(entries_of(rule)) +
                                  " pairs of a source and a destination: more than " +
                                  std::to_string(kMaxEntries) +
                                  " in all are not looked up at line rate; use wider prefixes");
    }
    // `places` in `rules`, as a context of their own. What people read is left out.
    const auto part_of = [&](const std::vector<std::uint32_t>& places,
                             const std::string& called) -> tl::expected<Part, std::string> {
        Part part;
        part.index.push_back(0);
        std::vector<Rule> chosen;
        chosen.reserve(places.size());
        for (const std::uint32_t place : places) {
            const Rule& rule = *now[place];
            Rule& copy = chosen.emplace_back();
            copy.transport = rule.transport;
            copy.family = family;
            copy.from = rule.from;
            copy.to = rule.to;
            copy.sources = rule.sources;
            copy.destinations = rule.destinations;
            copy.covers_own = rule.covers_own;
            copy.source_ports = rule.source_ports;
            copy.destination_ports = rule.destination_ports;
            part.index.push_back(rules[place] + 1);
        }
        auto context = RuleContext::build(std::move(chosen), called);
        if (!context) return tl::unexpected(std::move(context.error()));
        part.context = std::move(*context);
        return part;
    };

    std::shared_ptr<RuleTable> table(new RuleTable);
    if (previous != nullptr) {
        const auto& before = previous->base_.context->rules();
        if (const auto change = compare_rules(before, now, most_beside(rules.size()))) {
            table->base_.context = previous->base_.context;
            table->base_.index.assign(before.size() + 1, 0);
            for (std::size_t i = 0; i < before.size(); ++i)
                if (change->kept[i] != kGone)
                    table->base_.index[i + 1] = rules[change->kept[i]] + 1;
            if (change->beside.empty()) return table;
            auto overlay = part_of(change->beside, name);
            if (!overlay) return tl::unexpected(std::move(overlay.error()));
            table->overlay_ = std::move(*overlay);
            return table;
        }
    }
    std::vector<std::uint32_t> all(rules.size());
    std::iota(all.begin(), all.end(), 0);
    auto base = part_of(all, name);
    if (!base) return tl::unexpected(std::move(base.error()));
    table->base_ = std::move(*base);
    return table;
}

void RuleTable::classify(const std::uint8_t** queries, unsigned count,
                         std::uint32_t* results) const {
    base_.context->classify(queries, count, results);
    for (unsigned i = 0; i < count; ++i) results[i] = base_.index[results[i]];
    if (!overlay_.context) return;
    std::uint32_t others[kMaxBurst];
    overlay_.context->classify(queries, count, others);
    for (unsigned i = 0; i < count; ++i) {
        const std::uint32_t other = overlay_.index[others[i]];
        // 0 - 1 is more than any index.
        results[i] = std::min(results[i] - 1, other - 1) + 1;
    }
}

}  // namespace portcullis::dataplane
