#include "control/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace portcullis::control {
namespace {

std::string reason() {
    return std::strerror(errno);
}

tl::expected<sockaddr_un, std::string> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return tl::make_unexpected("a socket's path has 1 to " +
                                   std::to_string(sizeof address.sun_path - 1) + " bytes");
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);  // how sockets take every address
}

// Removes the file of a process that is gone; refuses what is in use or is no socket.
tl::expected<void, std::string> clear_path(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode))
        return tl::make_unexpected(
            path + " exists and is no socket: remove it or choose another --socket");
    auto live = connect_unix(path, SOCK_STREAM);
    if (live) {
        const auto owner = peer_of(live->get());
        return tl::make_unexpected(
            "process " + (owner ? std::to_string(owner->pid) : std::string("(unknown)")) +
            " listens on " + path + " already: stop it first or choose another --socket");
    }
    if (errno != ECONNREFUSED)
        return tl::make_unexpected("cannot tell who owns " + path + " (" + live.error() +
                                   "): remove it or choose another --socket");
    if (::unlink(path.c_str()) != 0)
        return tl::make_unexpected("cannot remove the stale socket " + path + ": " + reason());
    return {};
}

}  // namespace

tl::expected<Fd, std::string> listen_unix(const std::string& path, int backlog) {
    const auto address = address_of(path);
    if (!address) return tl::make_unexpected(path + ": " + address.error());
    if (auto cleared = clear_path(path); !cleared) return tl::make_unexpected(cleared.error());
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return tl::make_unexpected("no socket: " + reason());
    // Before bind(), so that the file never has more rights than these.
    if (::fchmod(socket.get(), 0660) != 0 ||
        ::bind(socket.get(), generic(*address), sizeof *address) != 0 ||
        ::chmod(path.c_str(), 0660) != 0 || ::listen(socket.get(), backlog) != 0)
        return tl::make_unexpected("cannot listen on " + path + ": " + reason() +
                                   "; create its directory and let this user write there");
    return socket;
}

tl::expected<Fd, std::string> connect_unix(const std::string& path, int type) {
    const auto address = address_of(path);
    if (!address) return tl::make_unexpected(address.error());
    Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // Unix sockets connect at once or not at all: never EINPROGRESS, EAGAIN when the backlog is
    // full.
    if (!socket || ::connect(socket.get(), generic(*address), sizeof *address) != 0) {
        const int error = errno;
        socket.reset();
        errno = error;
        return tl::make_unexpected(std::string(std::strerror(error)));
    }
    return socket;
}

tl::expected<Peer, std::string> peer_of(int socket) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
        return tl::make_unexpected("no peer credentials: " + reason());
    Peer peer{credentials.pid, credentials.uid, {credentials.gid}};
    std::vector<gid_t> groups(64);
    for (;;) {
        length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) break;
        if (errno != ERANGE) return tl::make_unexpected("no peer groups: " + reason());
        groups.resize(length / sizeof(gid_t));
    }
    groups.resize(length / sizeof(gid_t));
    peer.groups.insert(peer.groups.end(), groups.begin(), groups.end());
    return peer;
}

}  // namespace portcullis::control
