// The oracle of the twins: reads a pattern of signatures.yaml as a nondeterministic automaton with a
// state for every byte of every repeat, and follows all of them at once.
//
//     SlowMatcher("^ab{1,2}").read(bytes).begun      // bytes are a beginning of what it matches
//     SlowMatcher("^ab{1,2}").read(bytes).matched    // bytes begin with what it matches
#pragma once

#include <bitset>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace portcullis::signatures {

class SlowMatcher {
  public:
    explicit SlowMatcher(std::string_view pattern);  // throws std::invalid_argument

    struct Verdict {
        bool begun = false;
        bool matched = false;
        friend bool operator==(const Verdict&, const Verdict&) = default;
    };
    Verdict read(std::span<const std::uint8_t> bytes) const;

    // A beginning of something that it matches, at most so long, each byte drawn anew.
    std::vector<std::uint8_t> draw(std::mt19937& random, std::size_t length) const;

  private:
    struct Node;
    class Parser;
    struct State {
        std::bitset<256> bytes;  // none: leads on without reading
        std::vector<int> next;
    };
    int emit(const Node& node, int next);
    void reach(int state, std::vector<char>& reached) const;
    std::vector<char> start() const;
    std::vector<char> step(const std::vector<char>& reached, std::uint8_t byte) const;

    std::vector<State> states_;
    int first_ = 0;
    static constexpr int kAccept = 0;
};

}  // namespace portcullis::signatures
