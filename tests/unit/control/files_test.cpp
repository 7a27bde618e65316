// What the kernel is asked for, in which order, and what becomes of a file when it says no.
//
// This program has functions of its own in place of the C library's that change a disk: they note each
// call, and fail or cut short where a test wants it.
#include "control/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Disk {
    std::vector<std::string> calls;
    std::size_t bytes_a_write = SIZE_MAX;
    unsigned interrupted_writes = 0;
    int failing_sync = 0;  // 1: the first one fails, with EIO
};
Disk* watched = nullptr;

std::string name_of(const char* path) {
    return std::filesystem::path(path).filename();
}
std::string name_of(int fd) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
    return std::filesystem::is_directory(path, error) ? "." : path.filename().string();
}
void note(const std::string& call) {
    if (watched != nullptr && (watched->calls.empty() || watched->calls.back() != call))
        watched->calls.push_back(call);
}

}  // namespace

extern "C" {
ssize_t write(int fd, const void* bytes, std::size_t count) {
    if (watched != nullptr) {
        if (watched->interrupted_writes > 0) {
            --watched->interrupted_writes;
            errno = EINTR;
            return -1;
        }
        note("write " + name_of(fd));
        count = std::min(count, watched->bytes_a_write);
    }
    return ::syscall(SYS_write, fd, bytes, count);
}
int fsync(int fd) {
    note("sync " + name_of(fd));
    if (watched != nullptr && watched->failing_sync > 0 && --watched->failing_sync == 0) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fsync, fd));
}
int rename(const char* from, const char* to) noexcept {
    note("rename " + name_of(from) + " " + name_of(to));
    return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int renameat2(int from_at, const char* from, int to_at, const char* to, unsigned flags) noexcept {
    note("exchange " + name_of(from) + " " + name_of(to));
    return static_cast<int>(::syscall(SYS_renameat2, from_at, from, to_at, to, flags));
}
}

namespace portcullis::control {
namespace {

namespace fs = std::filesystem;
using Calls = std::vector<std::string>;

class FilesTest : public ::testing::Test {
  protected:
    FilesTest() {
        std::string name = fs::temp_directory_path() / "pc-files-XXXXXX";
        directory_ = ::mkdtemp(name.data());
    }
    ~FilesTest() override { fs::remove_all(directory_); }

    fs::path path(const char* name) const { return directory_ / name; }
    std::string content(const char* name) const {
        const auto bytes = read_file(path(name), 1000);
        if (!bytes) return bytes.error();
        return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
    }
    template <class Work>
    FileResult watch(Work&& work) {
        watched = &disk_;
        const FileResult result = work();
        watched = nullptr;
        return result;
    }

    fs::path directory_;
    Disk disk_;
};

// A rename may reach the disk before the bytes do: after a power cut the name then has nothing.
TEST_F(FilesTest, TheBytesAreOnDiskBeforeTheName) {
    ASSERT_TRUE(watch([&] { return write_file(path("a"), "text"); }));
    EXPECT_EQ(disk_.calls, (Calls{"write a.tmp", "sync a.tmp", "rename a.tmp a", "sync ."}));
    EXPECT_EQ(content("a"), "text");
}

TEST_F(FilesTest, ANameIsOnDiskBeforeTheNextStep) {
    ASSERT_TRUE(write_file(path("a"), "a"));
    ASSERT_TRUE(write_file(path("b"), "b"));
    ASSERT_TRUE(watch([&] { return rename_file(path("a"), path("c")); }));
    EXPECT_EQ(disk_.calls, (Calls{"rename a c", "sync ."}));
    disk_.calls.clear();
    ASSERT_TRUE(watch([&] { return exchange_files(path("b"), path("c")); }));
    EXPECT_EQ(disk_.calls, (Calls{"exchange b c", "sync ."}));
    disk_.calls.clear();
    ASSERT_TRUE(watch([&] { return link_file(path("b"), path("d")); }));
    EXPECT_EQ(disk_.calls, (Calls{"rename d.tmp d", "sync ."}));
    EXPECT_EQ(content("b") + content("c") + content("d"), "aba");
}

TEST_F(FilesTest, APieceThatWasWrittenIsNotAll) {
    disk_.bytes_a_write = 3;
    disk_.interrupted_writes = 2;
    ASSERT_TRUE(watch([&] { return write_file(path("a"), "a longer text"); }));
    EXPECT_EQ(content("a"), "a longer text");
}

TEST_F(FilesTest, WhatDidNotReachTheDiskReplacesNothing) {
    ASSERT_TRUE(write_file(path("a"), "old"));
    disk_.failing_sync = 1;
    const auto result = watch([&] { return write_file(path("a"), "new"); });
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().find("a.tmp: Input/output error"), std::string::npos);
    EXPECT_EQ(content("a"), "old");
}

TEST_F(FilesTest, ANameThatIsNotKnownToLastIsAnError) {
    disk_.failing_sync = 2;
    EXPECT_FALSE(watch([&] { return write_file(path("a"), "text"); }));
    for (const auto& step : {rename_file, exchange_files, link_file}) {
        ASSERT_TRUE(write_file(path("a"), "a"));
        ASSERT_TRUE(write_file(path("b"), "b"));
        disk_.failing_sync = 1;
        EXPECT_FALSE(watch([&] { return step(path("a"), path("b")); }));
    }
}

// Another user's link must not lead a write elsewhere.
TEST_F(FilesTest, ALinkInPlaceOfTheTemporaryFileIsNotFollowed) {
    ASSERT_TRUE(write_file(path("elsewhere"), "kept"));
    fs::create_symlink(path("elsewhere"), path("a.tmp"));
    EXPECT_FALSE(write_file(path("a"), "text"));
    EXPECT_EQ(content("elsewhere"), "kept");
}

TEST_F(FilesTest, AFileIsReadWholeOrNotAtAll) {
    ASSERT_TRUE(write_file(path("a"), "12345"));
    EXPECT_TRUE(read_file(path("a"), 5));
    const auto larger = read_file(path("a"), 4);
    ASSERT_FALSE(larger);
    EXPECT_NE(larger.error().find("at most 4 bytes"), std::string::npos);
    EXPECT_FALSE(read_file(directory_, 1000));
    EXPECT_FALSE(read_file(path("none"), 1000));
}

TEST_F(FilesTest, WhatIsAbsentIsRemoved) {
    ASSERT_TRUE(write_file(path("a"), "text"));
    EXPECT_TRUE(remove_file(path("a")));
    EXPECT_TRUE(remove_file(path("a")));
    EXPECT_FALSE(remove_file(directory_));
}

}  // namespace
}  // namespace portcullis::control
