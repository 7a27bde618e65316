// The rules of the matrix among themselves: one for each thing opened, narrow before wide.
#include <algorithm>

#include "rules/compile/cover.h"
#include "rules/compile/matrix_rules.h"

namespace portcullis::compile {

using policy::Rule;

std::vector<Rule> merged(std::vector<Rule> rules) {
    std::vector<Rule> out;
    for (auto& rule : rules) {
        const auto same = std::find_if(out.begin(), out.end(), [&](const Rule& earlier) {
            return same_packets(earlier, rule) && same_effect(earlier, rule);
        });
        if (same == out.end()) {
            out.push_back(std::move(rule));
            continue;
        }
        same->rows.insert(same->rows.end(), rule.rows.begin(), rule.rows.end());
    }
    for (auto& rule : out) {
        std::sort(rule.rows.begin(), rule.rows.end());
        rule.rows.erase(std::unique(rule.rows.begin(), rule.rows.end()), rule.rows.end());
    }
    return out;
}

std::vector<Rule> narrow_first(const policy::Policy& policy, std::vector<Rule> rules) {
    // Nothing placed covers what is placed after it: what a wider rule covers goes right before it,
    // and nothing that follows can be covered by the newcomer, else the wider rule would cover it.
    std::vector<Rule> out;
    for (auto& rule : rules) {
        const auto wider = std::find_if(out.begin(), out.end(), [&](const Rule& earlier) {
            return covers_wholly(policy, earlier, rule);
        });
        out.insert(wider, std::move(rule));
    }
    return out;
}

}  // namespace portcullis::compile
