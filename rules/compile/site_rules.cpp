// Pass: the operator's own rules, in their order, before the matrix (SEMANTICS decision 19).
//
// An allow toward one of our VIPs takes the NAT of the service it names, so it must name one.
#include <algorithm>
#include <set>

#include "rules/compile/conformance.h"
#include "rules/compile/entities.h"
#include "rules/compile/flow.h"
#include "rules/compile/passes.h"
#include "rules/compile/prefixes.h"
#include "rules/compile/text.h"

namespace portcullis::compile {
namespace {

using policy::Action;
using policy::Family;
using policy::PortRange;
using policy::Prefix;
using policy::Rule;
using policy::Transport;
using policy::Zone;
using topology::SiteRule;
using topology::Topology;

std::vector<Prefix> of_family(const std::vector<Prefix>& given, Family family) {
    std::vector<Prefix> out;
    std::copy_if(given.begin(), given.end(), std::back_inserter(out),
                 [=](const Prefix& prefix) { return prefix.family() == family; });
    return normalised(std::move(out));
}

// A rule for everybody makes none for a family that no interface speaks.
bool speaks(const Topology& topology, Family family) {
    for (const auto& interface : topology.interfaces)
        for (const auto& address : interface.addresses)
            if (address.address.family() == family) return true;
    return false;
}

bool is_interface_address(const Topology& topology, const Prefix& prefix) {
    for (const auto& interface : topology.interfaces)
        for (const auto& address : interface.addresses)
            if (Prefix::host(address.address) == prefix) return true;
    return false;
}

bool is_host(const Prefix& prefix) {
    return prefix == Prefix::host(prefix.address());
}

template <typename Element>
std::vector<Element> without_repeats(std::vector<Element> elements) {
    std::sort(elements.begin(), elements.end());
    elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
    return elements;
}

class SiteRuleCompiler {
  public:
    SiteRuleCompiler(Draft& draft, const SiteRule& given)
        : draft_(draft),
          given_(given),
          transports_(without_repeats(given.transports)),
          ports_(without_repeats(given.ports)) {}

    void run() {
        if (given_.action == Action::allow) check_destinations();
        if (given_.conformance) conformance_ = add_site_conformance(draft_, given_);
        for (const auto family : kFamilies)
            if (speaks(draft_.topology, family)) add_family(family);
    }

  private:
    void error(std::string_view message, std::string hint) {
        draft_.errors.push_back({std::string(draft_.file_name), given_.where,
                                 concat("site rule ", given_.name, ": ", message),
                                 std::move(hint)});
    }

    std::optional<Vip> named_vip(const Prefix& prefix) const {
        if (!is_host(prefix)) return std::nullopt;
        return vip_of(draft_.topology.edge, prefix.address());
    }

    void check_destinations() {
        for (const auto& prefix : given_.destinations) {
            const auto text = prefix.to_string();
            if (is_interface_address(draft_.topology, prefix))
                error(concat("destination ", text, " is an address of this firewall itself"),
                      "name the host behind it; echo to interface addresses is answered anyway");
            const auto vip = named_vip(prefix);
            if (!vip) continue;
            for (const auto transport : transports_)
                for (const auto ports : ports_)
                    if (!has_service(*vip, transport, ports))
                        error(
                            concat("destination ", text, " is a VIP of ours without a service on ",
                                   port_text(ports, transport)),
                            concat("name one of its services, each port by itself: ",
                                   services_of(*vip), "; or name the nodes behind it"));
        }
    }

    void add_family(Family family) {
        const auto sources = of_family(given_.sources, family);
        const auto destinations = of_family(given_.destinations, family);
        // What names addresses of the other family only has none in this one.
        if (sources.empty() != given_.sources.empty()) return;
        if (destinations.empty() != given_.destinations.empty()) return;

        std::vector<Prefix> plain;
        std::vector<Prefix> vips;
        for (const auto& prefix : destinations)
            (given_.action == Action::allow && named_vip(prefix) ? vips : plain).push_back(prefix);

        for (const auto transport : transports_) {
            for (const auto ports : ports_) {
                auto rule = base_rule(family, transport, ports);
                rule.sources = sources;
                if (!plain.empty() || destinations.empty()) {
                    rule.destinations = plain;
                    add_plain(rule);
                }
                for (const auto& vip : vips) {
                    rule.destinations = {vip};
                    add_vip(rule);
                }
            }
        }
    }

