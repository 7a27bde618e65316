// Who the process is, once it no longer needs to be root.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace portcullis::dataplane {

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
};
std::optional<User> find_user(const std::string& name);

// No program that this thread, or one that it starts later, executes has more privileges than it (prctl(2)).
// Threads that are there already are not meant: to be called before the first.
void gain_no_privileges();

// All threads become `user` with that user's groups, for good. One sentence on failure.
tl::expected<void, std::string> drop_privileges(const std::string& user);

}  // namespace portcullis::dataplane
