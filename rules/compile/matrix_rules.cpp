// Pass: what the documents open, for the entities that this topology has.
//
// A row's openings are taken apart into cells: one transport, one port range, one group of senders,
// one group of receivers. Each cell becomes one rule for each family in which both groups have
// addresses. See matrix_rules.h for what happens to them then.
#include "rules/compile/matrix_rules.h"

#include <algorithm>
#include <set>

#include "rules/compile/conformance.h"
#include "rules/compile/flow.h"
#include "rules/compile/prefixes.h"
#include "rules/compile/text.h"

namespace portcullis::compile {
namespace {

using matrix::Entity;
using matrix::Opening;
using matrix::Row;
using policy::Family;
using policy::PortRange;
using policy::Prefix;
using policy::Rule;
using policy::Transport;
using topology::Topology;

struct Cell {
    const Opening* opening = nullptr;
    Transport transport = Transport::tcp;
    PortRange ports;
    EntityGroup from;
    EntityGroup to;
};

bool of_release(const Opening& opening, topology::Release release) {
    return release == topology::Release::lync_2010 ? opening.lync_2010 : opening.lync_2013;
}

bool is_on(const Topology& topology, std::string_view name) {
    const auto feature = topology::parse_feature(name);
    return feature && topology.features.has(*feature);
}

bool is_open(const Opening& opening, const Topology& topology) {
    const auto on = [&](std::string_view name) { return is_on(topology, name); };
    return (opening.any_of.empty() ||
            std::any_of(opening.any_of.begin(), opening.any_of.end(), on)) &&
           std::all_of(opening.all_of.begin(), opening.all_of.end(), on);
}

std::vector<Cell> cells_of(const Row& row, topology::Release release) {
    std::vector<Cell> cells;
    for (const auto& opening : row.openings) {
        if (!of_release(opening, release)) continue;
        for (const auto transport : opening.transports)
            for (const auto ports : opening.ports)
                for (const auto& from : group(opening.from))
                    for (const auto& to : group(opening.to))
                        cells.push_back({&opening, transport, ports, from, to});
    }
    return cells;
}

// The rule ids of a row: its own id, and whatever tells its cells apart. Features and addresses
// play no part, so an id survives changes of the topology.
class CellNames {
  public:
    explicit CellNames(const std::vector<Cell>& cells) {
        std::set<Transport> transports;
        std::set<PortRange> ports;
        std::set<PortRange> source_ports;
        std::set<std::string> froms;
        std::set<std::string> tos;
        for (const auto& cell : cells) {
            transports.insert(cell.transport);
            ports.insert(cell.ports);
            source_ports.insert(cell.opening->source_ports);
            froms.insert(cell.from.label());
            tos.insert(cell.to.label());
        }
        transport_ = transports.size() > 1;
        ports_ = ports.size() > 1;
        source_ports_ = source_ports.size() > 1;
        from_ = froms.size() > 1;
        to_ = tos.size() > 1;
    }

    std::string id(const Row& row, const Cell& cell, Family family) const {
        auto out = concat(row.id, "/", family_name(family));
        if (transport_) out.append(concat("/", policy::to_string(cell.transport)));
        if (ports_) out.append(concat("/", range_text(cell.ports)));
        if (source_ports_) out.append(concat("/source-", range_text(cell.opening->source_ports)));
        if (from_) out.append(concat("/from-", cell.from.label()));
        if (to_) out.append(concat("/to-", cell.to.label()));
        return out;
    }

  private:
    bool transport_ = false;
    bool ports_ = false;
    bool source_ports_ = false;
    bool from_ = false;
    bool to_ = false;
};

Hosts resolve_all(const Topology& topology, const EntityGroup& group, Family family) {
    Hosts out;
    for (const auto entity : group.entities) {
        auto hosts = resolve(topology, entity, family);
        out.any = out.any || hosts.any;
        out.prefixes.insert(out.prefixes.end(), hosts.prefixes.begin(), hosts.prefixes.end());
    }
    if (out.any) out.prefixes.clear();
    out.prefixes = normalised(std::move(out.prefixes));
    return out;
}

class RowCompiler {
  public:
    RowCompiler(Draft& draft, const Row& row, std::vector<Rule>& out)
        : draft_(draft),
          row_(row),
          cells_(cells_of(row, draft.topology.release)),
          names_(cells_),
          out_(out) {}

