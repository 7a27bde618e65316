#include "control/cli/table.h"

#include <algorithm>
#include <ostream>
#include <sstream>

namespace portcullis::control::cli {
namespace {

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

// The byte behind the first `count` characters.
std::size_t behind(const std::string& text, std::size_t count) {
    std::size_t at = 0;
    for (; at < text.size(); ++at)
        if (!continues(text[at]) && count-- == 0) break;
    return at;
}

}  // namespace

std::vector<std::string> wrap(const std::string& text, std::size_t width) {
    std::vector<std::string> lines;
    std::istringstream paragraphs(text);
    for (std::string paragraph; std::getline(paragraphs, paragraph);) {
        std::string line;
        std::istringstream words(paragraph);
        for (std::string word; words >> word;) {
            if (!line.empty() && characters(line) + 1 + characters(word) > width) {
                lines.push_back(std::move(line));
                line.clear();
            }
            while (characters(word) > width) {
                auto cut = behind(word, width);
                // Ids are paths: a part in one piece reads better.
                const auto slash = word.rfind('/', cut - 1);
                if (slash != std::string::npos && slash > 0) cut = slash + 1;
                lines.push_back(word.substr(0, cut));
                word.erase(0, cut);
            }
            if (!line.empty()) line += ' ';
            line += word;
        }
        if (!line.empty()) lines.push_back(std::move(line));
    }
    return lines;
}

void Table::print_titles(std::ostream& out) const {
    std::vector<std::string> titles;
    for (const auto& column : columns_) titles.push_back(column.title);
    print_row(titles, out);
}

void Table::print_row(const std::vector<std::string>& cells, std::ostream& out) const {
    std::vector<std::vector<std::string>> wrapped;
    std::size_t height = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        wrapped.push_back(wrap(cells.at(i), columns_[i].width));
        height = std::max(height, wrapped.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
        std::string text(indent_, ' ');
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const auto cell = line < wrapped[i].size() ? wrapped[i][line] : std::string();
            text += cell;
            text.append(columns_[i].width - characters(cell) + 2, ' ');
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    }
}

}  // namespace portcullis::control::cli
