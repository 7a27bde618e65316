// How many undecided sessions an inspector keeps and for how long, and what an operator may set of it.
#pragma once

#include <cstdint>

namespace portcullis::inspect {

using Millis = std::uint64_t;

struct Limits {
    std::uint32_t records =
        16384;  // undecided TCP sessions that have sent something; up to 128 bytes of each
    std::uint32_t medium = 2048;  // of them with up to 4 KiB
    std::uint32_t large = 64;     // with up to 16 KiB
    // Of these, not recognised, of one source, once fewer than half are free.
    std::uint32_t buffers_per_source = 4;
    std::uint32_t per_source =
        64;  // undecided TCP sessions that have sent something, of one source
    std::uint32_t datagrams = 4096;  // UDP sessions whose media must go on
    Millis deadline = 10'000;
    // Segments that may bring nothing new (sent again, out of order, empty) while undecided.
    std::uint32_t idle_segments = 32;
};

inline constexpr std::uint32_t kMostRecords = 1U << 20;  // a handle has bits for twice as many

// The keys of dataplane.conf, for each worker; violation.h names them. The member is `unit` times what
// the file says.
//     X(member, key, unit, least, most)
// clang-format off
#define PORTCULLIS_INSPECT_SETTINGS(X)                                       \
    X(deadline,           "inspect-seconds",            1000, 1,  60)        \
    X(idle_segments,      "inspect-segments",           1,    1,  1024)      \
    X(per_source,         "inspect-per-source",         1,    1,  65536)     \
    X(buffers_per_source, "inspect-buffers-per-source", 1,    1,  65536)     \
    X(records,            "inspect-records",            1,    64, 1048576)   \
    X(datagrams,          "inspect-datagrams",          1,    64, 1048576)   \
    X(medium,             "inspect-buffers",            1,    16, 65536)     \
    X(large,              "inspect-large-buffers",      1,    1,  16384)
// clang-format on

}  // namespace portcullis::inspect
