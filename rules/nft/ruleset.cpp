#include "rules/nft/ruleset.h"

#include <algorithm>
#include <compare>
#include <numeric>
#include <optional>
#include <tuple>
#include <vector>

#include "rules/nft/classes.h"
#include "rules/nft/header.h"
#include "rules/nft/words.h"

namespace portcullis::nft {
namespace {

using namespace policy;

constexpr Family kFamilies[] = {Family::ipv4, Family::ipv6};
// Any, but the same in every output: nft would draw one at each load, and the node of a source with it.
constexpr const char* kHashSeed = "0x706f7274";

// Which addresses a chain is about: members of a zone, or ours on its leg.
struct Side {
    AddressKind kind = AddressKind::member;
    Zone zone = Zone::internet;
    auto operator<=>(const Side&) const = default;
};
std::string name_of(const Side& side) {
    return (side.kind == AddressKind::own ? "own-" : "") + std::string(to_string(side.zone));
}
std::string chain_of(Zone from, const Side& to) {
    return std::string(to_string(from)) + "-to-" + name_of(to);
}

class Writer {
  public:
    Writer(const Policy& policy, const Netdevs& netdevs) : policy_(policy), netdevs_(netdevs) {
        for (const auto family : kFamilies)
            for (const auto& range : class_ranges(policy, family))
                ranges_[{family, range.kind, range.zone}].push_back(range);
    }

    std::string write() {
        text_ = write_header(policy_, netdevs_);
        line("");
        line("table inet portcullis");  // so that there is one to delete
        line("delete table inet portcullis");
        line("table inet portcullis {");
        write_sets();
        write_timeouts();
        write_entry();
        for (const auto& interface : policy_.interfaces) write_interface(interface);
        write_zones();
        write_pairs();
        write_translation();
        line("}");
        return std::move(text_);
    }

  private:
    using RangeKey = std::tuple<Family, AddressKind, Zone>;

    void line(const std::string& text) { text_ += text + '\n'; }
    void begin(const std::string& what) { line("\n    " + what + " {"); }
    void rule(const std::string& text) { line("        " + text); }
    void end() { line("    }"); }

    bool has(Family family, const Side& side) const {
        return ranges_.contains({family, side.kind, side.zone});
    }
    bool has(Family family, AddressKind kind) const {
        return std::any_of(ranges_.begin(), ranges_.end(), [&](const auto& entry) {
            return std::get<0>(entry.first) == family && std::get<1>(entry.first) == kind;
        });
    }

    // Sets

    void write_set(const std::string& name, const std::string& type,
                   const std::vector<std::string>& elements, bool interval) {
        begin("set " + name);
        rule("type " + type);
        if (interval) rule("flags interval");
        rule("elements = {");
        for (const auto& element : elements) rule("    " + element + ",");
        rule("}");
        end();
    }

    void write_sets() {
        std::vector<std::string> guarded;
        for (const auto& interface : policy_.interfaces)
            guarded.push_back(quoted(netdev_of(interface, netdevs_)));
        write_set("guarded", "ifname", guarded, false);
        for (const auto family : kFamilies) {
            const std::string type = family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr";
            std::vector<std::string> own;
            for (const auto& [key, ranges] : ranges_) {
                const auto [of, kind, zone] = key;
                if (of != family) continue;
                std::vector<std::string> elements;
                for (const auto& range : ranges) elements.push_back(range.to_string());
                if (kind == AddressKind::own)
                    own.insert(own.end(), elements.begin(), elements.end());
                const auto name = kind == AddressKind::bogon ? "bogon" : name_of({kind, zone});
                write_set(name + suffix(family), type, elements, true);
            }
            if (!own.empty()) write_set("own" + suffix(family), type, own, true);
        }
    }

    // Idle times

    static std::string timeout_name(const Rule& rule) {
        return transport_of(rule.transport, rule.family) + "-" + std::to_string(rule.idle_seconds) +
               suffix(rule.family);
    }
    // Echo has no timeout objects in nftables.
    static bool has_timeout(const Rule& rule) {
        return rule.action == Action::allow && rule.transport != Transport::icmp;
    }

    void write_timeouts() {
        std::map<std::string, const Rule*> wanted;
        for (const auto& rule : policy_.rules)
            if (has_timeout(rule)) wanted.emplace(timeout_name(rule), &rule);
        const auto embryonic = std::to_string(policy_.settings.tcp_embryonic_seconds);
        const auto closing = std::to_string(policy_.settings.tcp_closing_seconds);
        for (const auto& [name, of] : wanted) {
            const auto idle = std::to_string(of->idle_seconds);
            begin("ct timeout " + name);
            rule("protocol " + std::string(to_string(of->transport)));
            rule("l3proto " + ip(of->family));
            if (of->transport == Transport::tcp)
                rule("policy = { syn_sent : " + embryonic + ", syn_recv : " + embryonic +
                     ", established : " + idle + ", last_ack : " + closing +
                     ", time_wait : " + closing + ", close : " + closing + " }");
            else
                rule("policy = { unreplied : " + idle + ", replied : " + idle + " }");
            end();
        }
    }

