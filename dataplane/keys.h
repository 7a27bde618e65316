// The secrets that keep strangers from choosing their place in a hash.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace portcullis::dataplane {

// Drawn at each start: places of sessions in their table.
std::array<std::uint64_t, 4> draw_hash_key();
std::uint64_t draw_random();

// Drawn once and kept in STATE_DIR/rendezvous.key, so that a restart spreads clients over nodes
// alike.
tl::expected<std::uint64_t, std::string> stored_rendezvous_key(const std::string& state_dir);

}  // namespace portcullis::dataplane
