#include "rules/inspect/scan.h"

#include <hs/hs_runtime.h>

#include <cstdlib>

namespace portcullis::inspect {

namespace {

constexpr std::size_t kAlignment = 64;

std::string why(hs_error_t error) {
    switch (error) {
        case HS_NOMEM:
            return "not enough memory";
        case HS_DB_VERSION_ERROR:
            return std::string("written by another version of Hyperscan than ") + hs_version();
        case HS_DB_PLATFORM_ERROR:
            return "compiled for another processor";
        case HS_DB_MODE_ERROR:
            return "not compiled for block mode";
        case HS_INVALID:
            return "damaged";
        default:
            return "Hyperscan error " + std::to_string(error);
    }
}

int on_match(unsigned int id, unsigned long long, unsigned long long to, unsigned int,
             void* result) {
    auto& best = *static_cast<Found*>(result);
    best = {id % 2 == 0 ? Scan::complete : Scan::viable, static_cast<std::uint32_t>(to)};
    return best.scan == Scan::complete ? 1 : 0;  // nothing can be better
}

}  // namespace

void FreeAligned::operator()(void* memory) const {
    std::free(memory);
}

tl::expected<LoadedDatabase, std::string> load_database(std::span<const std::uint8_t> serialised) {
    const char* bytes = reinterpret_cast<const char*>(serialised.data());
    std::size_t size = 0;
    hs_error_t error = hs_serialized_database_size(bytes, serialised.size(), &size);
    if (error != HS_SUCCESS) return tl::unexpected(why(error));
    LoadedDatabase loaded;
    const std::size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
    loaded.memory.reset(std::aligned_alloc(kAlignment, rounded));
    if (loaded.memory == nullptr) return tl::unexpected(why(HS_NOMEM));
    error = hs_deserialize_database_at(bytes, serialised.size(),
                                       static_cast<hs_database_t*>(loaded.memory.get()));
    if (error != HS_SUCCESS) return tl::unexpected(why(error));
    return loaded;
}

tl::expected<hs_scratch*, std::string> allocate_scratch(
    std::span<const hs_database* const> databases) {
    hs_scratch_t* scratch = nullptr;
    for (const hs_database* database : databases) {
        const hs_error_t error = hs_alloc_scratch(database, &scratch);
        if (error == HS_SUCCESS) continue;
        free_scratch(scratch);
        return tl::unexpected("cannot allocate Hyperscan's scratch: " + why(error));
    }
    return scratch;
}

void free_scratch(hs_scratch* scratch) {
    if (scratch != nullptr) hs_free_scratch(scratch);
}

Found scan(const hs_database* database, hs_scratch* scratch, std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) return {Scan::viable, 0};
    Found found;
    const hs_error_t error =
        hs_scan(database, reinterpret_cast<const char*>(bytes.data()),
                static_cast<unsigned int>(bytes.size()), 0, scratch, on_match, &found);
    if (error != HS_SUCCESS && error != HS_SCAN_TERMINATED) return {};
    return found;
}

}  // namespace portcullis::inspect
