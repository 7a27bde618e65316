// The one place that names the stages, in order. A burst goes through each stage whole.
#include "dataplane/pipeline.h"

namespace portcullis::dataplane {

namespace {

constexpr Stage kStages[] = {
    {"parse", parse},          // bounds, headers, flow key
    {"lookup", lookup},        // its session, and the state of its protocol
    {"steer", steer},          // or to the worker that owns the flow
    {"admit", admit},          // or the policy, for a first packet
    {"inspect", inspect},      // does the session begin as its protocol does?
    {"translate", translate},  // egress, TTL, MTU, NAT
    {"forward", forward},      // next hop, frame
};

}  // namespace

std::span<const Stage> pipeline() {
    return kStages;
}

void run_pipeline(Burst& burst, Context& context) {
    for (const Stage& stage : kStages) {
        stage.run(burst, context);
        if (burst.live == 0) return;
    }
}

}  // namespace portcullis::dataplane
