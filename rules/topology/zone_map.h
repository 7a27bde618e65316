// Which zones an address may lie in: the longest network of the topology that holds it decides.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>

#include "rules/topology/topology.h"

namespace portcullis::topology {

class ZoneMap {
  public:
    // The interfaces' networks, and topology.corporate.
    explicit ZoneMap(const Topology& topology);

    // Two zones where they share an interface; `internet` where no network holds the prefix wholly.
    ZoneSet zones_of(const Prefix& prefix) const;

  private:
    void add(const Prefix& prefix, ZoneSet zones);

    std::map<Prefix, ZoneSet> networks_;
    std::set<unsigned, std::greater<>> lengths_v4_;  // those that occur, longest first
    std::set<unsigned, std::greater<>> lengths_v6_;
};

// "edge-internal" or "edge-internal or rp-internal"
std::string zone_names(ZoneSet zones);

}  // namespace portcullis::topology
