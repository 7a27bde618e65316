#include "rules/signatures/custom_text.h"

#include <algorithm>

#include "rules/signatures/compile.h"

namespace portcullis::signatures {
namespace {

constexpr std::string_view kSimpleEscapes = "dDsSwWtnrf";

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Text {
  public:
    explicit Text(std::string_view text) : text_(text) {}

    std::optional<TextFault> find_fault() {
        expect_anchor();
        while (!fault_ && at_ < text_.size()) step();
        if (!fault_ && depth_ != 0) fail("has a group that is not closed", "close it with )");
        return fault_;
    }

  private:
    bool take(std::string_view token) {
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }
    void fail(std::string message, std::string hint) {
        if (!fault_) fault_ = TextFault{std::move(message), std::move(hint)};
    }

    // At the beginning of an alternative that no group encloses.
    void expect_anchor() {
        if (!take("^") && !take("\\A"))
            return fail("has an alternative without an anchor",
                        "begin each one with ^, as in ^one|^two or ^(?:one|two)");
        if (at_ < text_.size() &&
            std::string_view("?*+{").find(text_[at_]) != std::string_view::npos)
            fail("repeats an anchor", "take away what follows the ^");
    }

    void step() {
        if (text_[at_] == '\\') return escape();
        if (take("[")) return byte_class();
        if (take("(")) return open_group();
        if (take(")")) {
            if (depth_ == 0)
                return fail("closes a group that it has not opened", "write \\) for the character");
            --depth_;
            return;
        }
        if (take("|")) {
            if (depth_ == 0) expect_anchor();
            return;
        }
        ++at_;
    }

    void open_group() {
        if (!text_.substr(at_).starts_with("?:") && at_ < text_.size() &&
            (text_[at_] == '?' || text_[at_] == '*'))
            return fail("has a group with options, look-around or a name",
                        "groups are ( ) and (?: ); for either case write [Aa]");
        take("?:");
        ++depth_;
    }

    void escape() {
        ++at_;
        const char c = at_ < text_.size() ? text_[at_++] : '\0';
        if (c == 'x') {
            if (text_.size() - at_ >= 2 && is_hex(text_[at_]) && is_hex(text_[at_ + 1])) {
                at_ += 2;
                return;
            }
            return fail("has \\x without two digits", "write a byte as \\x0d");
        }
        if (c == '\0') return fail("ends in a backslash", "write \\\\ for the character");
        if (is_letter_or_digit(c) && kSimpleEscapes.find(c) == std::string_view::npos)
            fail(
                std::string("has the escape \\") + c,
                "letters that may be escaped are d, D, s, S, w, W, t, n, r, f, and bytes as \\x0d; "
                "\\A stands at the beginning only");
    }

    void byte_class() {
        take("^");
        if (text_.substr(at_).starts_with("]"))
            return fail("has a class that begins with ]", "write \\] for the character");
        while (!fault_) {
            if (at_ >= text_.size())
                return fail("has a class that is not closed",
                            "close it with ], or write \\[ for the character");
            if (text_[at_] == '\\') {
                escape();
            } else if (take("[")) {
                fail("has a [ inside of a class",
                     "write \\[ for the character, and ranges for [:names:]");
            } else if (take("]")) {
                return;
            } else {
                ++at_;
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int depth_ = 0;
    std::optional<TextFault> fault_;
};

}  // namespace

std::optional<TextFault> find_text_fault(std::string_view pattern) {
    if (pattern.empty()) return TextFault{"is empty", "say what the first message begins with"};
    if (pattern.size() > kMaxPatternCharacters)
        return TextFault{"has " + std::to_string(pattern.size()) + " characters, " +
                             std::to_string(kMaxPatternCharacters) + " are allowed",
                         "make several patterns of it; any one of them has to match"};
    if (std::ranges::any_of(pattern, [](char c) { return c < ' ' || c > '~'; }))
        return TextFault{"has a character that is not printable ASCII", "write its bytes as \\x0d"};
    return Text(pattern).find_fault();
}

}  // namespace portcullis::signatures
