// Pass: what is allowed outside the matrix (SEMANTICS decision 19), listed like rules in reports.
#include "rules/compile/passes.h"

namespace portcullis::compile {

void add_builtins(Draft& draft) {
    draft.policy.builtins = {
        {"builtin.arp",
         "ARP is answered for our interface addresses and VIPs, and asked for next hops."},
        {"builtin.nd",
         "Neighbour Discovery is answered for our interface addresses and VIPs, and asked for next "
         "hops; its packets must carry hop limit 255."},
        {"builtin.icmp-echo",
         "Echo requests to our interface addresses and VIPs are answered, within a rate limit."},
        {"builtin.icmp-errors",
         "ICMP errors pass, translated, where the packet they quote belongs to a session."},
        {"builtin.pmtu",
         "Packets too large for the next link are answered with fragmentation-needed or "
         "packet-too-big, within a rate limit, and such errors of others reach their session."},
    };
}

}  // namespace portcullis::compile
