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

// A listening socket and its file, which goes with it.
class ListeningSocket {
  public:
    // Mode 0660, non-blocking. The socket file of a dead process is replaced; that of a live one,
    // and a file that is no socket, are errors. `group`: of the file, where it is to have another.
    static tl::expected<ListeningSocket, std::string> open(const std::string& path,
                                                           std::optional<gid_t> group);
    ListeningSocket(ListeningSocket&&) noexcept = default;
    ListeningSocket& operator=(ListeningSocket&&) = delete;
    ~ListeningSocket();

    int get() const { return socket_.get(); }
    const std::string& path() const { return path_; }

  private:
    ListeningSocket(std::string path, FileDescriptor socket)
        : path_(std::move(path)), socket_(std::move(socket)) {}
    std::string path_;
    FileDescriptor socket_;  // empty once moved from
};

struct Received {
    bool again = false;     // nothing to read now
    bool cut = false;       // longer than the buffer, or more descriptors than one
    std::size_t bytes = 0;  // 0: the other end has gone
    FileDescriptor descriptor;
};
// One message. Every descriptor that comes with it is taken or closed.
Received receive(int socket, std::span<std::byte> buffer);

}  // namespace portcullis::dataplane
