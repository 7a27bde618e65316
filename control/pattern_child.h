// Compiles an operator's patterns in a process of its own: 30 characters can cost Hyperscan minutes
// and gigabytes, and neither the daemon nor anybody's shell is to pay them.
//
//     int main(int argc, char** argv) {
//         if (const auto code = serve_pattern_child(argc, argv)) return *code;
//         ...
//         PatternChild patterns;                      // any thread
//         compile::compile(topology, file, patterns);
//
// The process is this program once more, which serve_pattern_child() recognises. It has limits on
// processor time, memory, files and time by the clock, dies with the thread that started it, and is
// gone when compile() returns, whatever happened.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "rules/signatures/compile.h"

namespace portcullis::control {

struct PatternLimits {
    std::chrono::seconds cpu{5};
    std::chrono::milliseconds clock{20'000};  // for machines that are busy
    std::uint64_t memory_bytes = std::uint64_t{512} << 20;
};

class PatternChild final : public signatures::PatternCompiler {
  public:
    PatternChild() = default;
    // Another program than this one is for tests.
    explicit PatternChild(const PatternLimits& limits, std::string program = {})
        : limits_(limits), program_(std::move(program)) {}

    signatures::CustomResult compile(std::string_view name,
                                     std::span<const std::string> patterns) override;

  private:
    PatternLimits limits_;
    std::string program_;  // empty: this one
};

// The first thing that a main() does: it makes this program one that can be started as a pattern
// child, and is all that such a child does. What it returns is the process's exit code.
std::optional<int> serve_pattern_child(int argc, char** argv);

}  // namespace portcullis::control
