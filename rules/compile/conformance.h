// Which service's protocol the sessions of a rule are held to (policy/conformance.h). Internal to
// rules/compile/.
#pragma once

#include <cstdint>
#include <string_view>

#include "rules/compile/flow.h"
#include "rules/compile/passes.h"

namespace portcullis::compile {

// The name of the service (topology/inspected_services.h) that a flow between these zones belongs
// to; empty where its protocol is not known, or where ports beside its own are open too.
std::string_view inspected_service(const Flow& flow, policy::Zone from, policy::Zone to);

// The same as an index in policy.conformance, which add_conformance() has filled.
std::uint32_t find_conformance(const policy::Policy& policy, const Flow& flow, policy::Zone from,
                               policy::Zone to);

// What a site rule asks for by `class`: an entry of its own, named after the rule. kNoConformance
// for class none.
std::uint32_t add_site_conformance(Draft& draft, const topology::SiteRule& rule);

}  // namespace portcullis::compile
