// Reads a request's parameters: each by name and type; the first thing that is wrong is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/rpc.h"

namespace portcullis::control {

class Params {
  public:
    explicit Params(const Json& json) : json_(json) {}

    // Missing, or of another type: an error, and an empty value.
    std::string required_text(const char* name);
    std::string text(const char* name, std::string otherwise);
    std::uint32_t number(const char* name, std::uint32_t otherwise, std::uint32_t max);
    bool flag(const char* name);

    // For what only the method can tell.
    void complain(const char* name, const std::string& what);
    // Once everything has been read: the first error; a parameter nobody asked for is one too.
    std::optional<RpcError> error();

  private:
    const Json* find(const char* name);

    const Json& json_;
    std::vector<std::string> known_;
    std::string complaint_;
};

}  // namespace portcullis::control
