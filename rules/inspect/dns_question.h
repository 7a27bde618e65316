// A DNS query beyond its fixed header: one question, then what the header says is behind it, and
// nothing else (RFC 1035 4.1.2, RFC 6891).
#pragma once

#include <optional>

#include "rules/inspect/bytes.h"
#include "rules/inspect/violation.h"

namespace portcullis::inspect {

inline constexpr std::size_t kDnsHeader = 12;

// `message` is whole: a datagram, or what its length in front says over TCP.
std::optional<Violation> check_dns_question(Bytes message);

}  // namespace portcullis::inspect
