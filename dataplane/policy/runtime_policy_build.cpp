// How the loader thread makes a RuntimePolicy; what the poll path does with it is in
// runtime_policy.cpp.
#include <algorithm>
#include <atomic>

#include "dataplane/policy/rendezvous.h"
#include "dataplane/policy/runtime_policy.h"

namespace portcullis::dataplane {
namespace {

using policy::AddressClass;
using policy::AddressKind;
using policy::NatKind;
using policy::Prefix;
using policy::Service;

std::string join(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        if (!text.empty()) text += ", ";
        text += name;
    }
    return text;
}

bool draws_source_ports(const Service& service) {
    return service.nat == NatKind::full || service.nat == NatKind::snat;
}

bool same_service(const Service& a, const Service& b) {
    return a.vip == b.vip && a.transport == b.transport && a.port == b.port && a.nat == b.nat;
}

// rte_acl_create() with a name in use returns the live context, so no name is ever used twice: the
// generation is for people, the serial number covers builds that were refused.
std::string table_name(std::uint32_t generation, std::size_t interface, Family family) {
    static std::atomic<std::uint32_t> serial{0};
    std::string name = "g";
    name.append(std::to_string(generation)).append("-i").append(std::to_string(interface));
    name.append(family == Family::ipv4 ? "-v4-" : "-v6-");
    return name.append(std::to_string(serial.fetch_add(1)));
}

}  // namespace

tl::expected<std::unique_ptr<RuntimePolicy>, std::string> RuntimePolicy::build(
    policy::Policy policy, const policy::ImageHash& hash, std::uint32_t generation,
    const std::vector<std::string>& devices, const RuntimePolicy* previous,
    std::uint64_t rendezvous_key) {
    std::unique_ptr<RuntimePolicy> runtime(new RuntimePolicy);
    runtime->policy_ = std::move(policy);
    runtime->hash_ = hash;
    runtime->generation_ = generation;
    if (auto error = runtime->index_interfaces(devices)) return tl::unexpected(std::move(*error));
    runtime->index_addresses();
    runtime->index_routes();
    runtime->index_services(previous, rendezvous_key);
    if (auto error = runtime->index_rules(previous)) return tl::unexpected(std::move(*error));
    runtime->index_carry(previous);
    return runtime;
}

std::optional<std::string> RuntimePolicy::index_interfaces(
    const std::vector<std::string>& devices) {
    if (policy_.interfaces.size() >= kNoInterface) return "too many interfaces";
    interface_of_.assign(devices.size() * kVlans, kNoInterface);
    for (std::uint16_t i = 0; i < policy_.interfaces.size(); ++i) {
        const policy::Interface& interface = policy_.interfaces[i];
        const auto device = std::ranges::find(devices, interface.device);
        if (device == devices.end())
            return "interface " + interface.name + " is on device " + interface.device +
                   ", which dataplane.conf does not have (it has " + join(devices) + ")";
        if (interface.vlan >= kVlans - 1)
            return "interface " + interface.name + " has VLAN " + std::to_string(interface.vlan);
        const auto index = static_cast<std::uint16_t>(device - devices.begin());
        std::uint16_t& slot = interface_of_[index * kVlans + interface.vlan];
        if (slot != kNoInterface)
            return "interfaces " + policy_.interfaces[slot].name + " and " + interface.name +
                   " are both VLAN " + std::to_string(interface.vlan) + " of device " +
                   interface.device;
        slot = i;
        egress_.push_back({index, interface.vlan, interface.mtu});
    }
    return std::nullopt;
}

void RuntimePolicy::index_addresses() {
    std::vector<PrefixTable::Entry> entries;
    const auto add = [&](const Prefix& prefix, const AddressInfo& info) {
        entries.push_back({prefix, static_cast<std::uint32_t>(infos_.size())});
        infos_.push_back(info);
    };
    // Ours first: of equal prefixes the table takes the first. The class stays what the policy
    // says.
    const auto add_own = [&](const IpAddress& address, bool full_nat) {
        const auto known = std::ranges::find_if(entries, [&](const PrefixTable::Entry& entry) {
            return entry.prefix == Prefix::host(address);
        });
        if (known != entries.end())
            infos_[known->value].full_nat |= full_nat;
        else
            add(Prefix::host(address), {policy::classify(policy_, address), true, full_nat});
    };
    for (const auto& interface : policy_.interfaces)
        for (const auto& own : interface.addresses) add_own(own.address, false);
    for (const Service& service : policy_.services)
        add_own(service.vip, draws_source_ports(service));
    for (const AddressClass& entry : policy_.addresses)
        add(entry.prefix, {entry, entry.kind == AddressKind::own, false});

    const auto otherwise = static_cast<std::uint32_t>(infos_.size());
    infos_.push_back({AddressClass{}, false, false});
    classes_ = PrefixTable(std::move(entries), otherwise);
}

