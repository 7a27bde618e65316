#include "rules/inspect/violation.h"

#include <array>

namespace portcullis::inspect {

namespace {

struct Words {
    std::string_view text;
    std::string_view sentence;
};
constexpr std::array<Words, kViolationCount> kWords = {{
#define X(name, text, sentence) {text, sentence},
    PORTCULLIS_VIOLATIONS(X)
#undef X
}};

}  // namespace

std::string_view to_string(Violation violation) {
    return kWords[static_cast<unsigned>(violation)].text;
}

std::string_view explain(Violation violation) {
    return kWords[static_cast<unsigned>(violation)].sentence;
}

}  // namespace portcullis::inspect
