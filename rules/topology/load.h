// Topology files (YAML) -> Topology. The one place where libyaml is used.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "rules/topology/topology.h"

namespace portcullis::topology {

// One thing that is wrong with a topology, and the mend.
struct Diagnostic {
    std::string file;
    Location where;
    std::string message;  // what is wrong, naming the key and the value
    std::string hint;     // what to do
    // "sample.yaml:12:7: edge.vips.av: ... (hint)"
    std::string to_string() const;
};
using Diagnostics = std::vector<Diagnostic>;

// Every error of the file is reported at once, in the order of the file. Limits: 4 MiB, 32 levels,
// 100 aliases (each expansion counts).
tl::expected<Topology, Diagnostics> load(const std::filesystem::path& file);
tl::expected<Topology, Diagnostics> load_text(std::string_view yaml, std::string_view file_name);

// The checks that need the whole topology and depend on its features; load() runs them. They are
// run again when `trace --with/--without` has switched features.
Diagnostics check_features(const Topology& topology, std::string_view file_name);

}  // namespace portcullis::topology
