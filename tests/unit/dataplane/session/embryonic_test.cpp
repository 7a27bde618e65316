// The lists of half-open sessions against std::list.
#include "dataplane/session/embryonic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <vector>

namespace portcullis::dataplane {
namespace {

TEST(Embryonic, AgreesWithListsOverRandomOperations) {
    // From one source for all sessions to one for each, so that chains and rings are long and
    // short.
    for (const std::uint32_t sources : {1U, 3U, 40U, 100'000U}) {
        constexpr std::uint32_t kRoom = 64;
        std::vector<Session> sessions(kRoom);
        auto embryonic = Embryonic::create(kRoom, KeyHash({sources, 0, 0, 0}), sessions.data());
        ASSERT_TRUE(embryonic);
        std::list<std::uint32_t> oracle;  // session indices, the oldest first
        std::vector<std::uint32_t> record(kRoom);
        std::mt19937 engine(sources);
        const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
        for (unsigned round = 0; round < 100'000; ++round) {
            const std::uint32_t s = random() % kRoom;
            const auto it = std::find(oracle.begin(), oracle.end(), s);
            if (it != oracle.end()) {
                embryonic->remove(record[s]);
                oracle.erase(it);
            } else if (random() % 3 != 0) {
                sessions[s].key[0].source = IpAddress::from_v4(random() % sources);
                record[s] = embryonic->add(s);
                oracle.push_back(s);
            }
            ASSERT_EQ(embryonic->size(), oracle.size());
            ASSERT_EQ(embryonic->oldest(), oracle.empty() ? kNoSession : oracle.front());
            const IpAddress address = IpAddress::from_v4(random() % sources);
            const auto is_its = [&](std::uint32_t i) {
                return sessions[i].key[0].source == address;
            };
            const Embryonic::Source source = embryonic->source(address);
            ASSERT_EQ(source.count, std::count_if(oracle.begin(), oracle.end(), is_its));
            const auto first = std::find_if(oracle.begin(), oracle.end(), is_its);
            ASSERT_EQ(source.oldest, first == oracle.end() ? kNoSession : *first);
        }
    }
}

}  // namespace
}  // namespace portcullis::dataplane
