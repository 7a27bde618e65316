// Text tables for terminals: fixed columns, long cells wrapped inside their column.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace portcullis::control::cli {

struct Column {
    std::string title;
    std::size_t width = 0;  // in characters
};

class Table {
  public:
    Table(std::vector<Column> columns, std::size_t indent)
        : columns_(std::move(columns)), indent_(indent) {}
    void print_titles(std::ostream& out) const;
    // One cell for each column. A cell breaks at its newlines and spaces; a longer word breaks
    // behind a slash, or anywhere.
    void print_row(const std::vector<std::string>& cells, std::ostream& out) const;

  private:
    std::vector<Column> columns_;
    std::size_t indent_;
};

// Breaks text into lines of at most `width` characters (UTF-8 code points).
std::vector<std::string> wrap(const std::string& text, std::size_t width);

}  // namespace portcullis::control::cli
