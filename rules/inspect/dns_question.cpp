#include "rules/inspect/dns_question.h"

#include <algorithm>

namespace portcullis::inspect {

namespace {

constexpr std::size_t kLongestName = 255;  // RFC 1035 2.3.4, as labels
constexpr std::size_t kLongestLabel = 63;
constexpr std::uint8_t kPointer = 0xc0;
constexpr std::uint16_t kNull = 10;              // RFC 1035 3.3.10: experimental, any bytes
constexpr std::uint16_t kKey = 25;               // RFC 3445: of DNSSEC's past; dns2tcp asks for it
constexpr std::uint16_t kNetbios = 32;           // RFC 1002 4.2.1.3: NB, and NBSTAT below
constexpr std::uint16_t kServiceOrStatus = 33;   // SRV here, NBSTAT there
constexpr std::uint16_t kTransfer = 252;         // AXFR
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

// RFC 1001 14.1: each byte of a NetBIOS name as two letters. Nobody has such a host or service.
bool is_netbios_name(Bytes name) {
    constexpr std::uint8_t kEncoded = 32;
    if (name[0] != kEncoded) return false;
    return std::ranges::all_of(name.subspan(1, kEncoded),
                               [](std::uint8_t letter) { return letter >= 'A' && letter <= 'P'; });
}

// Microsoft's servers put two letters behind their request for a zone, so that the answer comes with
// several records to a message.
bool is_microsoft_transfer(std::uint16_t type, Bytes rest) {
    return type == kTransfer && rest.size() == 2 && rest[0] == 'M' && rest[1] == 'S';
}

}  // namespace

std::optional<Violation> check_dns_question(Bytes message) {
    std::size_t at = kDnsHeader;
    if (message.size() < kDnsHeader || !skip_name(message, at, true) || at + 4 > message.size())
        return Violation::bad_length;
    if (!printable(message.subspan(kDnsHeader))) return Violation::wrong_protocol;
    const std::uint16_t type = be16(message, at);
    const std::uint16_t question_class = be16(message, at + 2);
    if (type == 0 || type == kNull || type == kKey || type == kNetbios || type >= kFirstPrivate ||
        (type == kServiceOrStatus && is_netbios_name(message.subspan(kDnsHeader))))
        return Violation::wrong_protocol;
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
    if (at != message.size() && !is_microsoft_transfer(type, message.subspan(at)))
        return Violation::bad_length;
    return std::nullopt;
}

}  // namespace portcullis::inspect
