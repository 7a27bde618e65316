// Unix sockets: listening where a dead process left its file, connecting, and who the other end is.
#pragma once

#include <sys/types.h>

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/fd.h"

namespace portcullis::control {

// Who is at the other end, as the kernel saw it when the connection was made.
struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
    std::vector<gid_t> groups;  // the primary one too
};

// Non-blocking, close-on-exec, mode 0660; a stale file in the way is replaced. The error is one
// line that says what to do, e.g. when a live process listens there.
tl::expected<Fd, std::string> listen_unix(const std::string& path, int backlog);

// Non-blocking, close-on-exec. The error is the system's reason. `type`: SOCK_STREAM,
// SOCK_SEQPACKET.
tl::expected<Fd, std::string> connect_unix(const std::string& path, int type);

tl::expected<Peer, std::string> peer_of(int socket);

}  // namespace portcullis::control
