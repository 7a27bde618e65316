#include "rules/inspect/held.h"

#include <algorithm>
#include <cstring>

namespace portcullis::inspect {

namespace {

bool differs_in(Record::Interval known, const std::uint8_t* buffer, std::uint32_t offset,
                Bytes piece) {
    const std::uint32_t begin = std::max(known.begin, offset);
    const std::uint32_t end =
        std::min(known.end, offset + static_cast<std::uint32_t>(piece.size()));
    return begin < end &&
           std::memcmp(buffer + begin, piece.data() + (begin - offset), end - begin) != 0;
}

}  // namespace

std::uint32_t extent(const Record::Session& session) {
    std::uint32_t end = session.length;
    for (const Record::Interval& interval : session.held) end = std::max(end, interval.end);
    return end;
}

bool differs(const Record::Session& session, const std::uint8_t* buffer, std::uint32_t offset,
             Bytes piece) {
    return differs_in({0, session.length}, buffer, offset, piece) ||
           std::ranges::any_of(session.held, [&](const Record::Interval& interval) {
               return differs_in(interval, buffer, offset, piece);
           });
}

bool hold(Record::Session& session, std::uint8_t* buffer, std::uint32_t offset, Bytes piece) {
    Record::Interval added{offset, offset + static_cast<std::uint32_t>(piece.size())};
    // What it touches becomes one with it; whether that makes it touch others too is asked again.
    for (bool grown = true; grown;) {
        grown = false;
        for (Record::Interval& interval : session.held) {
            if (interval.end == 0 || interval.begin > added.end || interval.end < added.begin)
                continue;
            added.begin = std::min(added.begin, interval.begin);
            added.end = std::max(added.end, interval.end);
            interval = {};
            grown = true;
        }
    }
    if (added.begin > session.length) {
        const auto unused = std::ranges::find(session.held, 0U, &Record::Interval::end);
        if (unused == session.held.end()) return false;
        *unused = added;
    } else {
        session.length = std::max(session.length, added.end);
    }
    std::memcpy(buffer + offset, piece.data(), piece.size());
    return true;
}

}  // namespace portcullis::inspect
