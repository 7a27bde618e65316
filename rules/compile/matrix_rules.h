// Steps of the matrix pass that tests look at one by one. Internal to rules/compile/.
#pragma once

#include <string>
#include <vector>

#include "rules/compile/entities.h"
#include "rules/compile/passes.h"

namespace portcullis::compile {

// Entities that share a zone, a side and a way of being reached; one end of a rule. The grouping
// depends on the row alone, so that rule ids do not depend on the topology.
struct EntityGroup {
    policy::Zone zone = policy::Zone::internet;
    Side side = Side::elsewhere;
    std::optional<Vip> vip;       // of ours; then the only entity
    bool other_av_nodes = false;  // the same
    std::vector<matrix::Entity> entities;
    std::string label() const;   // "director+front-end"
    std::string phrase() const;  // "Directors and Front End servers"
};
std::vector<EntityGroup> group(std::span<const matrix::Entity> entities);

// Why a rule exists: "Internet hosts may reach the Access VIP for SIP (443/tcp); full NAT to edge1
// and edge2."
std::string sentence(const matrix::Row& row, const EntityGroup& from, const EntityGroup& to,
                     const policy::Policy& policy, const policy::Rule& rule);

// Rules of several rows that open the same become one that names them all.
std::vector<policy::Rule> merged(std::vector<policy::Rule> rules);

// The matrix only allows, so its order is free. The documents often open a port and later a range
// around it; narrow before wide, each packet is accounted to the row that names it best, and no
// rule is dead. Otherwise the order of the documents stays.
std::vector<policy::Rule> narrow_first(const policy::Policy& policy,
                                       std::vector<policy::Rule> rules);

}  // namespace portcullis::compile
