// steer: what has no session here goes to the worker that owns it (owner.h), whatever queue it came
// by.
//
// A session is never held by another worker than its owner (readmit.h ends one whose owner a push has
// changed), so packets that lookup has found a session for are where they belong and are not asked
// about.
//
// Exits here:
//   hand over  to the owner; where its ring is full the worker drops with handover_full
//   drop       icmp_no_session (an ICMP error about nothing that passes here)
#include "dataplane/owner.h"
#include "dataplane/stages/context.h"

namespace portcullis::dataplane {

void steer(Burst& burst, Context& context) {
    if (burst.missed == 0) return;
    for_each(burst.missed, [&](unsigned i) {
        if (context.workers > 1) {
            const unsigned owner = owner_of(*context.policy, burst.key[i], context.workers);
            if (owner != context.worker) return burst.hand_over(i, owner);
        }
        if (burst.is_icmp_error(i)) burst.drop(i, DropReason::icmp_no_session);
    });
}

}  // namespace portcullis::dataplane
