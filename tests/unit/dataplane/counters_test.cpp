#include "dataplane/counters.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace portcullis::dataplane {
namespace {

TEST(Counters, SnapshotNamesEveryCounterAndReasonOnce) {
    Counters counters;
    counters.rx.add(3);
    counters.drop(DropReason::no_rule, 2);
    counters.drop(DropReason::shutdown);
    const auto all = snapshot(counters);

    std::set<std::string_view> names;
    for (const NamedCount& count : all) EXPECT_TRUE(names.insert(count.name).second) << count.name;
    const auto value = [&](std::string_view name) {
        for (const NamedCount& count : all)
            if (count.name == name) return count.value;
        return ~std::uint64_t{0};
    };
    EXPECT_EQ(value("rx"), 3U);
    EXPECT_EQ(value("tx"), 0U);
    EXPECT_EQ(value("drop.no-rule"), 2U);
    EXPECT_EQ(value("drop.shutdown"), 1U);
    EXPECT_EQ(counters.dropped(), 3U);
    EXPECT_EQ(counters.dropped(DropReason::no_rule), 2U);
}

TEST(RuleHits, RowsOfWorkersAreSummedAndUnknownRulesIgnored) {
    RuleHits hits(9, 3);
    hits.hit(0, 8);
    hits.hit(1, 8);
    hits.hit(2, 0);
    hits.hit(2, 9);
    hits.hit(0, policy::kNoRule);
    EXPECT_EQ(hits.total(8), 2U);
    EXPECT_EQ(hits.total(0), 1U);
    EXPECT_EQ(hits.total(1), 0U);
    EXPECT_EQ(hits.total(9), 0U);
}

TEST(ConformanceHits, RowsOfWorkersAreSummed) {
    ConformanceHits hits(3, 2);
    hits.of(0, 1).matched.add();
    hits.of(1, 1).matched.add();
    hits.of(1, 1).refused.add();
    hits.of(0, 2).watched.add();
    hits.of(0, 1).undecided.add();
    hits.of(1, 1).undecided.add(2);
    hits.of(1, 1).undecided.take();
    EXPECT_EQ(hits.total(1).matched, 2U);
    EXPECT_EQ(hits.total(1).refused, 1U);
    EXPECT_EQ(hits.total(1).watched, 0U);
    EXPECT_EQ(hits.total(1).undecided, 2U);
    EXPECT_EQ(hits.total(2).watched, 1U);
    EXPECT_EQ(hits.total(0).matched, 0U);
}

DenySample denied_at(Millis when) {
    DenySample sample;
    sample.when = when;
    return sample;
}

TEST(DenyRing, OverflowIsCountedAndReportedByTheNextSample) {
    auto ring = std::make_unique<DenyRing>();
    for (std::uint32_t i = 0; i < DenyRing::kCapacity + 5; ++i) ring->record(denied_at(i));
    std::vector<DenySample> out(1000);
    EXPECT_EQ(ring->take(out), DenyRing::kCapacity);
    EXPECT_EQ(out[DenyRing::kCapacity - 1].when, DenyRing::kCapacity - 1);
    EXPECT_EQ(out[0].suppressed, 0U);

    ring->record(denied_at(7777));
    EXPECT_EQ(ring->take(out), 1U);
    EXPECT_EQ(out[0].when, 7777U);
    EXPECT_EQ(out[0].suppressed, 5U);
    EXPECT_EQ(ring->take(out), 0U);
}

}  // namespace
}  // namespace portcullis::dataplane
