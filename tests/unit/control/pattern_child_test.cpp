// PatternChild, with this test as the program that is started again.
#include "control/pattern_child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control/pattern_wire.h"

namespace portcullis::control {
namespace {

using namespace std::chrono_literals;
using signatures::CustomError;
using Patterns = std::vector<std::string>;

// Several seconds of Hyperscan's time each, within every check.
const Patterns kSlow = {"^(?:a?b?c?d?e?f?g?h?){1,500}z", "^(?:i?j?k?l?m?n?o?p?){1,500}z",
                        "^(?:a?c?e?g?i?k?m?o?){1,500}z", "^(?:b?d?f?h?j?l?n?p?){1,500}z"};

void expect_no_child_left() {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST(PatternChild, GivesWhatTheCompilerGives) {
    PatternChild child;
    for (const Patterns& patterns :
         {Patterns{"^\\x01BILL[0-9]{4}", "^a|^b.{0,3}"}, Patterns{"^ok", "^a.*b"}, Patterns{"^a$"},
          Patterns{"^ok", "one"}, Patterns{}, Patterns(32, "^" + std::string(511, 'a'))})
        EXPECT_EQ(child.compile("billing", patterns),
                  signatures::compile_custom("billing", patterns));
    expect_no_child_left();
}

TEST(PatternChild, EndsWhenItsProcessorTimeIsUp) {
    PatternLimits limits;
    limits.cpu = 1s;
    limits.clock = 10min;
    PatternChild child(limits);
    const auto result = child.compile("slow", kSlow);
    ASSERT_FALSE(result);
    EXPECT_EQ(
        result.error(),
        (CustomError{CustomError::kAllOfThem,
                     "compiling the patterns took more than 1 s of processor time",
                     "lower the bounds of their repeats, nest fewer of them, or split them"}));
    expect_no_child_left();
}

TEST(PatternChild, EndsWhenItsTimeByTheClockIsUp) {
    PatternLimits limits;
    limits.cpu = 600s;
    limits.clock = 300ms;
    PatternChild child(limits);
    const auto result = child.compile("slow", kSlow);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "compiling the patterns took more than 0.3 s");
    expect_no_child_left();
}

TEST(PatternChild, IsAnErrorWithoutMemory) {
    if (getenv("ASAN_OPTIONS") != nullptr || getenv("TSAN_OPTIONS") != nullptr)
        GTEST_SKIP() << "sanitizers need more address space than there is a limit for";
    for (const unsigned mebibytes : {1U, 8U, 16U}) {
        PatternLimits limits;
        limits.cpu = 600s;
        limits.clock = 10min;
        limits.memory_bytes = std::uint64_t{mebibytes} << 20;
        PatternChild child(limits);
        const auto result = child.compile("slow", kSlow);
        ASSERT_FALSE(result) << mebibytes;
        EXPECT_FALSE(result.error().hint.empty());
        expect_no_child_left();
    }
}

// A shell script that stands for our program.
class Script {
  public:
    explicit Script(const std::string& text)
        : path_(testing::TempDir() + "pattern_child_" + std::to_string(getpid())) {
        std::ofstream(path_) << "#!/bin/sh\n" << text << '\n';
        chmod(path_.c_str(), 0700);
    }
    ~Script() { unlink(path_.c_str()); }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

TEST(PatternChild, DoesNotTrustWhatItStarts) {
    struct Case {
        const char* script;
        const char* message;
    };
    const Case cases[] = {
        {"exit 0", "the process for them gave no answer (exit code 0)"},
        {"cat > /dev/null; exit 3", "the process for them gave no answer (exit code 3)"},
        {"echo compiled", "the process for them gave no answer (exit code 0)"},
        {"exec yes", "the process for them said too much"},
    };
    for (const auto& asked : cases) {
        const Script script(asked.script);
        const auto result = PatternChild({}, script.path()).compile("c", Patterns{"^a"});
        ASSERT_FALSE(result) << asked.script;
        EXPECT_EQ(result.error().message,
                  std::string("the patterns could not be compiled: ") + asked.message);
        expect_no_child_left();
    }
    const auto absent = PatternChild({}, "/nonexistent").compile("c", Patterns{"^a"});
    ASSERT_FALSE(absent);
    EXPECT_EQ(
        absent.error().message,
        "the patterns could not be compiled: the process for them does not start within 512 MiB");
    expect_no_child_left();
}

TEST(PatternChild, MayWriteNoFile) {
    const Script script("echo written > $0.out");
    EXPECT_FALSE(PatternChild({}, script.path()).compile("c", Patterns{"^a"}));
    const auto written = script.path() + ".out";
    EXPECT_EQ(std::ifstream(written).peek(), EOF);
    unlink(written.c_str());
}

TEST(PatternChild, MayBeAskedByManyThreads) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([i] {
            PatternChild child;
            const auto name = "class" + std::to_string(i);
            EXPECT_EQ(child.compile(name, Patterns{"^a{3}"}),
                      signatures::compile_custom(name, Patterns{"^a{3}"}));
        });
    for (auto& thread : threads) thread.join();
    expect_no_child_left();
}

// The pattern child of a process whose only thread starts it; 0 until it runs.
pid_t pattern_child_of(pid_t parent) {
    const auto process = "/proc/" + std::to_string(parent);
    pid_t child = 0;
    std::ifstream(process + "/task/" + std::to_string(parent) + "/children") >> child;
    std::ifstream file("/proc/" + std::to_string(child) + "/cmdline");
    const std::string command{std::istreambuf_iterator<char>(file), {}};
    return command.find("--compile-patterns") == std::string::npos ? 0 : child;
}

// Killed as nothing else would: we adopt what it leaves, and see it end.
TEST(PatternChild, DiesWithItsParent) {
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        PatternLimits limits;
        limits.cpu = 600s;
        limits.clock = 10min;
        (void)PatternChild(limits).compile("slow", kSlow);
        _exit(0);
    }
    ASSERT_GT(parent, 0);
    pid_t child = 0;
    for (int tries = 0; tries < 6000 && child == 0; ++tries) {
        std::this_thread::sleep_for(10ms);
        child = pattern_child_of(parent);
    }
    EXPECT_GT(child, 0) << "was not started within a minute";
    ASSERT_EQ(kill(parent, SIGKILL), 0);
    std::set<pid_t> ended;
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, 0)) > 0;) {
        ended.insert(pid);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    EXPECT_EQ(ended, (std::set{parent, child}));
}

