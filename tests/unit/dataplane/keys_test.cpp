#include "dataplane/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace portcullis::dataplane {
namespace {

class KeysTest : public testing::Test {
  protected:
    void SetUp() override { std::filesystem::create_directory(dir_); }
    void TearDown() override { std::filesystem::remove_all(dir_); }
    const std::string dir_ = testing::TempDir() + "portcullis-keys-" + std::to_string(getpid());
};

TEST_F(KeysTest, TheRendezvousKeySurvivesARestart) {
    const auto first = stored_rendezvous_key(dir_);
    ASSERT_TRUE(first) << first.error();
    EXPECT_EQ(stored_rendezvous_key(dir_), first);
    struct stat status {};
    ASSERT_EQ(stat((dir_ + "/rendezvous.key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    std::filesystem::remove(dir_ + "/rendezvous.key");
    EXPECT_NE(stored_rendezvous_key(dir_), first);
}

TEST_F(KeysTest, SaysWhatIsWrong) {
    std::ofstream(dir_ + "/rendezvous.key") << "abc";
    EXPECT_EQ(stored_rendezvous_key(dir_).error(),
              dir_ + "/rendezvous.key: is cut short; remove it to have a new key drawn");
    EXPECT_THAT(stored_rendezvous_key(dir_ + "/none").error(),
                testing::HasSubstr("`state-dir` must be a directory that can be written to"));
}

TEST_F(KeysTest, HashKeysDiffer) {
    EXPECT_NE(draw_hash_key(), draw_hash_key());
    EXPECT_NE(draw_random(), draw_random());
}

}  // namespace
}  // namespace portcullis::dataplane
