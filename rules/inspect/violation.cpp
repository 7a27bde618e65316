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

std::optional<Violation> parse_violation(std::string_view text) {
    for (unsigned i = 0; i < kViolationCount; ++i)
        if (kWords[i].text == text) return static_cast<Violation>(i);
    return std::nullopt;
}

std::uint32_t limit_of(Violation violation, const Limits& limits) {
    switch (violation) {
        case Violation::too_slow:
            return static_cast<std::uint32_t>(limits.deadline / 1000);
        case Violation::too_many_segments:
            return limits.idle_segments;
        case Violation::source_quota:
            return limits.per_source;
        case Violation::buffer_quota:
            return limits.buffers_per_source;
        default:
            return 0;
    }
}

std::string explain(Violation violation, std::uint32_t limit) {
    std::string sentence(kWords[static_cast<unsigned>(violation)].sentence);
    if (const auto at = sentence.find('#'); at != std::string::npos)
        sentence.replace(at, 1, std::to_string(limit));
    return sentence;
}

}  // namespace portcullis::inspect
