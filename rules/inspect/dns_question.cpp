#include "rules/inspect/dns_question.h"

namespace portcullis::inspect {

namespace {

constexpr std::size_t kLongestName = 255;  // RFC 1035 2.3.4, as labels
constexpr std::size_t kLongestLabel = 63;
constexpr std::uint8_t kPointer = 0xc0;
constexpr std::uint16_t kNull = 10;              // RFC 1035 3.3.10: experimental, any bytes
constexpr std::uint16_t kFirstPrivate = 0xff00;  // RFC 6895 3.1
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kChaos = 3;
constexpr std::uint16_t kAnyClass = 255;

// Moves `at` behind the name there. A question has nothing before it that its name could point to.
bool skip_name(Bytes message, std::size_t& at, bool question) {
    const std::size_t start = at;
    while (at < message.size()) {
        const std::uint8_t length = message[at];
        if (!question && (length & kPointer) == kPointer) {
            at += 2;
            return at <= message.size();
        }
        if (length > kLongestLabel) return false;
        ++at;
        if (at + length > message.size() || at + length - start > kLongestName) return false;
        if (length == 0) return true;
        at += length;
    }
    return false;
}

bool printable(Bytes name) {
    for (std::size_t at = 0; name[at] != 0; at += name[at] + std::size_t{1})
        for (const std::uint8_t letter : name.subspan(at + 1, name[at]))
            if (letter <= 0x20 || letter >= 0x7f) return false;
    return true;
}

}  // namespace

std::optional<Violation> check_dns_question(Bytes message) {
    std::size_t at = kDnsHeader;
    if (message.size() < kDnsHeader || !skip_name(message, at, true) || at + 4 > message.size())
        return Violation::bad_length;
    if (!printable(message.subspan(kDnsHeader))) return Violation::wrong_protocol;
    const std::uint16_t type = be16(message, at);
    const std::uint16_t question_class = be16(message, at + 2);
    if (type == 0 || type == kNull || type >= kFirstPrivate) return Violation::wrong_protocol;
    if (question_class != kInternet && question_class != kChaos && question_class != kAnyClass)
        return Violation::wrong_protocol;
    at += 4;
    const unsigned records =
        be16(message, 6) + unsigned{be16(message, 8)} + unsigned{be16(message, 10)};
    for (unsigned i = 0; i < records; ++i) {
        constexpr std::size_t kFixed = 10;  // type, class, time to live, length
        if (!skip_name(message, at, false) || at + kFixed > message.size())
            return Violation::bad_length;
        at += kFixed + be16(message, at + 8);
        if (at > message.size()) return Violation::bad_length;
    }
    if (at != message.size()) return Violation::bad_length;
    return std::nullopt;
}

}  // namespace portcullis::inspect
