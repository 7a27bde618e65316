// The system calls of the peer link: a listening SOCK_SEQPACKET socket, and messages that may carry
// a descriptor.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "dataplane/file_descriptor.h"

namespace portcullis::dataplane {

// Mode 0660, non-blocking. The socket file of a dead process is replaced; that of a live one, and a
// file that is no socket, are errors.
tl::expected<FileDescriptor, std::string> listen_at(const std::string& path,
                                                    std::optional<gid_t> group);

struct Received {
    bool again = false;     // nothing to read now
    bool cut = false;       // longer than the buffer, or more descriptors than one
    std::size_t bytes = 0;  // 0: the other end has gone
    FileDescriptor descriptor;
};
// One message. Every descriptor that comes with it is taken or closed.
Received receive(int socket, std::span<std::byte> buffer);

}  // namespace portcullis::dataplane