    // Chains, in the order of a packet's way

    void write_entry() {
        begin("chain prerouting");
        // Behind conntrack (-200), before destination NAT (-100): the untranslated tuple.
        rule("type filter hook prerouting priority mangle; policy drop;");
        rule("iifname != @guarded accept");
        rule("ct state established accept");
        rule("ct state related meta l4proto { icmp, ipv6-icmp } accept" +
             comment("builtin.icmp-errors"));
        rule("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept" +
             comment("builtin.nd"));
        rule("ct state != new counter drop" + comment("no connection, or invalid in it"));
        rule("tcp flags & (fin | syn | rst | ack) != syn counter drop" +
             comment("TCP starts with a SYN"));
        std::string chains;
        for (const auto& interface : policy_.interfaces)
            chains += (chains.empty() ? "" : ", ") + quoted(netdev_of(interface, netdevs_)) +
                      " : goto in-" + interface.name;
        rule("iifname vmap { " + chains + " }");
        end();

        begin("chain forward");
        rule("type filter hook forward priority filter; policy accept;");
        rule("iifname @guarded oifname != @guarded counter drop");
        rule("iifname != @guarded oifname @guarded counter drop");
        end();

        // Hosts of a zone may be in one network; we stay between them, and do not show them the way.
        begin("chain output");
        rule("type filter hook output priority filter; policy accept;");
        rule("oifname @guarded icmp type redirect drop");
        rule("oifname @guarded icmpv6 type nd-redirect drop");
        end();
    }

    void write_interface(const Interface& interface) {
        begin("chain in-" + interface.name);
        for (const auto family : kFamilies) {
            if (has(family, AddressKind::own))
                rule(ip(family) + " saddr @own" + suffix(family) + " counter drop" +
                     comment("own-source"));
            if (interface.zones.contains(Zone::internet) && has(family, AddressKind::bogon))
                rule(ip(family) + " saddr @bogon" + suffix(family) + " counter drop" +
                     comment("bogon-source"));
        }
        for (unsigned i = 0; i < kZoneCount; ++i) {
            const auto zone = static_cast<Zone>(i);
            if (!interface.zones.contains(zone)) continue;
            for (const auto family : kFamilies)
                if (has(family, {AddressKind::member, zone}))
                    rule(ip(family) + " saddr @" + std::string(to_string(zone)) + suffix(family) +
                         " goto from-" + std::string(to_string(zone)));
        }
        rule("counter drop" + comment("spoofed-source"));
        end();
    }

    void write_zones() {
        const auto rate = std::to_string(policy_.settings.icmp_echo_per_second) + "/second";
        for (unsigned i = 0; i < kZoneCount; ++i) {
            const auto from = static_cast<Zone>(i);
            const bool behind_an_interface =
                std::any_of(policy_.interfaces.begin(), policy_.interfaces.end(),
                            [&](const auto& interface) { return interface.zones.contains(from); });
            if (!behind_an_interface) continue;
            begin("chain from-" + std::string(to_string(from)));
            for (const auto family : kFamilies)
                if (has(family, AddressKind::own))
                    rule(ip(family) + " daddr @own" + suffix(family) + " " +
                         transport_of(Transport::icmp, family) + " type echo-request limit rate " +
                         rate + " accept" + comment("builtin.icmp-echo"));
            for (const auto& [to, rules] : rules_from(from))
                for (const auto family : kFamilies)
                    if (has(family, to))
                        rule(ip(family) + " daddr @" + name_of(to) + suffix(family) + " jump " +
                             chain_of(from, to));
            rule("counter drop" + comment("no-rule"));
            end();
        }
    }

    // A line of a chain: a rule, and which of its destinations lie on the chain's side.
    struct Line {
        const Rule* rule;
        std::vector<Prefix> destinations;  // empty = all of the side
    };

    // nullopt where the rule covers no address of that kind (match.cpp: covers_destination()).
    std::optional<Line> line_for(const Rule& rule, AddressKind kind) const {
        Line made{&rule, {}};
        if (rule.destinations.empty()) {
            if (kind == AddressKind::own && !rule.covers_own) return std::nullopt;
            return made;
        }
        for (const auto& prefix : rule.destinations) {
            const bool ours = prefix == Prefix::host(prefix.address()) &&
                              classify(policy_, prefix.address()).kind == AddressKind::own;
            const bool wanted = kind == AddressKind::own ? ours || rule.covers_own : !ours;
            if (wanted) made.destinations.push_back(prefix);
        }
        if (made.destinations.empty()) return std::nullopt;
        return made;
    }

    std::map<Side, std::vector<Line>> rules_from(Zone from) const {
        std::map<Side, std::vector<Line>> lines;
        for (const auto& rule : policy_.rules) {
            if (rule.from != from) continue;
            for (const auto kind : {AddressKind::member, AddressKind::own})
                if (auto made = line_for(rule, kind))
                    lines[{kind, rule.to}].push_back(std::move(*made));
        }
        return lines;
    }

