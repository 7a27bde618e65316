#include "rules/topology/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "rules/topology/utf8.h"

namespace portcullis::topology {
namespace {

// Thrown through yaml-cpp to end its parse; what is wrong has been reported.
struct Stop {};

Location location(const YAML::Mark& mark) {
    if (mark.is_null()) return {1, 1};
    return {mark.line + 1, mark.column + 1};
}

class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(Tree& tree, Reporter& errors) : tree_(tree), errors_(errors) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1)
            stop(location(mark), "the file holds a second YAML document",
                 "a topology is one document: remove the `---` and what follows it");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (take_key(location(mark), "")) return;
        finish(add(TreeNode::Kind::empty, mark), anchor);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        if (take_key(location(mark), value)) return;
        auto& node = add(TreeNode::Kind::scalar, mark);
        node.text = value;
        node.quoted = tag == "!";
        finish(node, anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto where = location(mark);
        refuse_as_key(where);
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end())
            stop(where, "an alias stands inside the value that it names",
                 "write the value out instead of the alias");
        const TreeNode& node = *found->second;
        aliases_ += 1 + node.aliases;
        aliased_values_ += node.size;
        if (aliases_ > kMostAliases || aliased_values_ > kMostAliasedValues)
            stop(where,
                 "too many aliases: at most " + std::to_string(kMostAliases) +
                     " are followed, those inside aliased values counted each time",
                 "write the values out");
        if (open_.size() + node.height > kDeepest) stop_too_deep(where);
        attach(node, 1);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(TreeNode::Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(TreeNode::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

  private:
    struct Open {
        TreeNode* node = nullptr;
        YAML::anchor_t anchor = 0;
        bool has_key = false;  // of a map: the next value belongs to it
        bool keep = true;      // not where the key was there before
        TreeEntry entry;
        std::unordered_set<std::string> keys;
    };

    [[noreturn]] void stop(Location where, std::string message, std::string hint) {
        errors_.add(where, std::move(message), std::move(hint));
        throw Stop{};
    }
    [[noreturn]] void stop_too_deep(Location where) {
        stop(where, "values are nested deeper than " + std::to_string(kDeepest) + " levels",
             "no topology needs that: check brackets and indentation");
    }

    // yaml-cpp says "?" for plain values, "!" for quoted ones and "" for maps and lists without
    // tag.
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        errors_.add(location(mark), "a topology knows no YAML tags, here is " + quote(tag),
                    "remove the tag; quote a value that must be text");
    }

    bool expects_key() const {
        return !open_.empty() && open_.back().node->kind == TreeNode::Kind::map &&
               !open_.back().has_key;
    }
    void refuse_as_key(Location where) {
        if (expects_key())
            stop(where, "a key is a word, not a list, a map or an alias",
                 "check brackets, braces and indentation before this place");
    }

    bool take_key(Location where, const std::string& key) {
        if (!expects_key()) return false;
        auto& map = open_.back();
        map.has_key = true;
        map.keep = map.keys.insert(key).second;
        map.entry = {key, where, nullptr};
        if (!map.keep) {
            const auto& entries = map.node->entries;
            const auto first = std::find_if(entries.begin(), entries.end(),
                                            [&](const TreeEntry& e) { return e.key == key; });
            errors_.add(where,
                        "the key " + quote(key) + " is here twice, first in line " +
                            std::to_string(first->where.line),
                        "remove one of the two");
        }
        return true;
    }

    TreeNode& add(TreeNode::Kind kind, const YAML::Mark& mark) {
        auto& node = tree_.nodes.emplace_back();
        node.kind = kind;
        node.where = location(mark);
        return node;
    }

    void open(TreeNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        refuse_tag(mark, tag);
        refuse_as_key(location(mark));
        if (open_.size() >= kDeepest) stop_too_deep(location(mark));
        Open frame;
        frame.node = &add(kind, mark);
        frame.anchor = anchor;
        open_.push_back(std::move(frame));
    }

    void close() {
        const Open frame = std::move(open_.back());
        open_.pop_back();
        finish(*frame.node, frame.anchor);
    }

    // A node is complete: only now may an alias name it.
    void finish(const TreeNode& node, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = &node;
        attach(node, 0);
    }

    void attach(const TreeNode& node, unsigned aliases) {
        if (open_.empty()) {
            tree_.root = &node;
            return;
        }
        auto& parent = open_.back();
        if (parent.node->kind == TreeNode::Kind::list) {
            parent.node->items.push_back(&node);
        } else {
            parent.has_key = false;
            if (!parent.keep) return;
            parent.entry.value = &node;
            parent.node->entries.push_back(std::move(parent.entry));
        }
        parent.node->size += node.size;
        parent.node->height = std::max(parent.node->height, node.height + 1);
        parent.node->aliases += aliases + node.aliases;
    }

    Tree& tree_;
    Reporter& errors_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, const TreeNode*> anchors_;
    unsigned documents_ = 0;
    unsigned aliases_ = 0;
    std::size_t aliased_values_ = 0;
};

// Text that yaml-cpp would guess about (UTF-16, NUL) or pass on (broken UTF-8, control characters)
// never reaches it.
bool check_characters(std::string_view text, Reporter& errors) {
    Location where{1, 1};
    while (!text.empty()) {
        const auto length = utf8_sequence(text);
        const auto byte = static_cast<std::uint8_t>(text.front());
        if (length == 0) {
            errors.add(where, "the file is not UTF-8 text from here on",
                       "save it as UTF-8 without special characters");
            return false;
        }
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
            errors.add(where, "a control character: " + quote(text.substr(0, 1)),
                       "remove it; only spaces, tabs and line ends may stand between words");
            return false;
        }
        ++where.column;
        if (byte == '\n') where = {where.line + 1, 1};
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace

std::optional<Tree> parse_yaml(std::string_view text, Reporter& errors) {
    if (text.size() > kLargestFile) {
        errors.add({}, "the file is larger than 1 MiB",
                   "a topology is some kilobytes: check the name");
        return std::nullopt;
    }
    if (!check_characters(text, errors)) return std::nullopt;
    Tree tree;
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        TreeBuilder builder(tree, errors);
        while (parser.HandleNextDocument(builder)) continue;
    } catch (const Stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        errors.add(
            location(error.mark), "this is not YAML: " + error.msg,
            "look just before this place for indentation (spaces, no tabs), `: ` after a key, "
            "brackets and quotes");
        return std::nullopt;
    } catch (const std::exception& error) {
        errors.add({1, 1}, std::string("this is not YAML: ") + error.what(), "check the file");
        return std::nullopt;
    }
    if (tree.root == nullptr || tree.root->kind == TreeNode::Kind::empty) {
        errors.add({1, 1}, "the file says nothing", "start from one of the samples");
        return std::nullopt;
    }
    return tree;
}

}  // namespace portcullis::topology
