// The order of the stages: run() puts one burst through all of them.
#pragma once

#include <span>
#include <string_view>

#include "dataplane/stages/context.h"

namespace portcullis::dataplane {

struct Stage {
    std::string_view name;  // as in the picture of dataplane/README.md
    void (*run)(Burst& burst, Context& context);
};

std::span<const Stage> pipeline();

// Afterwards each packet of the burst has met its fate, or is live: a finished frame for its
// device.
void run_pipeline(Burst& burst, Context& context);

}  // namespace portcullis::dataplane
