#include "dataplane/peer/socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace portcullis::dataplane {
namespace {

tl::unexpected<std::string> fail(const std::string& path, const std::string& what) {
    return tl::unexpected("peer socket " + path + ": " + what);
}

FileDescriptor make_socket() {
    return FileDescriptor(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

tl::expected<ListeningSocket, std::string> ListeningSocket::open(const std::string& path,
                                                                 std::optional<gid_t> group) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(path, "the path is too long for a socket");
    path.copy(address.sun_path, path.size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);

    struct stat status {};
    if (lstat(path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode))
            return fail(path, "there is a file of that name that is no socket");
        const FileDescriptor probe = make_socket();
        if (connect(probe.get(), generic, sizeof address) == 0 || errno == EAGAIN)
            return fail(path,
                        "a live process owns it: stop the other portcullis-dataplane, or set "
                        "another `peer-socket`");
        unlink(path.c_str());
    }

    FileDescriptor listener = make_socket();
    const mode_t before = umask(0117);
    const int bound = bind(listener.get(), generic, sizeof address);
    const int error = errno;
    umask(before);
    if (bound != 0)
        return fail(path, std::string(std::strerror(error)) +
                              (error == ENOENT ? ": create its directory" : ""));
    ListeningSocket opened(path, std::move(listener));
    if (group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0)
        return fail(path, std::string("cannot be given to the group of `control-user`: ") +
                              std::strerror(errno));
    if (listen(opened.get(), 8) != 0) return fail(path, std::strerror(errno));
    return opened;
}

ListeningSocket::~ListeningSocket() {
    if (socket_) unlink(path_.c_str());
}

Received receive(int socket, std::span<std::byte> buffer) {
    iovec data = {buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * 8)> control;
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();

    Received received;
    ssize_t bytes = 0;
    do bytes = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (bytes < 0 && errno == EINTR);
    if (bytes < 0) {
        received.again = errno == EAGAIN;
        return received;
    }
    received.bytes = static_cast<std::size_t>(bytes);
    received.cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            received.cut |= static_cast<bool>(received.descriptor);
            received.descriptor = FileDescriptor(fd);
        }
    }
    return received;
}

}  // namespace portcullis::dataplane
