// When one rule makes another superfluous. Internal to rules/compile/.
#pragma once

#include "rules/policy/policy.h"

namespace portcullis::compile {

// Whether `wide` matches every packet that `narrow` matches. It may say no where only several
// prefixes together cover one, never yes where a packet is left over.
bool covers_wholly(const policy::Policy& policy, const policy::Rule& wide,
                   const policy::Rule& narrow);

// Whether both do the same with a packet: verdict, translation, reply path and idle time.
bool same_effect(const policy::Rule& a, const policy::Rule& b);

// Whether both match the same packets by the same words.
bool same_packets(const policy::Rule& a, const policy::Rule& b);

// Whether any address of `prefix` is of this kind and zone.
bool holds(const policy::Policy& policy, const policy::Prefix& prefix, policy::AddressKind kind,
           policy::Zone zone);

}  // namespace portcullis::compile
