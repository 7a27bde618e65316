#include "rules/topology/reporter.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>

#include "rules/topology/utf8.h"

namespace portcullis::topology {
namespace {

constexpr std::size_t kLongestQuote = 60;
constexpr std::size_t kLongestCompared = 64;

// Edits (insert, remove, replace, swap of neighbours) that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    a = a.substr(0, kLongestCompared);
    b = b.substr(0, kLongestCompared);
    using Row = std::array<std::size_t, kLongestCompared + 1>;
    Row before{};
    Row previous{};
    Row current{};
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], before[j - 2] + 1);
        }
        before = previous;
        previous = current;
    }
    return previous[b.size()];
}

}  // namespace

std::string Diagnostic::to_string() const {
    std::string text = file;
    if (where.line > 0) {
        text += ':';
        text += std::to_string(where.line);
        text += ':';
        text += std::to_string(where.column);
    }
    text += ": ";
    text += message;
    if (!hint.empty()) {
        text += " (";
        text += hint;
        text += ')';
    }
    return text;
}

void Reporter::add(Location where, std::string message, std::string hint) {
    if (!full()) found_.push_back({{}, where, std::move(message), std::move(hint)});
}

Diagnostics Reporter::take(std::string_view file_name) {
    const auto place = [](const Diagnostic& d) { return std::tie(d.where.line, d.where.column); };
    std::stable_sort(found_.begin(), found_.end(),
                     [&](const Diagnostic& a, const Diagnostic& b) { return place(a) < place(b); });
    const bool cut = full();
    Diagnostics unique;
    for (auto& diagnostic : found_) {
        diagnostic.file = file_name;
        bool seen = false;
        for (auto last = unique.rbegin(); !seen && last != unique.rend(); ++last) {
            if (place(*last) != place(diagnostic)) break;
            seen = last->message == diagnostic.message;
        }
        if (!seen) unique.push_back(std::move(diagnostic));
    }
    found_.clear();
    if (cut)
        unique.push_back({std::string(file_name), unique.back().where,
                          "there are more errors than these", "mend these first"});
    return unique;
}

std::string quote(std::string_view value) {
    std::string text = "`";
    while (!value.empty()) {
        if (text.size() > kLongestQuote) {
            text += "...";
            break;
        }
        const auto length = utf8_sequence(value);
        const auto byte = static_cast<std::uint8_t>(value.front());
        // C1 controls (U+0080-U+009F) move a terminal's cursor as C0 controls do.
        const bool control =
            byte < 0x20 || byte == 0x7f ||
            (length == 2 && byte == 0xc2 && static_cast<std::uint8_t>(value[1]) < 0xa0);
        if (length == 0 || control) {
            constexpr std::string_view kDigits = "0123456789abcdef";
            text += "\\x";
            text += kDigits[byte >> 4];
            text += kDigits[byte & 15];
            value.remove_prefix(1);
            continue;
        }
        text += value.substr(0, length);
        value.remove_prefix(length);
    }
    text += '`';
    return text;
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates) {
    std::string_view best = candidates.front();
    std::size_t best_distance = std::numeric_limits<std::size_t>::max();
    for (const auto candidate : candidates) {
        const auto distance = edit_distance(text, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string alternatives(std::span<const std::string_view> words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace portcullis::topology
