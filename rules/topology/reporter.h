// Collects what is wrong with a topology, and helps to say it well.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/topology/load.h"

namespace portcullis::topology {

class Reporter {
  public:
    // A file that is wrong everywhere is cut off here; the last diagnostic then says so.
    static constexpr std::size_t kMost = 1000;

    void add(Location where, std::string message, std::string hint);
    bool empty() const { return found_.empty(); }
    bool full() const { return found_.size() >= kMost; }
    // In the order of the file, no two alike (an alias may show one mistake twice).
    Diagnostics take(std::string_view file_name);

  private:
    Diagnostics found_;
};

// A value of the file as it may appear in a message: shortened, without control characters or
// broken UTF-8, in backquotes.
std::string quote(std::string_view value);

// The candidate with the smallest edit distance; `candidates` is not empty.
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

// "a, b or c"
std::string alternatives(std::span<const std::string_view> words);

}  // namespace portcullis::topology
