#include "control/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "control/fd.h"

namespace portcullis::control {
namespace {

namespace fs = std::filesystem;

tl::unexpected<std::string> failure(std::string_view doing, const fs::path& path) {
    return tl::make_unexpected(std::string(doing) + ' ' + path.string() + ": " +
                               std::strerror(errno));
}

FileResult sync_directory(const fs::path& file) {
    const auto directory = file.parent_path();
    const Fd handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!handle || ::fsync(handle.get()) != 0) return failure("syncing", directory);
    return {};
}

fs::path temporary(const fs::path& path) {
    return path.string() + ".tmp";
}

}  // namespace

FileResult write_file(const fs::path& path, std::span<const std::byte> content) {
    const auto temp = temporary(path);
    Fd file(::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file) return failure("creating", temp);
    while (!content.empty()) {
        const auto written = ::write(file.get(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const auto error = failure("writing", temp);
            ::unlink(temp.c_str());  // a full disk has better uses for it
            return error;
        }
        content = content.subspan(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) return failure("syncing", temp);
    return rename_file(temp, path);
}

FileResult write_file(const fs::path& path, std::string_view content) {
    return write_file(path, std::as_bytes(std::span(content.data(), content.size())));
}

tl::expected<std::vector<std::byte>, std::string> read_file(const fs::path& path,
                                                            std::size_t limit) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return failure("opening", path);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return failure("reading", path);
    if (!S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) > limit)
        return tl::make_unexpected(path.string() + " is no regular file of at most " +
                                   std::to_string(limit) + " bytes");
    std::vector<std::byte> content(static_cast<std::size_t>(info.st_size));
    std::size_t length = 0;
    while (length < content.size()) {
        const auto got = ::read(file.get(), content.data() + length, content.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure("reading", path);
        if (got == 0) break;
        length += static_cast<std::size_t>(got);
    }
    content.resize(length);
    return content;
}

FileResult rename_file(const fs::path& from, const fs::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failure("renaming to", to);
    return sync_directory(to);
}

FileResult exchange_files(const fs::path& a, const fs::path& b) {
    if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0)
        return failure("exchanging", a);
    return sync_directory(a);
}

FileResult link_file(const fs::path& file, const fs::path& name) {
    const auto temp = temporary(name);
    ::unlink(temp.c_str());
    if (::link(file.c_str(), temp.c_str()) != 0) return failure("linking", temp);
    if (::rename(temp.c_str(), name.c_str()) != 0) return failure("renaming to", name);
    ::unlink(temp.c_str());  // rename() leaves it where both names were of one file already
    return sync_directory(name);
}

FileResult remove_file(const fs::path& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failure("removing", path);
    return {};
}

}  // namespace portcullis::control