    Rule base_rule(Family family, Transport transport, PortRange ports) const {
        Rule rule;
        rule.id = concat("site.", given_.name, "/", family_name(family));
        if (transports_.size() > 1) rule.id.append(concat("/", policy::to_string(transport)));
        if (ports_.size() > 1) rule.id.append(concat("/", range_text(ports)));
        rule.origin = policy::Origin::site;
        rule.action = given_.action;
        rule.transport = transport;
        rule.family = family;
        rule.from = given_.from;
        rule.to = given_.to;
        rule.covers_own = given_.action == Action::deny;
        rule.destination_ports = ports;
        rule.reason = given_.reason;
        return rule;
    }

    void add_plain(Rule rule) {
        bool whole = false;
        if (auto media = media_part(rule)) {
            whole = media->destination_ports == rule.destination_ports &&
                    media->destinations == rule.destinations;
            if (!whole) media->id.append("/media");
            finish(*media, rule.to == Zone::edge_internal ? Side::internal : Side::av);
            draft_.policy.rules.push_back(std::move(*media));
        }
        if (whole) return;
        finish(rule, Side::elsewhere);
        draft_.policy.rules.push_back(std::move(rule));
    }

    // What of an allow leads to nodes that a client may also reach through their VIP, at media
    // ports: its replies must follow the path of their request (decision 9), those of the rest need
    // not.
    std::optional<Rule> media_part(const Rule& rule) const {
        if (rule.action == Action::deny || rule.transport == Transport::icmp) return std::nullopt;
        if (rule.to != Zone::edge_internal && rule.to != Zone::edge_external) return std::nullopt;
        const std::uint16_t port = rule.transport == Transport::tcp ? 443 : 3478;
        if (!rule.destination_ports.contains(port)) return std::nullopt;
        const auto entity = rule.to == Zone::edge_internal ? matrix::Entity::internal_node
                                                           : matrix::Entity::av_node;
        Rule part = rule;
        part.destination_ports = {port, port};
        part.destinations.clear();
        for (const auto& node : resolve(draft_.topology, entity, rule.family).prefixes)
            if (rule.destinations.empty() ||
                std::any_of(rule.destinations.begin(), rule.destinations.end(),
                            [&](const Prefix& named) { return named.contains(node); }))
                part.destinations.push_back(node);
        if (part.destinations.empty()) return std::nullopt;
        part.destinations = normalised(std::move(part.destinations));
        return part;
    }

    void add_vip(Rule rule) {
        const auto& destination = rule.destinations.front();
        const auto vip = named_vip(destination).value();
        // Named already by check_destinations().
        if (!has_service(vip, rule.transport, rule.destination_ports)) return;
        rule.service = find_service(draft_.policy, draft_.topology.edge, vip, rule.family,
                                    rule.transport, rule.destination_ports.first);
        if (rule.service == policy::kNoService) {
            error(
                concat("no node stands behind ", destination.to_string(), " in its address family"),
                "give the nodes addresses of that family, or leave this destination out");
            return;
        }
        const auto& service = draft_.policy.services[rule.service];
        rule.nat = service.nat;
        rule.id.append(concat("/", to_string(vip)));
        finish(rule, side_of(vip));
        draft_.policy.rules.push_back(std::move(rule));
    }

    void finish(Rule& rule, Side destination) const {
        if (rule.action == Action::deny) return;
        const Flow flow{Side::elsewhere, destination, rule.transport, rule.source_ports,
                        rule.destination_ports};
        rule.av_path = is_av_path(flow);
        rule.idle_seconds = idle_seconds(draft_.topology.service_settings, flow);
        // Who names a VIP means its service; a wider rule is open for whatever its author knows.
        if (given_.conformance)
            rule.conformance = conformance_;
        else if (rule.service != policy::kNoService)
            rule.conformance = find_conformance(draft_.policy, flow, rule.from, rule.to);
    }

    Draft& draft_;
    const SiteRule& given_;
    std::vector<Transport> transports_;
    std::vector<PortRange> ports_;
    std::uint32_t conformance_ = policy::kNoConformance;
};

}  // namespace

void add_site_rules(Draft& draft) {
    std::set<std::string_view> names;
    for (const auto& rule : draft.topology.site_rules) {
        if (!names.insert(rule.name).second)
            draft.errors.push_back(
                {std::string(draft.file_name), rule.where,
                 concat("site rule ", rule.name, ": an earlier one has this name"),
                 "give each site rule a name of its own"});
        else
            SiteRuleCompiler(draft, rule).run();
    }
}

}  // namespace portcullis::compile
