#include "control/pattern_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>

#include "control/fd.h"
#include "control/pattern_wire.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PORTCULLIS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PORTCULLIS_SANITIZED 1
#endif
#endif

namespace portcullis::control {
namespace {

using Clock = std::chrono::steady_clock;
using signatures::CustomError;

constexpr char kArgument[] = "--compile-patterns";
constexpr char kThisProgram[] = "/proc/self/exe";
constexpr int kNotStarted = 127;

// Written by main() before there are threads.
std::atomic<bool> g_can_be_started{false};

tl::unexpected<CustomError> failure(std::string message, std::string hint) {
    return tl::make_unexpected(
        CustomError{CustomError::kAllOfThem, std::move(message), std::move(hint)});
}
tl::unexpected<CustomError> system_failure(const std::string& what) {
    return failure("the patterns could not be compiled: " + what,
                   "look at this machine's resources");
}

void limit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
    const rlimit limits{soft, hard};
    if (setrlimit(resource, &limits) != 0) _exit(kNotStarted);
}

// Between fork and exec, possibly beside locked locks of other threads: system calls only.
[[noreturn]] void become_child(int socket, pid_t parent, const PatternLimits& limits,
                               const char* program) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(kNotStarted);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0 || dup2(socket, STDIN_FILENO) < 0 || dup2(socket, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0)
        _exit(kNotStarted);
    close_range(STDERR_FILENO + 1, ~0U, 0);

    // SIGXCPU at the first, SIGKILL at the second.
    const auto cpu = static_cast<rlim_t>(limits.cpu.count());
    limit(RLIMIT_CPU, cpu, cpu + 1);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_NOFILE, 32, 32);
#ifndef PORTCULLIS_SANITIZED  // their shadow memory alone is terabytes
    limit(RLIMIT_AS, limits.memory_bytes, limits.memory_bytes);
#endif
    char argument[sizeof kArgument];
    std::memcpy(argument, kArgument, sizeof kArgument);
    char title[] = "portcullis-patterns";
    char* const arguments[] = {title, argument, nullptr};
    execve(program, arguments, environ);
    _exit(kNotStarted);
}

// A process that is killed and reaped at the end of its scope.
class Child {
  public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child() { end(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Its wait status. One that has begun to exit keeps its own.
    int end() {
        if (pid_ < 0) return status_;
        kill(pid_, SIGKILL);
        while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status_;
    }

  private:
    pid_t pid_;
    int status_ = 0;
};

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        // A request fits the socket's buffer: who would wait here could wait for ever.
        const auto sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return shutdown(socket, SHUT_WR) == 0;
}

enum class Ending { closed, too_late, too_much };

// Until the other end is closed: the process's, by its exit.
Ending receive_all(int socket, Clock::time_point deadline, std::string& bytes) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return Ending::too_late;
        pollfd waiting{socket, POLLIN, 0};
        const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR) return Ending::closed;
        if (ready <= 0) continue;
        char buffer[65536];
        const auto got = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return Ending::closed;
        if (bytes.size() + static_cast<std::size_t>(got) > kMaxPatternMessage)
            return Ending::too_much;
        bytes.append(buffer, static_cast<std::size_t>(got));
    }
}

std::string in_seconds(std::chrono::milliseconds time) {
    auto text = std::to_string(time.count() / 1000);
    if (time.count() % 1000 != 0) text += "." + std::to_string(time.count() % 1000 / 100);
    return text + " s";
}

constexpr const char* kSimpler =
    "lower the bounds of their repeats, nest fewer of them, or split them";

signatures::CustomResult judge(Ending ending, int status, const PatternLimits& limits) {
    const auto memory = std::to_string(limits.memory_bytes >> 20) + " MiB";
    if (ending == Ending::too_late)
        return failure("compiling the patterns took more than " + in_seconds(limits.clock),
                       kSimpler);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return failure("compiling the patterns took more than " + in_seconds(limits.cpu) +
                           " of processor time",
                       kSimpler);
    if (WIFSIGNALED(status))
        return failure("compiling the patterns ended with signal " +
                           std::to_string(WTERMSIG(status)) + ", as for want of more than " +
                           memory,
                       kSimpler);
    if (WEXITSTATUS(status) == kNotStarted)
        return system_failure("the process for them does not start within " + memory);
    return system_failure("the process for them gave no answer (exit code " +
                          std::to_string(WEXITSTATUS(status)) + ")");
}

}  // namespace

signatures::CustomResult PatternChild::compile(std::string_view name,
                                               std::span<const std::string> patterns) {
    if (auto checked = signatures::check_custom(patterns); !checked)
        return tl::make_unexpected(std::move(checked.error()));
    if (program_.empty() && !g_can_be_started)
        return system_failure("this program cannot be started again for them");
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return system_failure(std::string("no socket: ") + std::strerror(errno));
    const Fd ours(ends[0]);
    Fd theirs(ends[1]);

    const auto deadline = Clock::now() + limits_.clock;
    const char* const program = program_.empty() ? kThisProgram : program_.c_str();
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) return system_failure(std::string("no process: ") + std::strerror(errno));
    if (pid == 0) become_child(theirs.get(), parent, limits_, program);
    Child child(pid);
    theirs.reset();

    // A request that is not read is one whose process has ended; how, is told below.
    send_all(ours.get(), encode_request(name, patterns));
    std::string bytes;
    const auto ending = receive_all(ours.get(), deadline, bytes);
    const int status = child.end();
    if (ending == Ending::closed)
        if (auto answer = decode_answer(bytes)) return std::move(*answer);
    if (ending == Ending::too_much) return system_failure("the process for them said too much");
    return judge(ending, status, limits_);
}

std::optional<int> serve_pattern_child(int argc, char** argv) {
    g_can_be_started = true;
    if (argc != 2 || std::strcmp(argv[1], kArgument) != 0) return std::nullopt;

    std::string request;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        request.append(buffer, static_cast<std::size_t>(got));
        if (request.size() > kMaxPatternMessage) return 1;
    }
    const auto asked = decode_request(request);
    if (got < 0 || !asked) return 1;
    std::string answer;
    try {
        answer = encode_answer(signatures::compile_custom(asked->name, asked->patterns));
    } catch (const std::bad_alloc&) {
        abort();
    }
    for (std::string_view left = answer; !left.empty();) {
        const auto sent = write(STDOUT_FILENO, left.data(), left.size());
        if (sent <= 0) return 1;
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
    return 0;
}

}  // namespace portcullis::control
