// Taking a session of an older generation into the running policy, or ending it (ARCHITECTURE "Life
// of a topology"). Asked in line, when a packet meets a stale session, and by the sweep for idle
// ones.
#pragma once

#include <optional>

#include "dataplane/stages/context.h"

namespace portcullis::dataplane {

// Whether the session's translation is one that `rule` gives: the same kind, service address and
// port, a node that the service still has, and a source port that no service has claimed since.
bool binding_is_valid(const Session& session, const policy::Rule& rule,
                      const policy::Policy& policy);

// Whether a push has changed address classes so that the flow belongs to another worker now. If so the
// session has been ended, TCP with a reset both ways: its packets are to go there.
bool end_if_moved(Session& session, Context& context);

// nullopt: the session now belongs to context.policy's generation, its egress is to be resolved
// anew; if it was undecided it goes on under the protocol of its rule now, or leaves inspection where
// there is none. Otherwise it has been ended, with a reset both ways where it is TCP; policy_changed or
// binding_gone.
std::optional<DropReason> readmit(Session& session, Context& context);

}  // namespace portcullis::dataplane
