#include "control/reconcile.h"

#include <array>

namespace portcullis::control {

std::string_view to_string(Repair repair) {
    static constexpr std::array<std::string_view, 6> kNames = {
        "none",           "promote-candidate", "discard-candidate",
        "adopt-previous", "load-current",      "unknown"};
    return kNames.at(static_cast<unsigned>(repair));
}

Repair reconcile(const Held& held, const Running& running) {
    if (running.undecided) return Repair::none;
    const auto runs = [&](const std::optional<policy::ImageHash>& slot) {
        return slot && slot == running.policy;
    };
    // Before `current`: pushing what runs already ends in a candidate with current's hash.
    if (runs(held.candidate)) return Repair::promote_candidate;
    if (held.candidate) return Repair::discard_candidate;  // and then look again
    if (runs(held.current)) return Repair::none;
    if (runs(held.previous)) return Repair::adopt_previous;
    if (held.current) return Repair::load_current;
    return running.policy ? Repair::unknown : Repair::none;
}

}  // namespace portcullis::control
