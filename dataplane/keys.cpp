#include "dataplane/keys.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "dataplane/file_descriptor.h"

namespace portcullis::dataplane {
namespace {

void fill_random(void* to, std::size_t size) {
    auto* at = static_cast<unsigned char*>(to);
    while (size > 0) {
        const ssize_t got = getrandom(at, size, 0);
        if (got <= 0) continue;  // interrupted by a signal before the pool was ready
        at += got;
        size -= static_cast<std::size_t>(got);
    }
}

tl::unexpected<std::string> fail(const std::string& path, const std::string& what) {
    return tl::unexpected(path + ": " + what);
}

}  // namespace

std::array<std::uint64_t, 4> draw_hash_key() {
    std::array<std::uint64_t, 4> key{};
    fill_random(key.data(), sizeof key);
    return key;
}

std::uint64_t draw_random() {
    std::uint64_t value = 0;
    fill_random(&value, sizeof value);
    return value;
}

tl::expected<std::uint64_t, std::string> stored_rendezvous_key(const std::string& state_dir) {
    const std::string path = state_dir + "/rendezvous.key";
    std::uint64_t key = 0;
    const FileDescriptor stored(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (stored) {
        if (read(stored.get(), &key, sizeof key) == sizeof key) return key;
        return fail(path, "is cut short; remove it to have a new key drawn");
    }
    if (errno != ENOENT) return fail(path, std::strerror(errno));

    key = draw_random();
    const std::string temporary = path + ".new";
    const FileDescriptor file(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file)
        return fail(temporary, std::string(std::strerror(errno)) +
                                   "; `state-dir` must be a directory that can be written to");
    if (write(file.get(), &key, sizeof key) != sizeof key || fsync(file.get()) != 0 ||
        std::rename(temporary.c_str(), path.c_str()) != 0)
        return fail(path, std::strerror(errno));
    return key;
}

}  // namespace portcullis::dataplane
