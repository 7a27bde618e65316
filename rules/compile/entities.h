// From the matrix's entities to the topology's addresses. Internal to rules/compile/.
#pragma once

#include <optional>
#include <vector>

#include "rules/compile/services.h"
#include "rules/matrix/row.h"
#include "rules/topology/topology.h"

namespace portcullis::compile {

// Which part of the perimeter an end belongs to; idle times and reply paths depend on it.
enum class Side : std::uint8_t {
    elsewhere,
    access,
    web_conferencing,
    av,
    internal,
    reverse_proxy,
};

// The zone where the entity lives, whatever its addresses.
policy::Zone zone_of(matrix::Entity entity);
Side side_of(matrix::Entity entity);
Side side_of(Vip vip);
// Set for the VIPs of the Edge: they are ours.
std::optional<Vip> vip_of(matrix::Entity entity);

// "the Access VIP", "Front End servers": for sentences.
std::string_view phrase(matrix::Entity entity);

// The addresses of an entity in one family.
struct Hosts {
    bool any = false;  // every member of the zone; then no prefixes
    std::vector<policy::Prefix> prefixes;
    bool exist() const { return any || !prefixes.empty(); }
};
// matrix::Entity::other_av_node gives every A/V node: who the others are depends on the sender.
Hosts resolve(const topology::Topology& topology, matrix::Entity entity, policy::Family family);

}  // namespace portcullis::compile
