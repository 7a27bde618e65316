// What to do where the state directory and the data plane do not agree: a decision, and no action.
//
// It is asked when the peer link comes up (after a restart of either side) and at each status poll,
// but never while a push is being handed over. The table is in control/README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "rules/policy/image.h"

namespace portcullis::control {

struct Held {  // in the state directory
    std::optional<policy::ImageHash> candidate;
    std::optional<policy::ImageHash> current;
    std::optional<policy::ImageHash> previous;
};

struct Running {  // in the data plane
    std::optional<policy::ImageHash> policy;
    // A confirmation pends, or an image that a predecessor of ours handed over is still being loaded:
    // what runs may change without us.
    bool undecided = false;
};

enum class Repair : std::uint8_t {
    none,               // they agree, or the data plane is to decide first
    promote_candidate,  // it runs and is final: finish what was cut short
    discard_candidate,  // it does not run and never will by itself
    adopt_previous,     // a rollback was carried out, but not written down
    load_current,       // it runs nothing, or what nobody meant
    unknown,            // it runs a policy of which the state directory has nothing: left alone
};
std::string_view to_string(Repair repair);

Repair reconcile(const Held& held, const Running& running);

}  // namespace portcullis::control
