#include "tests/unit/rules/compile/samples.h"

namespace portcullis::compile::testing {

topology::Topology sample_topology(std::string_view name) {
    const auto file = std::string(SAMPLES_DIR "/").append(name).append(".yaml");
    auto loaded = topology::load(file);
    if (!loaded) throw std::runtime_error(loaded.error().front().to_string());
    return std::move(*loaded);
}

}  // namespace portcullis::compile::testing
