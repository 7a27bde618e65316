#include "dataplane/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace portcullis::dataplane {

// glibc sends these calls through every thread, those of DPDK too.
tl::expected<void, std::string> drop_privileges(const std::string& user) {
    const auto fail = [&](const std::string& why) {
        return tl::unexpected("`user = " + user + "`: " + why);
    };
    const passwd* entry = getpwnam(user.c_str());
    if (entry == nullptr) return fail("there is no such user");
    if (entry->pw_uid == geteuid()) return {};
    const uid_t uid = entry->pw_uid;
    const gid_t gid = entry->pw_gid;
    if (initgroups(user.c_str(), gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0)
        return fail(std::string("cannot become this user: ") + std::strerror(errno));
    if (uid != 0 && setuid(0) == 0) return fail("root could be regained");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return {};
}

}  // namespace portcullis::dataplane