TEST(PatternWire, GoesThereAndBack) {
    const PatternRequest request{"billing", {"^a", "", "^b\\x00"}};
    const auto encoded = encode_request(request.name, request.patterns);
    EXPECT_EQ(decode_request(encoded), request);
    policy::SignatureDatabase database;
    database.protocol = policy::ProtocolClass::custom;
    database.name = "billing";
    database.twins = false;
    database.width = 4096;
    database.serialised = {1, 0, 255};
    const signatures::CustomResult results[] = {
        database, tl::make_unexpected(CustomError{7, "what", "how"}),
        tl::make_unexpected(CustomError{CustomError::kAllOfThem, "", ""})};
    for (const auto& result : results) {
        const auto answer = encode_answer(result);
        EXPECT_TRUE(decode_answer(answer).value() == result);
        for (std::size_t length = 0; length < answer.size(); ++length)
            EXPECT_FALSE(decode_answer(answer.substr(0, length)).has_value()) << length;
        EXPECT_FALSE(decode_answer(answer + "x").has_value());
    }
    for (std::size_t length = 0; length < encoded.size(); ++length) {
        const auto decoded = decode_request(encoded.substr(0, length));
        if (decoded) {
            EXPECT_LT(decoded->patterns.size(), 3U) << "a whole request of fewer patterns";
        }
    }
    EXPECT_EQ(decode_request("x"), std::nullopt);
    database.width = 4097;
    EXPECT_FALSE(decode_answer(encode_answer(database)).has_value());
}

}  // namespace
}  // namespace portcullis::control

int main(int argc, char** argv) {
    if (const auto code = portcullis::control::serve_pattern_child(argc, argv)) return *code;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
