#include "rules/compile/entities.h"

#include <functional>

namespace portcullis::compile {
namespace {

using matrix::Entity;
using policy::Family;
using policy::Prefix;
using policy::Zone;
using topology::Balancing;
using topology::DualAddress;
using topology::Pool;
using topology::PoolRole;
using topology::Topology;

class Collector {
  public:
    Collector(const Topology& topology, Family family) : topology_(topology), family_(family) {}

    void address(const DualAddress& given) {
        if (given.of(family_)) out_.prefixes.push_back(Prefix::host(*given.of(family_)));
    }
    void prefixes(const std::vector<Prefix>& given) {
        for (const auto& prefix : given)
            if (prefix.family() == family_) out_.prefixes.push_back(prefix);
    }
    void servers(const std::vector<topology::Server>& given) {
        for (const auto& server : given) address(server.address);
    }
    void any() { out_.any = true; }

    using Wanted = std::function<bool(const Pool&)>;
    void pool_servers(const Wanted& wanted) {
        for (const auto& pool : topology_.pools)
            if (wanted(pool)) servers(pool.servers);
    }
    void pool_vips(const Wanted& wanted) {
        for (const auto& pool : topology_.pools)
            if (wanted(pool)) address(pool.vip);
    }
    // Never a single server behind a balancer, not even in a family that the VIP lacks.
    void pool_targets(PoolRole role) {
        for (const auto& pool : topology_.pools) {
            if (pool.role != role) continue;
            if (pool.vip.any())
                address(pool.vip);
            else
                servers(pool.servers);
        }
    }
    // A list, or everybody in the zone.
    void partners(const topology::Partners& given, bool any_if_none_listed) {
        if (given.open || (any_if_none_listed && given.prefixes.empty()))
            any();
        else
            prefixes(given.prefixes);
    }

    Hosts take() { return std::move(out_); }

