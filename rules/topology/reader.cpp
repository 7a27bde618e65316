#include "rules/topology/reader.h"

#include <algorithm>
#include <charconv>

namespace portcullis::topology {
namespace {

constexpr std::size_t kLongestName = 63;

std::string_view kind_of(const TreeNode& node) {
    switch (node.kind) {
        case TreeNode::Kind::empty:
            return "empty";
        case TreeNode::Kind::scalar:
            return "a single value";
        case TreeNode::Kind::list:
            return "a list";
        case TreeNode::Kind::map:
            return "a map of keys";
    }
    return "";
}

bool is_name(std::string_view text) {
    const auto letter_or_digit = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    if (text.empty() || text.size() > kLongestName || !letter_or_digit(text.front())) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    });
}
constexpr std::string_view kNameHint =
    "a name starts with a letter or digit and has up to 63 letters, digits, `.`, `_` and `-`";

std::optional<std::uint32_t> parse_number(std::string_view text) {
    if (text.empty() || text.size() > 9 || (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

Field Field::item(std::size_t index) const {
    const TreeNode* child = node->items[index];
    return {child, path + "[" + std::to_string(index + 1) + "]", child->where};
}

Field Field::entry(std::size_t index) const {
    const auto& child = node->entries[index];
    // The text of a key is the user's; what is not a name is shown as a value would be.
    const std::string word = is_name(child.key) ? child.key : quote(child.key);
    return {child.value, path.empty() ? word : path + "." + word, child.where};
}

std::vector<Field> items_of(const Field& field, Reporter& errors, std::size_t most) {
    if (field.node->kind != TreeNode::Kind::list) return {field};
    const auto count = field.node->items.size();
    if (count > most)
        errors.add(field.where, field.path + ": " + std::to_string(count) + " values are too many",
                   "give at most " + std::to_string(most));
    std::vector<Field> items;
    for (std::size_t i = 0; i < std::min(count, most); ++i) items.push_back(field.item(i));
    return items;
}

std::vector<Field> named_entries(const Field& field, std::string_view what, Reporter& errors,
                                 std::size_t most) {
    std::vector<Field> entries;
    if (field.node->kind != TreeNode::Kind::map) {
        errors.add(field.where,
                   field.path + ": must be a map, here is " + std::string(kind_of(*field.node)),
                   "write `name: ...` for each, the name of " + std::string(what) + " first");
        return entries;
    }
    const auto count = field.node->entries.size();
    if (count > most)
        errors.add(field.where, field.path + ": " + std::to_string(count) + " entries are too many",
                   "give at most " + std::to_string(most));
    for (std::size_t i = 0; i < std::min(count, most); ++i) {
        auto entry = field.entry(i);
        const auto& key = field.node->entries[i].key;
        if (!is_name(key))
            errors.add(entry.where,
                       field.path + ": " + quote(key) + " cannot name " + std::string(what),
                       std::string(kNameHint));
        else if (entry.node->kind == TreeNode::Kind::empty)
            errors.add(entry.where, entry.path + ": has no value", "fill it in or remove it");
        else
            entries.push_back(std::move(entry));
    }
    return entries;
}

MapReader::MapReader(const Field& field, Words known, Reporter& errors)
    : field_(field), errors_(errors), valid_(field.node->kind == TreeNode::Kind::map) {
    if (!valid_) {
        errors.add(field.where,
                   (field.path.empty() ? std::string("the file") : field.path) +
                       ": must be a map, here is " + std::string(kind_of(*field.node)),
                   "write `key: value` with the keys " + alternatives(known));
        return;
    }
    for (std::size_t i = 0; i < field.node->entries.size() && !errors.full(); ++i) {
        const auto& key = field.node->entries[i].key;
        const auto entry = field.entry(i);
        if (std::find(known.begin(), known.end(), key) == known.end())
            errors.add(entry.where, entry.path + ": there is no key " + quote(key) + " here",
                       "the nearest valid key is `" + std::string(nearest(key, known)) +
                           "`; valid here: " + alternatives(known));
        else if (entry.node->kind == TreeNode::Kind::empty)
            errors.add(entry.where, entry.path + ": has no value", "fill it in or remove the key");
    }
}

std::optional<Field> MapReader::get(std::string_view key) const {
    if (!valid_) return std::nullopt;
    const auto& entries = field_.node->entries;
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (entries[i].key == key) {
            if (entries[i].value->kind == TreeNode::Kind::empty) return std::nullopt;
            return field_.entry(i);
        }
    return std::nullopt;
}

std::optional<Field> MapReader::require(std::string_view key, std::string_view hint) const {
    auto field = get(key);
    if (field || !valid_) return field;
    const auto& entries = field_.node->entries;
    // A key without a value has been reported already.
    if (std::any_of(entries.begin(), entries.end(), [&](const auto& e) { return e.key == key; }))
        return std::nullopt;
    const std::string path = field_.path.empty() ? "the file" : field_.path;
    errors_.add(field_.where, path + ": `" + std::string(key) + "` is missing", std::string(hint));
    return std::nullopt;
}

std::optional<std::string_view> read_text(const Field& field, std::string_view what,
                                          Reporter& errors) {
    if (field.node->kind == TreeNode::Kind::scalar) return field.node->text;
    errors.add(field.node->where,
               field.path + ": must be " + std::string(what) + ", here is " +
                   std::string(kind_of(*field.node)),
               "write one value");
    return std::nullopt;
}

std::optional<std::string> read_name(const Field& field, Reporter& errors) {
    const auto text = read_text(field, "a name", errors);
    if (!text) return std::nullopt;
    if (is_name(*text)) return std::string(*text);
    errors.add(field.node->where, field.path + ": " + quote(*text) + " is not a name",
               std::string(kNameHint));
    return std::nullopt;
}

std::optional<std::size_t> read_word(const Field& field, Words words, Reporter& errors) {
    const auto text = read_text(field, alternatives(words), errors);
    if (!text) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), *text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    std::string hint = "write " + alternatives(words);
    if (words.size() > 2) hint = "the nearest is " + quote(nearest(*text, words)) + "; " + hint;
    errors.add(field.node->where, field.path + ": " + quote(*text) + " is not known here",
               std::move(hint));
    return std::nullopt;
}

std::optional<bool> read_switch(const Field& field, Reporter& errors) {
    const auto text = read_text(field, "on or off", errors);
    if (!text) return std::nullopt;
    std::string lower(text->substr(0, 8));
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (lower == "on" || lower == "true" || lower == "yes") return true;
    if (lower == "off" || lower == "false" || lower == "no") return false;
    errors.add(field.node->where, field.path + ": " + quote(*text) + " is neither on nor off",
               "write on or off (true, false, yes and no will do)");
    return std::nullopt;
}

std::optional<std::uint32_t> read_number(const Field& field, std::uint32_t least,
                                         std::uint32_t most, Reporter& errors) {
    const auto text = read_text(field, "a whole number", errors);
    if (!text) return std::nullopt;
    const std::string hint =
        "write a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    const auto value = parse_number(*text);
    if (!value || field.node->quoted) {
        errors.add(field.node->where, field.path + ": " + quote(*text) + " is not a whole number",
                   hint + (value ? ", without quotes" : ""));
        return std::nullopt;
    }
    if (*value < least || *value > most) {
        errors.add(field.node->where, field.path + ": " + std::string(*text) + " is out of range",
                   hint);
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint32_t> read_milliseconds(const Field& field, std::uint32_t least,
                                               std::uint32_t most, Reporter& errors) {
    const auto text = read_text(field, "a number of seconds", errors);
    if (!text) return std::nullopt;
    const auto dot = text->find('.');
    const auto whole = parse_number(text->substr(0, dot));
    std::string decimals(dot == std::string_view::npos ? "0" : text->substr(dot + 1));
    const bool digits = !decimals.empty() && decimals.size() <= 3 &&
                        decimals.find_first_not_of("0123456789") == std::string::npos;
    if (whole && *whole < 100000 && digits && !field.node->quoted) {
        decimals.resize(3, '0');
        const auto value =
            static_cast<std::uint32_t>(*whole * 1000 + static_cast<unsigned>(std::stoi(decimals)));
        if (value >= least && value <= most) return value;
    }
    const auto seconds = [](std::uint32_t ms) {
        std::string number = std::to_string(ms / 1000);
        if (ms % 1000 != 0) {
            number += '.';
            number += std::to_string(ms % 1000 + 1000).substr(1, 3);
        }
        while (number.find('.') != std::string::npos && number.back() == '0') number.pop_back();
        return number;
    };
    errors.add(field.node->where,
               field.path + ": " + quote(*text) + " is not a number of seconds that will do",
               "write seconds from " + seconds(least) + " to " + seconds(most) +
                   ", with at most three decimals");
    return std::nullopt;
}

std::optional<PortRange> read_ports(const Field& field, Reporter& errors) {
    const auto text = read_text(field, "a port", errors);
    if (!text) return std::nullopt;
    if (*text == "any") return PortRange{};
    const auto dash = text->find('-');
    const auto first = parse_number(text->substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(text->substr(dash + 1));
    if (first && last && *first >= 1 && *last <= 65535 && *first <= *last)
        return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
    errors.add(field.node->where, field.path + ": " + quote(*text) + " is not a port",
               "write a port from 1 to 65535, a range such as \"50000-59999\", a list of these, or "
               "any");
    return std::nullopt;
}

}  // namespace portcullis::topology
