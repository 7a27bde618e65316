// steer: every packet to the worker that owns it (owner.h), whatever queue it came by.
//
// Exits here:
//   hand over  to the owner; where its ring is full the worker drops with handover_full
#include "dataplane/owner.h"
#include "dataplane/stages/context.h"

namespace portcullis::dataplane {

void steer(Burst& burst, Context& context) {
    if (context.workers == 1) return;
    for_each(burst.live, [&](unsigned i) {
        const unsigned owner = owner_of(*context.policy, burst.key[i], context.workers);
        if (owner != context.worker) burst.hand_over(i, owner);
    });
}

}  // namespace portcullis::dataplane