void RuntimePolicy::index_routes() {
    std::vector<PrefixTable::Entry> entries;
    const auto add = [&](const Prefix& prefix, const RouteEntry& entry) {
        entries.push_back({prefix, static_cast<std::uint32_t>(route_entries_.size())});
        route_entries_.push_back(entry);
    };
    // Connected networks first: they win over a static route of the same length.
    for (std::uint16_t i = 0; i < policy_.interfaces.size(); ++i)
        for (const auto& own : policy_.interfaces[i].addresses) add(own.network(), {i, true, {}});
    for (const policy::Route& route : policy_.routes)
        add(route.prefix, {static_cast<std::uint16_t>(route.interface), false, route.gateway});

    const auto otherwise = static_cast<std::uint32_t>(route_entries_.size());
    route_entries_.push_back({});
    routes_ = PrefixTable(std::move(entries), otherwise);
}

void RuntimePolicy::index_services(const RuntimePolicy* previous, std::uint64_t rendezvous_key) {
    for (std::uint32_t s = 0; s < policy_.services.size(); ++s) {
        const Service& service = policy_.services[s];
        if (!service.nodes.empty())
            service_ports_.insert(
                {service.vip, static_cast<std::uint8_t>(service.transport), service.port});

        Liveness& nodes = liveness_.emplace_back();
        nodes.up = std::make_unique<std::atomic<std::uint64_t>[]>(service.nodes.size() / 64 + 1);
        for (std::uint32_t n = 0; n < service.nodes.size(); ++n) {
            nodes.seeds.push_back(hash_address(rendezvous_key, service.nodes[n].address));
            nodes.even_weights &= service.nodes[n].weight == service.nodes[0].weight;
            set_node_up(s, n, true);
        }
        if (previous == nullptr) continue;
        const auto& old_services = previous->policy_.services;
        for (std::uint32_t o = 0; o < old_services.size(); ++o) {
            if (!same_service(old_services[o], service)) continue;
            for (std::uint32_t n = 0; n < service.nodes.size(); ++n)
                for (std::uint32_t m = 0; m < old_services[o].nodes.size(); ++m)
                    if (old_services[o].nodes[m].address == service.nodes[n].address)
                        set_node_up(s, n, previous->node_up(o, m));
        }
    }
}

// The table of the interfaces that stand before these zones; null where there is none.
const RuleTable* RuntimePolicy::table_of(policy::ZoneSet zones, Family family) const {
    for (std::size_t i = 0; i < policy_.interfaces.size(); ++i)
        if (policy_.interfaces[i].zones == zones)
            return rules_of(static_cast<std::uint16_t>(i), family == Family::ipv4);
    return nullptr;
}

std::optional<std::string> RuntimePolicy::index_rules(const RuntimePolicy* previous) {
    for (std::size_t i = 0; i < policy_.interfaces.size(); ++i) {
        const policy::ZoneSet zones = policy_.interfaces[i].zones;
        const auto twin = std::ranges::find(policy_.interfaces, zones, &policy::Interface::zones);
        const auto first = static_cast<std::size_t>(twin - policy_.interfaces.begin());
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if (first < i) {
                rule_tables_.push_back(rule_tables_[first * 2 + (family == Family::ipv4 ? 0 : 1)]);
                continue;
            }
            auto& table = rule_tables_.emplace_back();
            std::vector<std::uint32_t> rules;
            for (std::uint32_t r = 0; r < policy_.rules.size(); ++r)
                if (policy_.rules[r].family == family && zones.contains(policy_.rules[r].from))
                    rules.push_back(r);
            if (rules.empty()) continue;
            const RuleTable* before =
                previous == nullptr ? nullptr : previous->table_of(zones, family);
            auto built = RuleTable::build(policy_, rules, family, before,
                                          table_name(generation_, i, family));
            if (!built) return std::move(built.error());
            table = std::move(*built);
        }
    }
    return std::nullopt;
}

void RuntimePolicy::index_carry(const RuntimePolicy* previous) {
    if (previous == nullptr) return;
    carry_from_ = previous->generation_;
    carry_ = carry_rules(previous->policy_, policy_);
}

}  // namespace portcullis::dataplane
