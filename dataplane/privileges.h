// Who the process is, once it no longer needs to be root.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace portcullis::dataplane {

// All threads become `user` with that user's groups, for good. One sentence on failure.
tl::expected<void, std::string> drop_privileges(const std::string& user);

}  // namespace portcullis::dataplane