    void run() {
        for (const auto& cell : cells_) {
            if (!is_open(*cell.opening, draft_.topology)) continue;
            if (!is_sound(cell)) continue;
            for (const auto family : kFamilies) add_rules(cell, family);
        }
    }

  private:
    // Errors of the matrix itself; its own tests keep them out, but silence would be worse.
    bool is_sound(const Cell& cell) {
        if (cell.from.vip) return error("lets an Edge VIP send, which is ours and never a source");
        if (cell.to.vip && !has_service(*cell.to.vip, cell.transport, cell.ports))
            return error("opens a port of a VIP that has no such service");
        return true;
    }
    bool error(std::string_view what) {
        draft_.errors.push_back({std::string(draft_.file_name),
                                 {},
                                 concat("matrix row ", row_.id, " ", what),
                                 "this is an error of Portcullis, not of the topology"});
        return false;
    }

    void add_rules(const Cell& cell, Family family) {
        auto from = resolve_all(draft_.topology, cell.from, family);
        auto to = resolve_all(draft_.topology, cell.to, family);
        if (!from.exist() || !to.exist()) return;

        Rule rule;
        rule.id = names_.id(row_, cell, family);
        rule.transport = cell.transport;
        rule.family = family;
        rule.from = cell.from.zone;
        rule.to = cell.to.zone;
        rule.sources = std::move(from.prefixes);
        rule.destinations = std::move(to.prefixes);
        rule.source_ports = cell.opening->source_ports;
        rule.destination_ports = cell.ports;
        rule.rows = {std::string(row_.id)};

        const Flow flow{cell.from.side, cell.to.side, rule.transport, rule.source_ports,
                        rule.destination_ports};
        rule.av_path = is_av_path(flow);
        rule.idle_seconds = idle_seconds(draft_.topology.service_settings, flow);
        rule.conformance = find_conformance(draft_.policy, flow, rule.from, rule.to);
        if (!set_service(cell, rule)) return;
        rule.reason = sentence(row_, cell.from, cell.to, draft_.policy, rule);
        if (cell.to.other_av_nodes)
            add_for_each_sender(rule);
        else
            out_.push_back(std::move(rule));
    }

    // False where the family has no VIP or no node to translate to: then nothing is open.
    bool set_service(const Cell& cell, Rule& rule) const {
        const auto& policy = draft_.policy;
        if (cell.to.vip)
            rule.service = find_service(policy, draft_.topology.edge, *cell.to.vip, rule.family,
                                        rule.transport, rule.destination_ports.first);
        else if (cell.opening->snat)
            rule.service = find_snat_service(policy, rule.family, rule.transport);
        else
            return true;
        if (rule.service == policy::kNoService) return false;
        rule.nat = policy.services[rule.service].nat;
        return true;
    }

    // Nobody is another to itself.
    void add_for_each_sender(const Rule& rule) {
        for (const auto& node : draft_.topology.edge.nodes) {
            const auto& address = node.av.of(rule.family);
            if (!address) continue;
            auto one = rule;
            one.id.append(concat("/", node.name));
            one.sources = {Prefix::host(*address)};
            std::erase(one.destinations, Prefix::host(*address));
            if (!one.destinations.empty()) out_.push_back(std::move(one));
        }
    }

    Draft& draft_;
    const Row& row_;
    std::vector<Cell> cells_;
    CellNames names_;
    std::vector<Rule>& out_;
};

}  // namespace

std::vector<EntityGroup> group(std::span<const Entity> entities) {
    std::vector<EntityGroup> groups;
    for (const auto entity : entities) {
        EntityGroup made{zone_of(entity),
                         side_of(entity),
                         vip_of(entity),
                         entity == Entity::other_av_node,
                         {entity}};
        const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& other) {
            return other.zone == made.zone && other.side == made.side && other.vip == made.vip &&
                   other.other_av_nodes == made.other_av_nodes;
        });
        if (same == groups.end())
            groups.push_back(std::move(made));
        else
            same->entities.push_back(entity);
    }
    return groups;
}

void add_matrix_rules(Draft& draft) {
    std::vector<Rule> rules;
    for (const auto& row : draft.rows) RowCompiler(draft, row, rules).run();
    rules = narrow_first(draft.policy, merged(std::move(rules)));
    std::move(rules.begin(), rules.end(), std::back_inserter(draft.policy.rules));
}

}  // namespace portcullis::compile
