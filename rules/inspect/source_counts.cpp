#include "rules/inspect/source_counts.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <random>

namespace portcullis::inspect {

namespace {

std::uint64_t mix(std::uint64_t x) {  // the finaliser of MurmurHash3: every bit reaches every other
    x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
    return x ^ x >> 33;
}

}  // namespace

bool SourceCounts::create(std::uint32_t sources) {
    const std::uint32_t size = std::bit_ceil(std::max(sources, 64U)) * 2;
    mask_ = size - 1;
    std::random_device random;
    for (auto& row : keys_)
        for (std::uint64_t& key : row) key = std::uint64_t{random()} << 32 | random();
    for (Rows& rows : counters_) {
        for (auto& row : rows) {
            row.reset(new (std::nothrow) std::uint32_t[size]());
            if (row == nullptr) return false;
        }
    }
    return true;
}

SourceCounts::Places SourceCounts::places_of(const policy::IpAddress& source) const {
    std::uint64_t words[2];
    std::memcpy(words, source.bytes().data(), sizeof(words));
    if (!source.is_v4()) words[1] = 0;
    Places places;
    for (unsigned row = 0; row < 2; ++row)
        places[row] = static_cast<std::uint32_t>(
                          mix(mix(words[0] ^ keys_[row][0]) + (words[1] ^ keys_[row][1])) >> 32) &
                      mask_;
    return places;
}

std::uint32_t SourceCounts::count(const Places& places, Of what) const {
    const Rows& rows = rows_of(what);
    return std::min(rows[0][places[0]], rows[1][places[1]]);
}

void SourceCounts::add(const Places& places, Of what) {
    for (unsigned row = 0; row < 2; ++row) ++rows_of(what)[row][places[row]];
}

void SourceCounts::remove(const Places& places, Of what) {
    for (unsigned row = 0; row < 2; ++row) --rows_of(what)[row][places[row]];
}

}  // namespace portcullis::inspect