    void write_pairs() {
        for (unsigned i = 0; i < kZoneCount; ++i) {
            const auto from = static_cast<Zone>(i);
            for (const auto& [to, lines] : rules_from(from)) {
                begin("chain " + chain_of(from, to));
                for (const auto& entry : lines) write_rule(entry);
                end();
            }
        }
    }

    void write_rule(const Line& entry) {
        const auto& of = *entry.rule;
        std::string text;
        if (!of.sources.empty()) text += ip(of.family) + " saddr " + one_or_set(of.sources) + " ";
        if (!entry.destinations.empty())
            text += ip(of.family) + " daddr " + one_or_set(entry.destinations) + " ";
        // Nothing else would tell the family (echo does).
        if (of.sources.empty() && entry.destinations.empty() && of.transport != Transport::icmp)
            text += std::string("meta nfproto ") + (of.family == Family::ipv4 ? "ipv4 " : "ipv6 ");
        text += transport_match(of);
        if (has_timeout(of)) text += "ct timeout set " + quoted(timeout_name(of)) + " ";
        if (of.nat != NatKind::none) text += "ct mark set " + mark_of(of.service) + " ";
        rule(text + "counter " + (of.action == Action::allow ? "accept" : "drop") + comment(of.id));
    }

    // Ports; without any, the protocol itself. An echo's identifier stands for its source port.
    static std::string transport_match(const Rule& of) {
        const auto name = transport_of(of.transport, of.family);
        if (of.transport == Transport::icmp) {
            std::string text = name + " type echo-request ";
            if (!of.source_ports.is_any())
                text += name + " id " + ports_text(of.source_ports) + " ";
            return text;
        }
        std::string text;
        if (!of.source_ports.is_any()) text += name + " sport " + ports_text(of.source_ports) + " ";
        if (!of.destination_ports.is_any())
            text += name + " dport " + ports_text(of.destination_ports) + " ";
        return text.empty() ? "meta l4proto " + name + " " : text;
    }

    // Translation

    static std::string mark_of(std::uint32_t service) { return std::to_string(service + 1); }

    static std::string node_of(const Service& service) {
        if (service.nodes.size() == 1) return service.nodes.front().address.to_string();
        std::uint32_t divisor = 0;
        for (const auto& node : service.nodes) divisor = std::gcd(divisor, node.weight);
        std::uint32_t at = 0;
        std::string map;
        for (const auto& node : service.nodes) {
            // Weights are 1 to 1000 in a sound policy.
            // NOLINTNEXTLINE(clang-analyzer-core.DivideZero)
            const auto next = at + node.weight / divisor;
            map += (map.empty() ? "{ " : ", ") +
                   (next == at + 1 ? std::to_string(at)
                                   : std::to_string(at) + "-" + std::to_string(next - 1)) +
                   " : " + node.address.to_string();
            at = next;
        }
        const auto family = service.vip.family();
        return "jhash " + ip(family) + " saddr mod " + std::to_string(at) + " seed " + kHashSeed +
               " map " + map + " }";
    }

    void write_translation() {
        begin("chain destination-nat");
        rule("type nat hook prerouting priority dstnat; policy accept;");
        for (std::uint32_t i = 0; i < policy_.services.size(); ++i) {
            const auto& service = policy_.services[i];
            if (service.nat != NatKind::dnat && service.nat != NatKind::full) continue;
            rule("ct mark " + mark_of(i) + " dnat " + ip(service.vip.family()) + " to " +
                 node_of(service) + comment(service.name));
        }
        end();
        begin("chain source-nat");
        rule("type nat hook postrouting priority srcnat; policy accept;");
        for (std::uint32_t i = 0; i < policy_.services.size(); ++i) {
            const auto& service = policy_.services[i];
            if (service.nat != NatKind::snat && service.nat != NatKind::full) continue;
            const auto vip =
                service.vip.is_v4() ? service.vip.to_string() : "[" + service.vip.to_string() + "]";
            rule("ct mark " + mark_of(i) + " meta l4proto " +
                 std::string(to_string(service.transport)) + " snat " + ip(service.vip.family()) +
                 " to " + vip + ":1024-65535" + comment(service.name));
        }
        end();
    }

    const Policy& policy_;
    const Netdevs& netdevs_;
    std::map<RangeKey, std::vector<ClassRange>> ranges_;
    std::string text_;
};

}  // namespace

std::string netdev_of(const Interface& interface, const Netdevs& netdevs) {
    const auto found = netdevs.find(interface.device);
    const auto& device = found == netdevs.end() ? interface.device : found->second;
    return interface.vlan == 0 ? device : device + "." + std::to_string(interface.vlan);
}

std::string write_ruleset(const Policy& policy, const Netdevs& netdevs) {
    return Writer(policy, netdevs).write();
}

}  // namespace portcullis::nft
