// Sections `edge`, `reverse-proxy`, `pools`, `pstn-gateways` and `branch-appliances`.
#include <algorithm>
#include <set>

#include "rules/topology/reading.h"

namespace portcullis::topology {
namespace {

void read_edge_node(const Field& field, std::string name, Reading& reading) {
    const MapReader map(field, keys::kEdgeNode, reading.errors);
    if (!map.valid()) return;
    EdgeNode node;
    node.name = std::move(name);
    node.where = field.where;
    for (const auto& [key, zone, vip, member] : kEdgeLegs)
        if (const auto address = map.get(key)) node.*member = read_entity(*address, zone, reading);
    if (const auto weight = map.get("weight"))
        node.weight = read_number(*weight, 1, 1000, reading.errors).value_or(1);
    reading.topology.edge.nodes.push_back(std::move(node));
}

void read_reverse_proxy(const Field& field, std::string name, Reading& reading) {
    const MapReader map(field, keys::kReverseProxy, reading.errors);
    if (!map.valid()) return;
    ReverseProxy proxy;
    proxy.name = std::move(name);
    proxy.where = field.where;
    if (const auto given = map.get("name"))
        if (auto text = read_name(*given, reading.errors)) proxy.name = std::move(*text);
    if (const auto external = map.require(
            "external", "give the address that faces the Internet, in zone rp-external"))
        proxy.external = read_entity(*external, Zone::rp_external, reading);
    if (const auto internal =
            map.require("internal", "give the address that faces the pools, in zone rp-internal"))
        proxy.internal = read_entity(*internal, Zone::rp_internal, reading);
    const auto& others = reading.topology.reverse_proxies;
    if (std::any_of(others.begin(), others.end(),
                    [&](const auto& other) { return other.name == proxy.name; }))
        reading.errors.add(
            field.where,
            field.path + ": a reverse proxy named " + quote(proxy.name) + " is there already",
            "give each its own name");
    reading.topology.reverse_proxies.push_back(std::move(proxy));
}

// `holds` and `runs`: sets the flag that belongs to each word.
void read_pool_words(const Field& field, Words words, std::initializer_list<bool*> flags,
                     const Pool& pool, Reading& reading) {
    for (const auto& item : items_of(field, reading.errors)) {
        const auto word = read_word(item, words, reading.errors);
        if (!word) continue;
        if (pool.role != PoolRole::front_end)
            reading.errors.add(
                item.node->where,
                field.path + ": only a front-end pool can have " + std::string(words[*word]),
                "move it to a pool with role: front-end");
        *flags.begin()[*word] = true;
    }
}

void read_pool(const Field& field, std::string name, Reading& reading) {
    auto& errors = reading.errors;
    const MapReader map(field, keys::kPool, errors);
    Pool pool;
    pool.name = std::move(name);
    pool.where = field.where;
    bool role_known = false;
    if (const auto role = map.require("role", "write role: " + alternatives(keys::kRoles))) {
        if (const auto word = read_word(*role, keys::kRoles, errors)) {
            pool.role = static_cast<PoolRole>(*word);
            role_known = true;
        }
    }
    if (const auto balancing = map.get("balancing"))
        if (const auto word = read_word(*balancing, keys::kBalancing, errors))
            pool.balancing = *word == 0 ? Balancing::hardware : Balancing::dns;
    if (const auto vip = map.get("vip")) pool.vip = read_entity(*vip, Zone::corporate, reading);
    if (const auto servers = map.require(
            "servers", "list the addresses of the servers; a VIP needs servers behind it"))
        read_servers(*servers, pool.servers, reading);
    Pool any_role;
    const Pool& judged = role_known ? pool : any_role;
    if (const auto holds = map.get("holds"))
        read_pool_words(*holds, keys::kHolds,
                        {&pool.holds_central_management_store, &pool.holds_xmpp_gateway}, judged,
                        reading);
    if (const auto runs = map.get("runs"))
        read_pool_words(*runs, keys::kRuns, {&pool.runs_mediation}, judged, reading);
    if (map.valid()) reading.topology.pools.push_back(std::move(pool));
}

std::string address_name(const DualAddress& address) {
    if (address.v4) return address.v4->to_string();
    return address.v6 ? address.v6->to_string() : "";
}

}  // namespace

DualAddress read_entity(const Field& field, Zone zone, Reading& reading) {
    const auto dual = read_dual(field, reading.errors);
    if (dual.address.v4)
        reading.entities.push_back({*dual.address.v4, zone, dual.v4.path, dual.v4.where});
    if (dual.address.v6)
        reading.entities.push_back({*dual.address.v6, zone, dual.v6.path, dual.v6.where});
    if (!dual.valid) reading.broken.insert(field.path);
    return dual.address;
}

void read_edge(const Field& field, Reading& reading) {
    const MapReader map(field, keys::kEdge, reading.errors);
    if (!map.valid()) return;
    reading.edge_where = field.where;
    if (const auto vips = map.get("vips")) {
        const MapReader addresses(*vips, keys::kEdgeVips, reading.errors);
        reading.edge_vips_where = vips->where;
        for (const auto& [key, zone, vip, node] : kEdgeLegs)
            if (const auto address = addresses.get(key))
                reading.topology.edge.*vip = read_entity(*address, zone, reading);
    }
    if (const auto nodes = map.require(
            "nodes", "name each Edge Server and its addresses; a VIP needs nodes behind it")) {
        if (nodes->node->kind == TreeNode::Kind::map && nodes->node->entries.empty())
            reading.errors.add(
                nodes->where, nodes->path + ": there is none",
                "name each Edge Server and its addresses; a VIP needs nodes behind it");
        for (const auto& entry : named_entries(*nodes, "an Edge Server", reading.errors))
            read_edge_node(entry, entry.path.substr(nodes->path.size() + 1), reading);
    }
}

void read_reverse_proxies(const Field& field, Reading& reading) {
    const auto& node = *field.node;
    if (node.kind == TreeNode::Kind::list) {
        std::size_t number = 0;
        for (const auto& item : items_of(field, reading.errors))
            read_reverse_proxy(item, "reverse-proxy-" + std::to_string(++number), reading);
        return;
    }
    // One proxy, or several by name: then every value is a map, which no address is.
    const bool several =
        node.kind == TreeNode::Kind::map && !node.entries.empty() &&
        std::all_of(node.entries.begin(), node.entries.end(), [](const TreeEntry& entry) {
            return entry.value->kind == TreeNode::Kind::map;
        });
    if (!several) {
        read_reverse_proxy(field, "reverse-proxy", reading);
        return;
    }
    for (const auto& entry : named_entries(field, "a reverse proxy", reading.errors))
        read_reverse_proxy(entry, entry.path.substr(field.path.size() + 1), reading);
}

void read_pools(const Field& field, Reading& reading) {
    for (const auto& entry : named_entries(field, "a pool", reading.errors))
        read_pool(entry, entry.path.substr(field.path.size() + 1), reading);
}

void read_servers(const Field& field, std::vector<Server>& servers, Reading& reading) {
    const auto add = [&](const Field& at, std::string name) {
        const auto address = read_entity(at, Zone::corporate, reading);
        if (!address.any()) return;
        if (name.empty()) name = address_name(address);
        servers.push_back({std::move(name), address, at.where});
    };
    if (field.node->kind == TreeNode::Kind::map) {
        const auto entries = named_entries(field, "a server", reading.errors);
        if (field.node->entries.empty())
            reading.errors.add(field.where, field.path + ": there is none",
                               "give at least one address");
        for (const auto& entry : entries) add(entry, entry.path.substr(field.path.size() + 1));
        return;
    }
    const auto items = items_of(field, reading.errors);
    if (items.empty())
        reading.errors.add(field.where, field.path + ": the list is empty",
                           "give at least one address");
    for (const auto& item : items) add(item, "");
}

}  // namespace portcullis::topology
