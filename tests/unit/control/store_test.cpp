#include "control/store.h"

#include "tests/unit/control/running_daemon.h"

namespace portcullis::control::testing {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
  protected:
    Store open() const {
        auto store = Store::open(directory_.path());
        EXPECT_TRUE(store) << store.error();
        return std::move(*store);
    }
    static FileResult put(Store& store, const std::string& name) {
        const auto compilation = compile_by_name(name, name);
        return store.put_candidate(compilation->image, {compilation->hash, compilation->policy},
                                   name);
    }
    static std::string name(const Store& store, Slot slot) {
        return store.get(slot) ? store.get(slot)->policy->topology_name : "";
    }
    fs::path file(const char* name) const { return directory_.path() / name; }

    TemporaryDirectory directory_;
};

TEST_F(StoreTest, StartsEmptyAndKeepsWhatIsPromoted) {
    {
        auto store = open();
        EXPECT_FALSE(store.get(Slot::current));
        ASSERT_TRUE(put(store, "a"));
        EXPECT_EQ(name(store, Slot::candidate), "a");
        ASSERT_TRUE(store.promote_candidate());
        ASSERT_TRUE(put(store, "b"));
        ASSERT_TRUE(store.promote_candidate());
        ASSERT_TRUE(put(store, "c"));
    }
    const auto store = open();
    EXPECT_EQ(name(store, Slot::candidate), "c");
    EXPECT_EQ(name(store, Slot::current), "b");
    EXPECT_EQ(name(store, Slot::previous), "a");
    EXPECT_EQ(store.get(Slot::current)->hash, hash_of("b"));
    ASSERT_NE(store.find(hash_of("a")), nullptr);
    EXPECT_EQ(store.find(hash_of("d")), nullptr);
    EXPECT_TRUE(store.warnings().empty());
}

TEST_F(StoreTest, DiscardsAndSwaps) {
    auto store = open();
    for (const auto* each : {"a", "b"}) {
        ASSERT_TRUE(put(store, each));
        ASSERT_TRUE(store.promote_candidate());
    }
    ASSERT_TRUE(put(store, "c"));
    ASSERT_TRUE(store.discard_candidate());
    EXPECT_FALSE(fs::exists(file("candidate")));
    ASSERT_TRUE(store.discard_candidate());
    ASSERT_TRUE(store.swap_previous());
    EXPECT_EQ(name(store, Slot::current), "a");
    EXPECT_EQ(name(store, Slot::previous), "b");
    const auto image = store.image(Slot::current);
    ASSERT_TRUE(image);
    EXPECT_EQ(policy::image_hash(*image), hash_of("a"));
}

TEST_F(StoreTest, PromotingWhatIsCurrentKeepsPrevious) {
    auto store = open();
    for (const auto* each : {"a", "b", "b"}) {
        ASSERT_TRUE(put(store, each));
        ASSERT_TRUE(store.promote_candidate());
    }
    EXPECT_EQ(name(store, Slot::current), "b");
    EXPECT_EQ(name(store, Slot::previous), "a");
}

// Killed between the two renames of a promotion: `previous` is current's second name already.
TEST_F(StoreTest, APromotionCutShortIsRepeated) {
    {
        auto store = open();
        for (const auto* each : {"a", "b"}) {
            ASSERT_TRUE(put(store, each));
            ASSERT_TRUE(store.promote_candidate());
        }
        ASSERT_TRUE(put(store, "c"));
        ASSERT_TRUE(link_file(file("current"), file("previous")));
    }
    auto store = open();
    EXPECT_EQ(name(store, Slot::previous), "b");
    ASSERT_TRUE(store.promote_candidate());
    EXPECT_EQ(name(store, Slot::current), "c");
    EXPECT_EQ(name(store, Slot::previous), "b");
    EXPECT_FALSE(fs::exists(file("previous.tmp")));
}

TEST_F(StoreTest, HalfWrittenFilesAreRemovedAndDamagedImagesIgnored) {
    {
        auto store = open();
        ASSERT_TRUE(put(store, "a"));
        ASSERT_TRUE(store.promote_candidate());
        ASSERT_TRUE(put(store, "b"));
        ASSERT_TRUE(store.promote_candidate());
    }
    ASSERT_TRUE(write_file(file("candidate"), "not an image"));
    fs::rename(file("candidate"), file("candidate.tmp"));
    const auto text = directory_.path() / "topologies" / "half.yaml.tmp";
    ASSERT_TRUE(write_file(text, "half"));
    fs::resize_file(file("current"), fs::file_size(file("current")) - 1);
    const auto store = open();
    EXPECT_FALSE(fs::exists(file("candidate.tmp")));
    EXPECT_FALSE(fs::exists(text));
    EXPECT_FALSE(store.get(Slot::current));
    EXPECT_EQ(name(store, Slot::previous), "a");
    ASSERT_EQ(store.warnings().size(), 1U);
    EXPECT_NE(store.warnings()[0].find("current is damaged"), std::string::npos);
}

TEST_F(StoreTest, ThereIsNoImageWithoutItsText) {
    auto store = open();
    // Where the text is to be written there is a directory.
    fs::create_directory(directory_.path() / "topologies" /
                         (policy::to_string(hash_of("a")) + ".yaml.tmp"));
    EXPECT_FALSE(put(store, "a"));
    EXPECT_FALSE(store.get(Slot::candidate));
    EXPECT_FALSE(fs::exists(file("candidate")));
}

TEST_F(StoreTest, OnlyOneProcessUsesIt) {
    const auto store = open();
    const auto second = Store::open(directory_.path());
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find("in use by process " + std::to_string(::getpid())),
              std::string::npos);
}

TEST_F(StoreTest, SaysWhatToDoWhereItCannotBe) {
    ASSERT_TRUE(write_file(file("taken"), "a file"));
    const auto store = Store::open(file("taken"));
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().find("--state-dir"), std::string::npos);
}

TEST_F(StoreTest, TextsAreKeptForSlotsAndHistoryOnly) {
    auto store = open();
    for (const auto* each : {"a", "b", "c", "d"}) {
        ASSERT_TRUE(put(store, each));
        ASSERT_TRUE(store.promote_candidate());
    }
    store.prune_topologies({hash_of("b")});
    const auto there = [&](const std::string& text) {
        return fs::exists(directory_.path() / "topologies" /
                          (policy::to_string(hash_of(text)) + ".yaml"));
    };
    EXPECT_FALSE(there("a"));
    EXPECT_TRUE(there("b"));
    EXPECT_TRUE(there("c"));
    EXPECT_TRUE(there("d"));
}

}  // namespace
}  // namespace portcullis::control::testing
