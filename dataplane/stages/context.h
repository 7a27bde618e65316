// What every stage may use: one for each worker, renewed for each burst.
#pragma once

#include <span>

#include "dataplane/active_policy.h"
#include "dataplane/burst.h"
#include "dataplane/counters.h"
#include "dataplane/neighbours.h"
#include "dataplane/session/sessions.h"
#include "dataplane/stages/answers.h"
#include "rules/inspect/inspector.h"

namespace portcullis::dataplane {

struct Context {
    // Of this burst, and the same for all its packets.
    const RuntimePolicy* policy = nullptr;  // never null inside the pipeline
    RuleHits* hits = nullptr;
    const inspect::Protocols* protocols = nullptr;
    inspect::Scratch* scratch = nullptr;  // this worker's
    ConformanceHits* conformance = nullptr;
    Millis now = 0;
    // Of the worker.
    unsigned worker = 0;
    unsigned workers = 1;
    std::span<const std::uint64_t> macs;  // of each device, as mac_word()
    Sessions* sessions = nullptr;
    inspect::Inspector* inspector = nullptr;
    NeighbourTable* neighbours = nullptr;
    Counters* counters = nullptr;
    DenyRing* denies = nullptr;
    Answers* answers = nullptr;
    RateLimit* echo_limit = nullptr;  // echo requests to own addresses, on their way to main
    RateLimit new_hop_limit;          // likewise: packets to next hops without an entry,
    RateLimit waiting_limit;          // and with one that has no answer yet
};

// The stages, in the order of pipeline.cpp. Each ends packets with the reasons that its file lists.
void parse(Burst& burst, Context& context);
void steer(Burst& burst, Context& context);
void lookup(Burst& burst, Context& context);
void admit(Burst& burst, Context& context);
void inspect(Burst& burst, Context& context);
void translate(Burst& burst, Context& context);
void forward(Burst& burst, Context& context);

// The egress of a packet of our own, by its destination; no_route where there is none. Such packets
// have a view, no session, and go through forward only.
void route_answer(Burst& burst, unsigned i, const Context& context);

}  // namespace portcullis::dataplane
