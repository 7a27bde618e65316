// The client of the control socket: one connection, one request at a time, blocking.
#pragma once

#include <chrono>
#include <string>
#include <tl/expected.hpp>

#include "control/fd.h"
#include "control/rpc.h"

namespace portcullis::control {

inline constexpr const char* kDefaultSocket = "/run/portcullis/control.sock";

class Client {
  public:
    // The error is one sentence that says what to do.
    static tl::expected<Client, std::string> connect(const std::string& path);

    // What went wrong on the way (nobody answers, nonsense, too late) has RpcCode::internal_error.
    tl::expected<Json, RpcError> call(const std::string& method, const Json& params,
                                      std::chrono::milliseconds patience);

  private:
    explicit Client(Fd socket) : socket_(std::move(socket)) {}
    using Deadline = std::chrono::steady_clock::time_point;
    tl::expected<void, std::string> send(std::string_view text, Deadline deadline);
    tl::expected<std::string, std::string> receive_line(Deadline deadline);
    bool wait(short events, Deadline deadline) const;

    Fd socket_;
    std::string buffer_;
    int next_id_ = 1;
};

}  // namespace portcullis::control
