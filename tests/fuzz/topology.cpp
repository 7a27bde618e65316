// Topology files of any kind: each is loaded, or every error has a message and a mend that can be
// printed. What is loaded compiles, or is refused in the same way; what compiles has an image that
// the data plane would read.
#include <string>

#include "rules/compile/analyse.h"
#include "rules/compile/compile.h"
#include "rules/policy/image.h"
#include "rules/topology/load.h"
#include "rules/topology/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace portcullis {
namespace {

bool printable(std::string_view text) {
    while (!text.empty()) {
        const auto length = topology::utf8_sequence(text);
        if (length == 0 || static_cast<unsigned char>(text.front()) < 0x20) return false;
        text.remove_prefix(length);
    }
    return true;
}

void require_answers(const topology::Diagnostics& diagnostics) {
    fuzz::require(!diagnostics.empty(), "a topology is refused without a reason");
    for (const auto& diagnostic : diagnostics) {
        fuzz::require(!diagnostic.message.empty() && !diagnostic.hint.empty(),
                      "a diagnostic without message or mend");
        fuzz::require(printable(diagnostic.to_string()), "a diagnostic that cannot be printed");
    }
}

}  // namespace
}  // namespace portcullis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace portcullis;
    const auto loaded = topology::load_text(fuzz::text_of({data, size}), "fuzz.yaml");
    if (!loaded) {
        require_answers(loaded.error());
        return 0;
    }
    const auto policy = compile::compile(*loaded, "fuzz.yaml");
    if (!policy) {
        require_answers(policy.error());
        return 0;
    }
    for (const auto& finding : compile::analyse(*policy))
        fuzz::require(finding.rule < policy->rules.size(), "a finding about no rule");
    const auto defect = policy::find_defect(*policy);
    fuzz::require(!defect, defect.value_or(""));
    const auto image = policy::write_image(*policy);
    const auto read = policy::read_image(image);
    fuzz::require(read.has_value(), read ? "" : read.error().message);
    fuzz::require(*read == *policy, "the image of a policy is that of another");
    return 0;
}
