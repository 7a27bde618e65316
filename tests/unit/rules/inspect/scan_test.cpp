#include "rules/inspect/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/rules/inspect/patterns.h"

namespace portcullis::inspect {
namespace {

using testing::HasSubstr;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class ScanTest : public testing::Test {
  protected:
    void SetUp() override {
        compiled_ = compile_patterns("greetings", 5,
                                     {{"^hello", "^h(?:e(?:l(?:l)?)?)?\\z"}, {"^hi", "^h\\z"}});
        auto loaded = load_database(compiled_.serialised);
        ASSERT_TRUE(loaded) << loaded.error();
        loaded_ = std::move(*loaded);
        const hs_database* databases[] = {loaded_.get()};
        auto scratch = allocate_scratch(databases);
        ASSERT_TRUE(scratch) << scratch.error();
        scratch_ = *scratch;
    }
    void TearDown() override { free_scratch(scratch_); }
    Found find(std::string_view text) { return scan(loaded_.get(), scratch_, bytes_of(text)); }
    Scan ask(std::string_view text) { return find(text).scan; }

    policy::SignatureDatabase compiled_;
    LoadedDatabase loaded_;
    hs_scratch* scratch_ = nullptr;
};

TEST_F(ScanTest, TellsAMatchFromAPrefixFromNothing) {
    for (const char* prefix : {"", "h", "he", "hel", "hell"})
        EXPECT_EQ(ask(prefix), Scan::viable) << prefix;
    for (const char* whole : {"hello", "hello, world", "hi", "hi there"})
        EXPECT_EQ(ask(whole), Scan::complete) << whole;
    for (const char* other : {"x", "help", "hell is", " hello"})
        EXPECT_EQ(ask(other), Scan::nothing) << other;
}

TEST_F(ScanTest, SaysWhereAMatchEnds) {
    EXPECT_EQ(find("hello, world").end, 5U);
    EXPECT_EQ(find("hi there").end, 2U);
}

TEST_F(ScanTest, IsLoadedWhereHyperscanWantsIt) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(loaded_.get()) % 64, 0U);
}

TEST_F(ScanTest, AScratchOfNothingFindsNothing) {
    EXPECT_EQ(scan(loaded_.get(), nullptr, bytes_of("hello")).scan, Scan::nothing);
    const auto none = allocate_scratch({});
    ASSERT_TRUE(none);
    EXPECT_EQ(*none, nullptr);
}

TEST_F(ScanTest, RefusesWhatIsNoDatabase) {
    auto damaged = compiled_.serialised;
    damaged[damaged.size() / 2] ^= 1;
    const auto loaded = load_database(damaged);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error(), HasSubstr("damaged"));
    EXPECT_FALSE(load_database({}));
    for (std::size_t size = 0; size < 64; ++size)
        EXPECT_FALSE(load_database(std::span(compiled_.serialised).first(size))) << size;
    damaged = compiled_.serialised;
    damaged[4] ^= 1;  // the version follows the magic number
    const auto other = load_database(damaged);
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error(), HasSubstr("another version"));
}

}  // namespace
}  // namespace portcullis::inspect
