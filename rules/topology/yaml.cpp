#include "rules/topology/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "rules/topology/utf8.h"

namespace portcullis::topology {
namespace {

// Ends the parse; what is wrong has been reported. Never passes through a function of libyaml.
struct Stop {};

Location location(const yaml_mark_t& mark) {
    return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

// libyaml's strings are bytes that it calls unsigned.
std::string_view text_of(const yaml_char_t* text) {
    return text == nullptr ? std::string_view{} : reinterpret_cast<const char*>(text);
}

class Event {
  public:
    Event() = default;
    ~Event() { yaml_event_delete(&event_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    // False: the parser knows why.
    bool read(yaml_parser_t& parser) {
        yaml_event_delete(&event_);
        return yaml_parser_parse(&parser, &event_) != 0;
    }
    const yaml_event_t* operator->() const { return &event_; }
    Location where() const { return location(event_.start_mark); }

  private:
    yaml_event_t event_{};
};

class Parser {
  public:
    explicit Parser(std::string_view text) {
        if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size());
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    }
    ~Parser() { yaml_parser_delete(&parser_); }
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    yaml_parser_t& get() { return parser_; }
    std::string_view problem() const {
        return parser_.problem == nullptr ? "it cannot be read" : parser_.problem;
    }
    Location where() const { return location(parser_.problem_mark); }

  private:
    yaml_parser_t parser_{};
};

class TreeBuilder {
  public:
    TreeBuilder(Tree& tree, Reporter& errors) : tree_(tree), errors_(errors) {}

    void take(const Event& event) {
        switch (event->type) {
            case YAML_DOCUMENT_START_EVENT:
                if (++documents_ > 1)
                    stop(event.where(), "the file holds a second YAML document",
                         "a topology is one document: remove the `---` and what follows it");
                return;
            case YAML_SCALAR_EVENT:
                return scalar(event);
            case YAML_ALIAS_EVENT:
                return alias(event.where(), std::string(text_of(event->data.alias.anchor)));
            case YAML_SEQUENCE_START_EVENT:
                return open(TreeNode::Kind::list, event.where(),
                            text_of(event->data.sequence_start.tag),
                            text_of(event->data.sequence_start.anchor));
            case YAML_MAPPING_START_EVENT:
                return open(TreeNode::Kind::map, event.where(),
                            text_of(event->data.mapping_start.tag),
                            text_of(event->data.mapping_start.anchor));
            case YAML_SEQUENCE_END_EVENT:
            case YAML_MAPPING_END_EVENT:
                return close();
            default:
                return;
        }
    }

  private:
    struct Open {
        TreeNode* node = nullptr;
        std::string anchor;
        bool has_key = false;  // of a map: the next value belongs to it
        bool keep = true;      // not where the key was there before
        TreeEntry entry;
        std::unordered_set<std::string> keys;  // once there are too many to read through
    };
    static constexpr std::size_t kFewKeys = 16;

    [[noreturn]] void stop(Location where, std::string message, std::string hint) {
        errors_.add(where, std::move(message), std::move(hint));
        throw Stop{};
    }
    [[noreturn]] void stop_too_deep(Location where) {
        stop(where, "values are nested deeper than " + std::to_string(kDeepest) + " levels",
             "no topology needs that: check brackets and indentation");
    }

    // "!" alone says "not resolved", which nothing here is.
    void refuse_tag(Location where, std::string_view tag) {
        if (tag.empty() || tag == "!") return;
        errors_.add(where, "a topology knows no YAML tags, here is " + quote(tag),
                    "remove the tag; quote a value that must be text");
    }

    static bool is_null(std::string_view plain) {
        static constexpr std::array<std::string_view, 5> kWords = {"", "~", "null", "Null", "NULL"};
        return std::ranges::find(kWords, plain) != kWords.end();
    }

    void scalar(const Event& event) {
        const auto& given = event->data.scalar;
        const std::string_view text(reinterpret_cast<const char*>(given.value), given.length);
        const auto tag = text_of(given.tag);
        refuse_tag(event.where(), tag);
        const bool quoted = given.style != YAML_PLAIN_SCALAR_STYLE || tag == "!";
        const bool null = !quoted && is_null(text);
        if (take_key(event.where(), null ? std::string_view{} : text)) return;
        auto& node = add(null ? TreeNode::Kind::empty : TreeNode::Kind::scalar, event.where());
        if (!null) node.text = text;
        node.quoted = quoted;
        finish(node, std::string(text_of(given.anchor)));
    }

    void alias(Location where, const std::string& anchor) {
        refuse_as_key(where);
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end())
            stop(where, "this is not YAML: the alias " + quote(anchor) + " names nothing",
                 "an anchor stands before its aliases; quote a value that begins with a star");
        if (found->second == nullptr)
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

    bool expects_key() const {
        return !open_.empty() && open_.back().node->kind == TreeNode::Kind::map &&
               !open_.back().has_key;
    }
    void refuse_as_key(Location where) {
        if (expects_key())
            stop(where, "a key is a word, not a list, a map or an alias",
                 "check brackets, braces and indentation before this place");
    }

    // The entry of this key in the innermost map, if it has one.
    static const TreeEntry* entry_of(Open& map, std::string_view key) {
        const auto& entries = map.node->entries;
        if (entries.size() > kFewKeys) {
            if (map.keys.empty())
                for (const TreeEntry& entry : entries) map.keys.insert(entry.key);
            if (map.keys.insert(std::string(key)).second) return nullptr;
        }
        const auto found = std::ranges::find(entries, key, &TreeEntry::key);
        return found == entries.end() ? nullptr : &*found;
    }

    bool take_key(Location where, std::string_view key) {
        if (!expects_key()) return false;
        auto& map = open_.back();
        map.has_key = true;
        const TreeEntry* first = entry_of(map, key);
        map.keep = first == nullptr;
        map.entry = {std::string(key), where, nullptr};
        if (first != nullptr)
            errors_.add(where,
                        "the key " + quote(key) + " is here twice, first in line " +
                            std::to_string(first->where.line),
                        "remove one of the two");
        return true;
    }

    TreeNode& add(TreeNode::Kind kind, Location where) {
        auto& node = tree_.nodes.emplace_back();
        node.kind = kind;
        node.where = where;
        return node;
    }

    void open(TreeNode::Kind kind, Location where, std::string_view tag, std::string_view anchor) {
        refuse_tag(where, tag);
        refuse_as_key(where);
        if (open_.size() >= kDeepest) stop_too_deep(where);
        Open& frame = open_.emplace_back();
        frame.node = &add(kind, where);
        frame.anchor = anchor;
        if (!anchor.empty()) anchors_[frame.anchor] = nullptr;
    }

    void close() {
        const Open frame = std::move(open_.back());
        open_.pop_back();
        finish(*frame.node, frame.anchor);
    }

    // A node is complete: only now may an alias name it.
    void finish(const TreeNode& node, const std::string& anchor) {
        if (!anchor.empty()) anchors_[anchor] = &node;
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
    std::unordered_map<std::string, const TreeNode*> anchors_;  // null: of a value still open
    unsigned documents_ = 0;
    unsigned aliases_ = 0;
    std::size_t aliased_values_ = 0;
};

// Text that libyaml would guess about (UTF-16) or complain about in other words never reaches it.
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
        errors.add({}, "the file is larger than 4 MiB",
                   "a topology is some kilobytes: check the name");
        return std::nullopt;
    }
    if (!check_characters(text, errors)) return std::nullopt;
    Tree tree;
    Parser parser(text);
    TreeBuilder builder(tree, errors);
    Event event;
    try {
        do {
            if (!event.read(parser.get())) {
                errors.add(parser.where(), "this is not YAML: " + std::string(parser.problem()),
                           "look just before this place for indentation (spaces, no tabs), `: ` "
                           "after a key, brackets and quotes");
                return std::nullopt;
            }
            builder.take(event);
        } while (event->type != YAML_STREAM_END_EVENT);
    } catch (const Stop&) {
        return std::nullopt;
    }
    if (tree.root == nullptr || tree.root->kind == TreeNode::Kind::empty) {
        errors.add({1, 1}, "the file says nothing", "start from one of the samples");
        return std::nullopt;
    }
    return tree;
}

}  // namespace portcullis::topology
