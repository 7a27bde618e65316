// Hyperscan's runtime behind four calls; scan.cpp is the only file that includes it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>

struct hs_database;
struct hs_scratch;

namespace portcullis::inspect {

struct FreeAligned {
    void operator()(void* memory) const;
};

// A database in memory of its own, aligned to 64 bytes.
struct LoadedDatabase {
    std::unique_ptr<void, FreeAligned> memory;
    const hs_database* get() const { return static_cast<const hs_database*>(memory.get()); }
};
tl::expected<LoadedDatabase, std::string> load_database(std::span<const std::uint8_t> serialised);

// Large enough for every one of `databases`; nullptr where there is none.
tl::expected<hs_scratch*, std::string> allocate_scratch(
    std::span<const hs_database* const> databases);
void free_scratch(hs_scratch* scratch);

enum class Scan : std::uint8_t {
    nothing,   // no pattern can become a match
    viable,    // a twin matched: these bytes may be the beginning
    complete,  // a pattern matched
};
struct Found {
    Scan scan = Scan::nothing;
    std::uint32_t end = 0;  // complete: where the match ends
};
// Patterns have even ids and their twins the next odd one (policy::SignatureDatabase). A scratch that
// was not allocated for this database finds nothing.
Found scan(const hs_database* database, hs_scratch* scratch, std::span<const std::uint8_t> bytes);

}  // namespace portcullis::inspect
