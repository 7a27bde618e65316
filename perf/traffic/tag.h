// What the generator writes at the start of each packet's payload, and the sink reads: which packet
// this is and when it left. Ten bytes, so that it fits a TCP segment in a frame of 64 bytes.
//
//   byte 0    0x80 | kind: the first byte of RTP, and never one of STUN (RFC 5764 section 5.1.2)
//   byte 1    number of the trial, so that a late packet of the trial before is told apart
//   byte 2-5  sequence number, its own count for each kind and direction
//   byte 6-9  time of sending in units of 2^kTimeShift TSC cycles; wraps within a minute
//
// Host byte order: generator and sink are one process.
#pragma once

#include <cstdint>
#include <cstring>

namespace portcullis::traffic {

enum class Kind : std::uint8_t {
    established = 0,  // of a session that was opened before; sequence modulo sessions is its number
    fresh = 1,        // the first and only packet of a session
    denied = 2,       // no rule allows it
    control = 3,      // opens a session, or asks whether it lives; the sequence is its number
};

inline constexpr unsigned kTagBytes = 10;
inline constexpr unsigned kTimeShift = 5;
inline constexpr std::uint8_t kTagMark = 0x80, kTagMarkMask = 0xf0;

struct Tag {
    Kind kind = Kind::established;
    std::uint8_t trial = 0;
    std::uint32_t sequence = 0;
    std::uint32_t time = 0;
};

inline std::uint32_t tag_time(std::uint64_t tsc) {
    return static_cast<std::uint32_t>(tsc >> kTimeShift);
}

inline void write_tag(std::uint8_t* at, const Tag& tag) {
    at[0] = static_cast<std::uint8_t>(kTagMark | static_cast<unsigned>(tag.kind));
    at[1] = tag.trial;
    std::memcpy(at + 2, &tag.sequence, 4);
    std::memcpy(at + 6, &tag.time, 4);
}

inline bool has_tag(const std::uint8_t* at) {
    return (at[0] & kTagMarkMask) == kTagMark;
}

inline Tag read_tag(const std::uint8_t* at) {
    Tag tag;
    tag.kind = static_cast<Kind>(at[0] & 3);
    tag.trial = at[1];
    std::memcpy(&tag.sequence, at + 2, 4);
    std::memcpy(&tag.time, at + 6, 4);
    return tag;
}

}  // namespace portcullis::traffic
