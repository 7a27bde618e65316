// Why the first bytes of a session are not those of the protocol that its port is open for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/inspect/inspection_limits.h"

namespace portcullis::inspect {

// In a sentence # is the limit's number, and the word in brackets the setting that changes it.
// clang-format off
#define PORTCULLIS_VIOLATIONS(X)                                                                     \
    X(wrong_protocol,      "wrong-protocol",      "the first bytes are of another protocol")         \
    X(bad_length,          "bad-length",          "a length inside the first message contradicts another") \
    X(bad_hello,           "bad-hello",           "a TLS ClientHello that is malformed, or has an extension twice") \
    X(server_first,        "server-first",        "the server sent before the client had said what it speaks") \
    X(name_not_published,  "name-not-published",  "the TLS ClientHello names a server that is not published") \
    X(name_missing,        "name-missing",        "the TLS ClientHello names no server")               \
    X(overlap_differs,     "overlap-differs",     "bytes sent again were not the same as before")    \
    X(too_long,            "too-long",            "undecided after 16 KiB, all that is kept of a session") \
    X(too_slow,            "too-slow",            "undecided for more than # s (inspect-seconds), or others needed its buffer") \
    X(too_many_segments,   "too-many-segments",   "undecided after # segments that brought nothing new (inspect-segments), or too many tiny ones") \
    X(bad_sequence,        "bad-sequence",        "the server has bytes that were not looked at, or the client sent after its FIN") \
    X(no_continuity,       "no-continuity",       "neither a STUN check nor an RTP stream that goes on") \
    X(source_quota,        "source-quota",        "this source has # undecided sessions already (inspect-per-source)") \
    X(buffer_quota,        "buffer-quota",        "this source has # undecided sessions with much to keep already (inspect-buffers-per-source)") \
    X(no_room,             "no-room",             "no record or buffer was free to look at the session (inspect-records, inspect-buffers)")
// clang-format on

enum class Violation : std::uint8_t {
#define X(name, text, sentence) name,
    PORTCULLIS_VIOLATIONS(X)
#undef X
};
inline constexpr unsigned kViolationCount = 0
#define X(name, text, sentence) +1
    PORTCULLIS_VIOLATIONS(X)
#undef X
    ;

std::string_view to_string(Violation violation);  // "wrong-protocol"
std::optional<Violation> parse_violation(std::string_view text);

// The number that a sentence speaks of, in the unit of its setting; 0 where it speaks of none.
std::uint32_t limit_of(Violation violation, const Limits& limits);
std::string explain(Violation violation, std::uint32_t limit);
inline std::string explain(Violation violation, const Limits& limits) {
    return explain(violation, limit_of(violation, limits));
}

}  // namespace portcullis::inspect
