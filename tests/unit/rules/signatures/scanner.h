// Asks a serialised database which of its ids match, as the inspector does.
#pragma once

#include <gtest/gtest.h>
#include <hs/hs.h>

#include <cstdint>
#include <set>
#include <span>
#include <string_view>

#include "rules/policy/conformance.h"

namespace portcullis::signatures {

class Scanner {
  public:
    explicit Scanner(const policy::SignatureDatabase& database) {
        const auto* bytes = reinterpret_cast<const char*>(database.serialised.data());
        EXPECT_EQ(hs_deserialize_database(bytes, database.serialised.size(), &database_),
                  HS_SUCCESS);
        EXPECT_EQ(hs_alloc_scratch(database_, &scratch_), HS_SUCCESS);
    }
    ~Scanner() {
        hs_free_scratch(scratch_);
        hs_free_database(database_);
    }
    Scanner(const Scanner&) = delete;
    Scanner& operator=(const Scanner&) = delete;

    std::set<unsigned> ids(std::span<const std::uint8_t> bytes) const {
        std::set<unsigned> found;
        const auto note = [](unsigned id, unsigned long long, unsigned long long, unsigned,
                             void* context) {
            static_cast<std::set<unsigned>*>(context)->insert(id);
            return 0;
        };
        EXPECT_EQ(hs_scan(database_, reinterpret_cast<const char*>(bytes.data()),
                          static_cast<unsigned>(bytes.size()), 0, scratch_, note, &found),
                  HS_SUCCESS);
        return found;
    }
    std::set<unsigned> ids(std::string_view text) const {
        return ids(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    }

  private:
    hs_database_t* database_ = nullptr;
    hs_scratch_t* scratch_ = nullptr;
};

}  // namespace portcullis::signatures
