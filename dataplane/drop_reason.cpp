#include "dataplane/drop_reason.h"

#include <array>

namespace portcullis::dataplane {

std::string_view to_string(DropReason reason) {
    static constexpr std::array<std::string_view, kDropReasonCount> kNames = {
#define X(name, text, sentence) text,
        PORTCULLIS_DROP_REASONS(X)
#undef X
    };
    return kNames[static_cast<unsigned>(reason)];
}

std::string_view explain(DropReason reason) {
    static constexpr std::array<std::string_view, kDropReasonCount> kSentences = {
#define X(name, text, sentence) sentence,
        PORTCULLIS_DROP_REASONS(X)
#undef X
    };
    return kSentences[static_cast<unsigned>(reason)];
}

}  // namespace portcullis::dataplane
