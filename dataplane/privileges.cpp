#include "dataplane/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace portcullis::dataplane {

std::optional<User> find_user(const std::string& name) {
    const passwd* entry = getpwnam(name.c_str());
    if (entry == nullptr) return std::nullopt;
    return User{entry->pw_uid, entry->pw_gid};
}

// glibc sends these calls through every thread, those of DPDK too.
tl::expected<void, std::string> drop_privileges(const std::string& user) {
    const auto fail = [&](const std::string& why) {
        return tl::unexpected("`user = " + user + "`: " + why);
    };
    const auto found = find_user(user);
    if (!found) return fail("there is no such user");
    if (found->uid == geteuid()) return {};
    if (initgroups(user.c_str(), found->gid) != 0 ||
        setresgid(found->gid, found->gid, found->gid) != 0 ||
        setresuid(found->uid, found->uid, found->uid) != 0)
        return fail(std::string("cannot become this user: ") + std::strerror(errno));
    if (found->uid != 0 && setuid(0) == 0) return fail("root could be regained");
    return {};
}

void gain_no_privileges() {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

}  // namespace portcullis::dataplane
