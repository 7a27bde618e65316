// "Did you mean": the name closest to a misspelt one.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace portcullis::control::cli {

// Levenshtein distance.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

// nullopt where nothing is close: more than half of the letters would have to change.
inline std::optional<std::string_view> nearest(std::string_view text,
                                               const std::vector<std::string_view>& names) {
    std::optional<std::string_view> best;
    std::size_t best_distance = std::max<std::size_t>(1, text.size() / 2) + 1;
    for (const auto name : names) {
        const auto distance = edit_distance(text.substr(0, 64), name);
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace portcullis::control::cli
