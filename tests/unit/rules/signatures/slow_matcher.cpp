#include "tests/unit/rules/signatures/slow_matcher.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace portcullis::signatures {

struct SlowMatcher::Node {
    enum class Kind { bytes, sequence, choice, repeat } kind = Kind::sequence;
    std::bitset<256> bytes;
    std::vector<Node> parts;
    int least = 1;
    int most = 1;
};

class SlowMatcher::Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Node whole() {
        if (!take('^')) throw std::invalid_argument("no anchor");
        auto node = choice();
        if (!text_.empty()) throw std::invalid_argument(std::string(text_));
        return node;
    }

  private:
    bool take(char c) {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    char next() {
        if (text_.empty()) throw std::invalid_argument("ends early");
        const char c = text_.front();
        text_.remove_prefix(1);
        return c;
    }

    Node choice() {
        Node node{Node::Kind::choice, {}, {}};
        do {
            Node branch{Node::Kind::sequence, {}, {}};
            while (!text_.empty() && text_.front() != '|' && text_.front() != ')')
                branch.parts.push_back(repeated(atom()));
            node.parts.push_back(std::move(branch));
        } while (take('|'));
        return node;
    }

    Node repeated(Node part) {
        Node node{Node::Kind::repeat, {}, {}};
        if (take('?')) {
            node.least = 0;
        } else if (take('{')) {
            node.least = node.most = number();
            if (take(',')) node.most = number();
            if (!take('}')) throw std::invalid_argument("repeat");
        } else {
            return part;
        }
        node.parts.push_back(std::move(part));
        return node;
    }

    int number() {
        int value = 0;
        while (text_.front() >= '0' && text_.front() <= '9') value = value * 10 + next() - '0';
        return value;
    }

    Node atom() {
        if (take('(')) {
            if (!take('?') || !take(':')) throw std::invalid_argument("group");
            auto node = choice();
            if (!take(')')) throw std::invalid_argument("group");
            return node;
        }
        Node node{Node::Kind::bytes, {}, {}};
        if (take('.'))
            node.bytes.set();
        else if (take('['))
            node.bytes = byte_class();
        else
            node.bytes.set(byte());
        return node;
    }

    std::bitset<256> byte_class() {
        std::bitset<256> set;
        const bool negated = take('^');
        while (!take(']')) {
            const unsigned first = byte();
            const unsigned last = take('-') ? byte() : first;
            for (unsigned b = first; b <= last; ++b) set.set(b);
        }
        return negated ? ~set : set;
    }

    unsigned byte() {
        const char c = next();
        if (c != '\\') return static_cast<unsigned char>(c);
        const char escaped = next();
        switch (escaped) {
            case 'x': {
                const std::string digits{next(), next()};
                return static_cast<unsigned>(std::stoul(digits, nullptr, 16));
            }
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            default:
                return static_cast<unsigned char>(escaped);
        }
    }

    std::string_view text_;
};

SlowMatcher::SlowMatcher(std::string_view pattern) {
    states_.emplace_back();  // kAccept
    first_ = emit(Parser(pattern).whole(), kAccept);
}

// The state from which `node` and then `next` are read.
int SlowMatcher::emit(const Node& node, int next) {
    const auto add = [this](std::bitset<256> bytes, std::vector<int> targets) {
        states_.push_back({bytes, std::move(targets)});
        return static_cast<int>(states_.size()) - 1;
    };
    switch (node.kind) {
        case Node::Kind::bytes:
            return add(node.bytes, {next});
        case Node::Kind::sequence:
            for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part)
                next = emit(*part, next);
            return next;
        case Node::Kind::choice: {
            std::vector<int> targets;
            for (const auto& part : node.parts) targets.push_back(emit(part, next));
            return add({}, std::move(targets));
        }
        case Node::Kind::repeat: {
            const int behind = next;
            for (int n = node.most; n > 0; --n) {
                next = emit(node.parts.front(), next);
                if (n > node.least) next = add({}, {next, behind});
            }
            return next;
        }
    }
    throw std::logic_error("node");
}

void SlowMatcher::reach(int state, std::vector<char>& reached) const {
    std::vector<int> todo = {state};
    while (!todo.empty()) {
        const int at = todo.back();
        todo.pop_back();
        if (reached[at] != 0) continue;
        reached[at] = 1;
        if (states_[at].bytes.none())
            todo.insert(todo.end(), states_[at].next.begin(), states_[at].next.end());
    }
}

std::vector<char> SlowMatcher::start() const {
    std::vector<char> reached(states_.size());
    reach(first_, reached);
    return reached;
}

std::vector<char> SlowMatcher::step(const std::vector<char>& reached, std::uint8_t byte) const {
    std::vector<char> after(states_.size());
    for (std::size_t s = 0; s < states_.size(); ++s)
        if (reached[s] != 0 && states_[s].bytes.test(byte)) reach(states_[s].next.front(), after);
    return after;
}

SlowMatcher::Verdict SlowMatcher::read(std::span<const std::uint8_t> bytes) const {
    Verdict verdict;
    auto reached = start();
    for (const auto byte : bytes) {
        reached = step(reached, byte);
        if (reached[kAccept] != 0) verdict.matched = true;
        if (std::ranges::none_of(reached, [](char r) { return r != 0; })) return verdict;
    }
    verdict.begun = true;
    return verdict;
}

std::vector<std::uint8_t> SlowMatcher::draw(std::mt19937& random, std::size_t length) const {
    std::vector<std::uint8_t> bytes;
    auto reached = start();
    while (bytes.size() < length) {
        std::vector<std::size_t> ways;
        for (std::size_t s = 0; s < states_.size(); ++s)
            if (reached[s] != 0 && states_[s].bytes.any()) ways.push_back(s);
        if (ways.empty()) break;
        const auto& way = states_[ways[random() % ways.size()]].bytes;
        auto byte = static_cast<std::uint8_t>(random());
        while (!way.test(byte)) ++byte;
        bytes.push_back(byte);
        reached = step(reached, byte);
    }
    return bytes;
}

}  // namespace portcullis::signatures
