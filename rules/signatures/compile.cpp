#include "rules/signatures/compile.h"

#include <hs/hs.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "rules/signatures/custom_text.h"
#include "rules/signatures/signatures.h"

namespace portcullis::signatures {
namespace {

using policy::ProtocolClass;
using policy::SignatureDatabase;

constexpr unsigned kFlags = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH;
constexpr std::string_view kUnbounded = "replace *, + and {n,} by bounds, as in .{0,64}";

struct Free {
    void operator()(hs_database_t* database) const { hs_free_database(database); }
    void operator()(hs_compile_error_t* error) const { hs_free_compile_error(error); }
};
using Database = std::unique_ptr<hs_database_t, Free>;
using CompileError = std::unique_ptr<hs_compile_error_t, Free>;

constexpr std::string_view kSimpler =
    "lower the bounds of its repeats, nest fewer of them, or split it";

// Hyperscan's own words. It says nothing where it does not run at all.
std::string words(const CompileError& error, hs_error_t code) {
    if (error && error->message != nullptr) return error->message;
    if (code == HS_ARCH_ERROR) return "this CPU lacks SSSE3";
    if (code == HS_NOMEM) return "out of memory";
    return "Hyperscan error " + std::to_string(code);
}

// It says so as of any other error.
bool is_memory(const CompileError& error) {
    return error && error->message != nullptr &&
           std::string_view(error->message).find("allocate memory") != std::string_view::npos;
}

struct Expression {
    std::string text;
    unsigned id = 0;
};
struct Failure {
    std::size_t expression = 0;  // where `known`
    bool known = false;
    std::string message;
};

tl::expected<std::vector<std::uint8_t>, Failure> build(const std::vector<Expression>& expressions) {
    std::vector<const char*> texts;
    std::vector<unsigned> ids;
    for (const auto& expression : expressions) {
        texts.push_back(expression.text.c_str());
        ids.push_back(expression.id);
    }
    const std::vector<unsigned> flags(expressions.size(), kFlags);
    // The plainest CPU that Hyperscan runs on.
    hs_platform_info_t platform{};
    platform.tune = HS_TUNE_FAMILY_GENERIC;

    hs_database_t* built = nullptr;
    hs_compile_error_t* refused = nullptr;
    auto code = hs_compile_multi(texts.data(), flags.data(), ids.data(),
                                 static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, &platform,
                                 &built, &refused);
    const Database database(built);
    const CompileError error(refused);
    if (code != HS_SUCCESS) {
        Failure failure{0, false, words(error, code)};
        if (error && error->expression >= 0) {
            failure.expression = static_cast<std::size_t>(error->expression);
            failure.known = failure.expression < expressions.size();
        }
        return tl::make_unexpected(std::move(failure));
    }

    char* bytes = nullptr;
    std::size_t size = 0;
    code = hs_serialize_database(database.get(), &bytes, &size);
    if (code != HS_SUCCESS) return tl::make_unexpected(Failure{0, false, words(nullptr, code)});
    const std::unique_ptr<char, decltype(&std::free)> owner(bytes, &std::free);
    return std::vector<std::uint8_t>(bytes, bytes + size);
}

tl::expected<SignatureDatabase, std::string> build_class(const SignatureClass& found) {
    SignatureDatabase database;
    database.protocol = found.protocol;
    database.name = policy::to_string(found.protocol);
    std::vector<Expression> expressions;
    for (unsigned n = 0; n < found.patterns.size(); ++n) {
        const auto& pattern = found.patterns[n];
        expressions.push_back({std::string(pattern.pattern), 2 * n});
        expressions.push_back({std::string(pattern.twin), 2 * n + 1});
        database.width = std::max(database.width, pattern.width);
    }
    auto bytes = build(expressions);
    if (!bytes)
        return tl::make_unexpected("the signatures of '" + database.name +
                                   "' do not compile: " + bytes.error().message);
    database.serialised = std::move(*bytes);
    return database;
}

std::string quoted(std::string_view pattern) {
    constexpr std::size_t kShown = 60;
    if (pattern.size() <= kShown) return "pattern '" + std::string(pattern) + "'";
    return "pattern '" + std::string(pattern.substr(0, kShown)) + "...'";
}

CustomError fault_of(std::span<const std::string> patterns, std::size_t n, std::string_view message,
                     std::string_view hint) {
    return {n, quoted(patterns[n]) + " " + std::string(message), std::string(hint)};
}

// What Hyperscan finds out by parsing alone.
tl::expected<std::uint32_t, CustomError> width_of(std::span<const std::string> patterns,
                                                  std::size_t n) {
    hs_expr_info_t* found = nullptr;
    hs_compile_error_t* refused = nullptr;
    const auto code = hs_expression_info(patterns[n].c_str(), kFlags, &found, &refused);
    const std::unique_ptr<hs_expr_info_t, decltype(&std::free)> info(found, &std::free);
    const CompileError error(refused);
    const auto fault = [&](std::string_view message, std::string_view hint) {
        return tl::make_unexpected(fault_of(patterns, n, message, hint));
    };
    if (code == HS_NOMEM || is_memory(error))
        return fault("takes more memory to compile than it may", kSimpler);
    if (code != HS_SUCCESS)
        return fault("is refused by Hyperscan: " + words(error, code),
                     "Hyperscan reads regular expressions as Perl does, without back references");
    if (info->matches_at_eod != 0)
        return fault("asks where the data ends",
                     "take away the $: how TCP splits a message does not say where it ends");
    if (info->min_width == 0)
        return fault("matches anything, even nothing", "say what the first message begins with");
    if (info->max_width == std::numeric_limits<unsigned>::max())
        return fault("has no bound to its length", kUnbounded);
    if (info->max_width > kMaxPatternWidth)
        return fault("looks at up to " + std::to_string(info->max_width) + " bytes, " +
                         std::to_string(kMaxPatternWidth) + " are kept",
                     "lower the bounds of its repeats");
    return info->max_width;
}

}  // namespace

tl::expected<SignatureDatabase, std::string> compile(ProtocolClass protocol) {
    static std::array<std::once_flag, policy::kProtocolClassCount> once;
    static std::array<std::optional<tl::expected<SignatureDatabase, std::string>>,
                      policy::kProtocolClassCount>
        compiled;
    const auto* found = find(protocol);
    if (found == nullptr)
        return tl::make_unexpected("there are no signatures of the class '" +
                                   std::string(policy::to_string(protocol)) + "'");
    const auto index = static_cast<std::size_t>(protocol);
    std::call_once(once[index], [&] { compiled[index] = build_class(*found); });
    return *compiled[index];
}

tl::expected<void, CustomError> check_custom(std::span<const std::string> patterns) {
    if (patterns.empty())
        return tl::make_unexpected(
            CustomError{CustomError::kAllOfThem, "there is no pattern", "list one at least"});
    if (patterns.size() > kMaxCustomPatterns)
        return tl::make_unexpected(
            CustomError{CustomError::kAllOfThem,
                        "there are " + std::to_string(patterns.size()) + " patterns, " +
                            std::to_string(kMaxCustomPatterns) + " are allowed",
                        "join some as alternatives, or make another class of them"});
    for (std::size_t n = 0; n < patterns.size(); ++n)
        if (const auto fault = find_text_fault(patterns[n]))
            return tl::make_unexpected(fault_of(patterns, n, fault->message, fault->hint));
    return {};
}

CustomResult compile_custom(std::string_view name, std::span<const std::string> patterns) {
    if (auto checked = check_custom(patterns); !checked)
        return tl::make_unexpected(std::move(checked.error()));
    SignatureDatabase database;
    database.protocol = ProtocolClass::custom;
    database.name = name;
    database.twins = false;
    std::vector<Expression> expressions;
    for (unsigned n = 0; n < patterns.size(); ++n) {
        const auto width = width_of(patterns, n);
        if (!width) return tl::make_unexpected(width.error());
        database.width = std::max(database.width, *width);
        expressions.push_back({patterns[n], 2 * n});
    }
    auto bytes = build(expressions);
    if (!bytes) {
        const auto text = "is refused by Hyperscan: " + bytes.error().message;
        if (bytes.error().known)
            return tl::make_unexpected(
                fault_of(patterns, bytes.error().expression, text, kSimpler));
        return tl::make_unexpected(CustomError{CustomError::kAllOfThem,
                                               "what the patterns make together " + text,
                                               std::string(kSimpler)});
    }
    if (bytes->size() > policy::kMaxDatabaseBytes)
        return tl::make_unexpected(CustomError{
            CustomError::kAllOfThem,
            "the patterns make a database of " + std::to_string(bytes->size() >> 10) + " KiB, " +
                std::to_string(policy::kMaxDatabaseBytes >> 10) + " are allowed",
            std::string(kSimpler)});
    database.serialised = std::move(*bytes);
    return database;
}

}  // namespace portcullis::signatures
