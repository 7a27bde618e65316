// Why the first bytes of a session are not those of the protocol that its port is open for.
#pragma once

#include <cstdint>
#include <string_view>

namespace portcullis::inspect {

// clang-format off
#define PORTCULLIS_VIOLATIONS(X)                                                                     \
    X(wrong_protocol,      "wrong-protocol",      "the first bytes are of another protocol")         \
    X(bad_length,          "bad-length",          "a length inside the first message contradicts another") \
    X(bad_hello,           "bad-hello",           "a TLS ClientHello that is malformed, or has an extension twice") \
    X(server_first,        "server-first",        "the server sent before the client had said what it speaks") \
    X(name_not_published,  "name-not-published",  "the TLS ClientHello names a server that is not published") \
    X(name_missing,        "name-missing",        "the TLS ClientHello names no server")               \
    X(overlap_differs,     "overlap-differs",     "bytes sent again were not the same as before")    \
    X(too_long,            "too-long",            "undecided after as many bytes as are kept")        \
    X(too_slow,            "too-slow",            "undecided for more than 10 s")                    \
    X(too_many_segments,   "too-many-segments",   "undecided after too many segments")               \
    X(bad_sequence,        "bad-sequence",        "the server has bytes that were not looked at, or the client sent after its FIN") \
    X(no_continuity,       "no-continuity",       "neither a STUN check nor an RTP stream that goes on") \
    X(source_quota,        "source-quota",        "too many undecided sessions of this source")      \
    X(no_room,             "no-room",             "no buffer was free to look at the session")
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
std::string_view explain(Violation violation);    // the sentence

}  // namespace portcullis::inspect
