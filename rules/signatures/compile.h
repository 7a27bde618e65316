// Signatures -> a database of Hyperscan 5.4.0, serialised for the policy image.
//
//     compile(ProtocolClass::sip_tls)                    -> patterns n at id 2n, their twins at 2n + 1
//     compile_custom("billing", {"^\\x01BILL[0-9]{4}"})  -> patterns n at id 2n, no twins
//
// Block mode, DOTALL and SINGLEMATCH, for any x86-64 CPU: so a topology's image, and with it its
// hash, is the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "rules/policy/conformance.h"

namespace portcullis::signatures {

// A class of signatures.yaml; the error is for `none` and `custom`, and where Hyperscan does not
// run on this CPU. Each class is compiled once for the life of the process (up to some 100 ms), so
// asking again is cheap; any thread may ask.
tl::expected<policy::SignatureDatabase, std::string> compile(policy::ProtocolClass protocol);

// An operator's own patterns must begin with ^ or \A at each alternative, be bounded, and be short:
// then what is kept of a session's first bytes suffices to judge it.
inline constexpr std::size_t kMaxCustomPatterns = 32;  // of one class
inline constexpr std::size_t kMaxPatternCharacters = 512;
inline constexpr std::uint32_t kMaxPatternWidth = 4096;

struct CustomError {
    static constexpr std::size_t kAllOfThem = static_cast<std::size_t>(-1);
    std::size_t pattern = kAllOfThem;  // index in what was asked for
    std::string message;               // what is wrong, naming the pattern
    std::string hint;                  // what to do
    friend bool operator==(const CustomError&, const CustomError&) = default;
};
using CustomResult = tl::expected<policy::SignatureDatabase, CustomError>;

// The checks that read the text only: instant, whatever the text.
tl::expected<void, CustomError> check_custom(std::span<const std::string> patterns);

// check_custom(), then Hyperscan. A short pattern can cost it minutes and gigabytes: programs go
// through a PatternCompiler that sets limits, this is what works inside them (and in tests).
CustomResult compile_custom(std::string_view name, std::span<const std::string> patterns);

// Who compiles an operator's patterns. rules/ makes no system calls, hence no processes:
// control/pattern_child.h is the implementation of programs.
class PatternCompiler {
  public:
    virtual ~PatternCompiler() = default;
    // As compile_custom(), with an error of its own if that takes too much time or memory.
    virtual CustomResult compile(std::string_view name, std::span<const std::string> patterns) = 0;
};

// compile_custom() in this process, without limits: for tests, whose patterns are their own.
class DirectPatternCompiler final : public PatternCompiler {
  public:
    CustomResult compile(std::string_view name, std::span<const std::string> patterns) override {
        return compile_custom(name, patterns);
    }
};

}  // namespace portcullis::signatures