  private:
    const Topology& topology_;
    Family family_;
    Hosts out_;
};

Collector::Wanted role(PoolRole wanted) {
    return [=](const Pool& pool) { return pool.role == wanted; };
}
Collector::Wanted role(PoolRole wanted, Balancing mode) {
    return [=](const Pool& pool) { return pool.role == wanted && pool.balancing == mode; };
}

bool holds_store(const Pool& pool) {
    return pool.holds_central_management_store;
}
bool holds_gateway(const Pool& pool) {
    return pool.holds_xmpp_gateway;
}
bool runs_mediation(const Pool& pool) {
    return pool.role == PoolRole::front_end && pool.runs_mediation;
}

}  // namespace

std::optional<Vip> vip_of(Entity entity) {
    switch (entity) {
        case Entity::access_vip:
            return Vip::access;
        case Entity::web_conferencing_vip:
            return Vip::web_conferencing;
        case Entity::av_vip:
            return Vip::av;
        case Entity::internal_vip:
            return Vip::internal;
        default:
            return std::nullopt;
    }
}

Side side_of(Vip vip) {
    switch (vip) {
        case Vip::access:
            return Side::access;
        case Vip::web_conferencing:
            return Side::web_conferencing;
        case Vip::av:
            return Side::av;
        case Vip::internal:
            return Side::internal;
    }
    return Side::elsewhere;
}

Side side_of(Entity entity) {
    switch (entity) {
        case Entity::access_vip:
        case Entity::access_node:
            return Side::access;
        case Entity::web_conferencing_vip:
        case Entity::web_conferencing_node:
            return Side::web_conferencing;
        case Entity::av_vip:
        case Entity::av_node:
        case Entity::other_av_node:
            return Side::av;
        case Entity::internal_vip:
        case Entity::internal_node:
            return Side::internal;
        case Entity::rp_external:
        case Entity::rp_internal:
            return Side::reverse_proxy;
        default:
            return Side::elsewhere;
    }
}

Zone zone_of(Entity entity) {
    switch (entity) {
        case Entity::internet:
        case Entity::federated_partner:
        case Entity::xmpp_partner:
            return Zone::internet;
        case Entity::rp_external:
            return Zone::rp_external;
        case Entity::rp_internal:
            return Zone::rp_internal;
        default:
            break;
    }
    switch (side_of(entity)) {
        case Side::access:
        case Side::web_conferencing:
        case Side::av:
            return Zone::edge_external;
        case Side::internal:
            return Zone::edge_internal;
        default:
            return Zone::corporate;
    }
}

Hosts resolve(const Topology& topology, Entity entity, Family family) {
    Collector out(topology, family);
    const auto& edge = topology.edge;
    if (const auto vip = vip_of(entity)) {
        out.address(address_of(edge, *vip));
        return out.take();
    }
    switch (entity) {
        case Entity::access_vip:
        case Entity::web_conferencing_vip:
        case Entity::av_vip:
        case Entity::internal_vip:
            break;  // above
        case Entity::internet:
        case Entity::corporate:
            out.any();
            break;
        case Entity::access_node:
            for (const auto& node : edge.nodes) out.address(node.access);
            break;
        case Entity::web_conferencing_node:
            for (const auto& node : edge.nodes) out.address(node.web_conferencing);
            break;
        case Entity::av_node:
        case Entity::other_av_node:
            for (const auto& node : edge.nodes) out.address(node.av);
            break;
        case Entity::internal_node:
            for (const auto& node : edge.nodes) out.address(node.internal);
            break;
        case Entity::rp_external:
            for (const auto& proxy : topology.reverse_proxies) out.address(proxy.external);
            break;
        case Entity::rp_internal:
            for (const auto& proxy : topology.reverse_proxies) out.address(proxy.internal);
            break;
        case Entity::director:
            out.pool_servers(role(PoolRole::director));
            break;
        case Entity::director_vip:
            out.pool_vips(role(PoolRole::director));
            break;
        case Entity::director_target:
            out.pool_targets(PoolRole::director);
            break;
        case Entity::director_vip_hardware:
            out.pool_vips(role(PoolRole::director, Balancing::hardware));
            break;
        case Entity::director_vip_dns:
            out.pool_vips(role(PoolRole::director, Balancing::dns));
            break;
        case Entity::front_end:
            out.pool_servers(role(PoolRole::front_end));
            break;
        case Entity::front_end_vip:
            out.pool_vips(role(PoolRole::front_end));
            break;
        case Entity::front_end_target:
            out.pool_targets(PoolRole::front_end);
            break;
        case Entity::front_end_vip_hardware:
            out.pool_vips(role(PoolRole::front_end, Balancing::hardware));
            break;
        case Entity::front_end_vip_dns:
            out.pool_vips(role(PoolRole::front_end, Balancing::dns));
            break;
        case Entity::cms_server:
            out.pool_servers(holds_store);
            break;
        case Entity::cms_vip:
            out.pool_vips(holds_store);
            break;
        case Entity::xmpp_gateway_server:
            out.pool_servers(holds_gateway);
            break;
        case Entity::xmpp_gateway_vip:
            out.pool_vips(holds_gateway);
            break;
        case Entity::collocated_mediation:
            out.pool_servers(runs_mediation);
            break;
        case Entity::collocated_mediation_vip_hardware:
            out.pool_vips([](const Pool& pool) {
                return runs_mediation(pool) && pool.balancing == Balancing::hardware;
            });
            break;
        case Entity::mediation:
            out.pool_servers(role(PoolRole::mediation));
            break;
        case Entity::mediation_vip_hardware:
            out.pool_vips(role(PoolRole::mediation, Balancing::hardware));
            break;
        case Entity::office_web_apps:
            out.pool_servers(role(PoolRole::office_web_apps));
            break;
        case Entity::persistent_chat:
            out.pool_servers(role(PoolRole::persistent_chat));
            break;
        case Entity::branch_appliance:
            out.servers(topology.branch_appliances);
            break;
        case Entity::pstn_gateway:
            out.servers(topology.pstn_gateways);
            break;
        case Entity::internal_server:
            out.pool_servers([](const Pool&) { return true; });
            out.servers(topology.branch_appliances);
            break;
        case Entity::client:
            out.prefixes(topology.clients);
            break;
        case Entity::federated_partner:
            out.partners(topology.federated, false);
            break;
        case Entity::xmpp_partner:
            out.partners(topology.xmpp, true);
            break;
    }
    return out.take();
}

std::string_view phrase(Entity entity) {
    switch (entity) {
        case Entity::internet:
            return "Internet hosts";
        case Entity::corporate:
            return "corporate hosts";
        case Entity::access_vip:
            return "the Access VIP";
        case Entity::web_conferencing_vip:
            return "the Web Conferencing VIP";
        case Entity::av_vip:
            return "the A/V VIP";
        case Entity::internal_vip:
            return "the Edge internal VIP";
        case Entity::access_node:
            return "Access nodes";
        case Entity::web_conferencing_node:
            return "Web Conferencing nodes";
        case Entity::av_node:
            return "A/V nodes";
        case Entity::internal_node:
            return "Edge internal nodes";
        case Entity::other_av_node:
            return "the other A/V nodes";
        case Entity::rp_external:
            return "the reverse proxy's external address";
        case Entity::rp_internal:
            return "the reverse proxy's internal address";
        case Entity::director:
            return "Directors";
        case Entity::director_vip:
        case Entity::director_vip_hardware:
        case Entity::director_vip_dns:
            return "Director VIPs";
        case Entity::director_target:
            return "Director VIPs or single Directors";
        case Entity::front_end:
            return "Front End servers";
        case Entity::front_end_vip:
        case Entity::front_end_vip_hardware:
        case Entity::front_end_vip_dns:
            return "Front End pool VIPs";
        case Entity::front_end_target:
            return "Front End pools by their VIP, or servers of pools without one";
        case Entity::cms_server:
            return "servers of the Central Management store's pool";
        case Entity::cms_vip:
            return "the VIP of the Central Management store's pool";
        case Entity::xmpp_gateway_server:
            return "servers of the XMPP gateway's pool";
        case Entity::xmpp_gateway_vip:
            return "the VIP of the XMPP gateway's pool";
        case Entity::collocated_mediation:
            return "Front End servers that run Mediation";
        case Entity::collocated_mediation_vip_hardware:
            return "VIPs of Front End pools that run Mediation";
        case Entity::mediation:
            return "Mediation servers";
        case Entity::mediation_vip_hardware:
            return "Mediation pool VIPs";
        case Entity::office_web_apps:
            return "Office Web Apps servers";
        case Entity::persistent_chat:
            return "Persistent Chat servers";
        case Entity::branch_appliance:
            return "branch appliances";
        case Entity::pstn_gateway:
            return "PSTN gateways";
        case Entity::internal_server:
            return "internal servers";
        case Entity::client:
            return "internal clients";
        case Entity::federated_partner:
            return "federated partners";
        case Entity::xmpp_partner:
            return "XMPP partners";
    }
    return "hosts";
}

}  // namespace portcullis::compile
