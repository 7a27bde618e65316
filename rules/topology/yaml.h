// YAML text -> a tree of our own with the place of every value, within limits. yaml.cpp is the
// one file that knows libyaml.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/topology/reporter.h"
#include "rules/topology/topology.h"

namespace portcullis::topology {

// What a file may be at most; see load.h. An alias counts again each time that something which
// holds it is aliased, so a file cannot multiply itself ("billion laughs").
inline constexpr std::size_t kLargestFile = std::size_t{4} << 20;
inline constexpr unsigned kDeepest = 32;
inline constexpr unsigned kMostAliases = 100;
inline constexpr std::size_t kMostAliasedValues = 10000;

struct TreeNode;

struct TreeEntry {
    std::string key;
    Location where;
    const TreeNode* value = nullptr;
};

struct TreeNode {
    enum class Kind { empty, scalar, list, map };
    Kind kind = Kind::empty;
    Location where;
    std::string text;     // of a scalar
    bool quoted = false;  // a scalar in quotes is text, whatever it looks like
    std::vector<const TreeNode*> items;
    std::vector<TreeEntry> entries;  // no two with one key
    // Of the whole subtree, aliases followed: what the limits are about.
    std::size_t size = 1;
    unsigned height = 1;
    unsigned aliases = 0;
};

// An alias is a second pointer to one node. Moving a tree leaves its nodes where they are.
struct Tree {
    std::deque<TreeNode> nodes;
    const TreeNode* root = nullptr;
};

// Not set where there is no tree to go on with; `errors` then says why. Duplicate keys are reported
// and the first one is kept.
std::optional<Tree> parse_yaml(std::string_view text, Reporter& errors);

}  // namespace portcullis::topology
