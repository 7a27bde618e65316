// The table against std::map, with hashes chosen to be as bad as they can be.
#include "dataplane/session/table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace portcullis::dataplane {
namespace {

using Reference = SessionTable::Reference;

// All that the table says may have this hash.
std::set<Reference> all(const SessionTable& table, std::uint64_t hash) {
    std::set<Reference> found;
    table.find(hash, [&](Reference r) {
        EXPECT_TRUE(found.insert(r).second) << "twice in the table";
        return false;
    });
    return found;
}

// A guess is an entry that may have the hash; none only where there is none at all.
bool is_a_fair_guess(const SessionTable& table, std::uint64_t hash) {
    const Reference guess = table.guess(hash);
    const auto found = all(table, hash);
    if (guess == SessionTable::kElsewhere) return true;
    return guess == SessionTable::kNone ? found.empty() : found.contains(guess);
}

TEST(SessionTable, AgreesWithAMapWhateverTheHashes) {
    // `spread` hashes: 1 puts everything into one chain, under one signature.
    for (const unsigned spread : {1U, 2U, 7U, 100U, 100'000U}) {
        constexpr std::uint32_t kEntries = 300;
        auto table = SessionTable::create(kEntries);
        ASSERT_TRUE(table);
        std::map<Reference, std::uint64_t> oracle;
        std::mt19937_64 random(spread);
        const auto hash_of = [&](std::uint64_t i) { return (i % spread) * 0x9e3779b97f4a7c15; };
        for (unsigned round = 0; round < 12'000; ++round) {
            const auto reference = static_cast<Reference>(random() % 1000);
            const auto it = oracle.find(reference);
            if (it == oracle.end() && oracle.size() < kEntries && random() % 8 != 0) {
                const std::uint64_t hash = hash_of(random());
                table->insert(hash, reference);
                oracle[reference] = hash;
            } else if (it != oracle.end() && random() % 3 == 0) {
                const Reference to = 1000 + reference;
                if (oracle.contains(to)) continue;
                ASSERT_TRUE(table->replace(it->second, reference, to));
                oracle[to] = it->second;
                oracle.erase(it);
            } else if (it != oracle.end()) {
                ASSERT_TRUE(table->erase(it->second, reference));
                ASSERT_FALSE(table->erase(it->second, reference));
                oracle.erase(it);
            } else if (!oracle.empty() && random() % 2 == 0) {
                const auto victim = std::next(oracle.begin(), random() % oracle.size());
                ASSERT_TRUE(table->erase(victim->second, victim->first));
                oracle.erase(victim);
            }
            ASSERT_TRUE(is_a_fair_guess(*table, hash_of(random())));
            if (round % 50 == 0) {
                for (const auto& [r, hash] : oracle) ASSERT_TRUE(all(*table, hash).contains(r));
            }
            // No decay: chains are as short as their entries allow.
            if (spread == 1) {
                ASSERT_EQ(table->spare_buckets_in_use(),
                          oracle.empty() ? 0 : (oracle.size() - 1) / SessionTable::kEntries);
            }
        }
        for (const auto& [r, hash] : oracle) ASSERT_TRUE(table->erase(hash, r));
        EXPECT_EQ(table->spare_buckets_in_use(), 0U);
        EXPECT_TRUE(all(*table, 0).empty());
    }
}

TEST(SessionTable, FillsCompletelyAgainAndAgain) {
    constexpr std::uint32_t kEntries = 4096;
    auto table = SessionTable::create(kEntries);
    ASSERT_TRUE(table);
    EXPECT_LE(table->memory_bytes(), kEntries * 20ULL);
    for (const std::uint64_t spread : {1ULL, 8ULL, 683ULL, 1ULL << 40}) {
        const auto hash_of = [&](std::uint64_t i) { return (i % spread) * 0x9e3779b97f4a7c15; };
        for (Reference i = 0; i < kEntries; ++i) table->insert(hash_of(i), i);
        for (Reference i = 0; i < kEntries; ++i) {
            ASSERT_EQ(table->find(hash_of(i), [i](Reference r) { return r == i; }), i);
            ASSERT_NE(table->guess(hash_of(i)), SessionTable::kNone);
        }
        for (Reference i = 0; i < kEntries; ++i) ASSERT_TRUE(table->erase(hash_of(i), i));
        ASSERT_EQ(table->spare_buckets_in_use(), 0U);
    }
}

}  // namespace
}  // namespace portcullis::dataplane
