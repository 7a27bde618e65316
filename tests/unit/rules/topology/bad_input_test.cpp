// Every file in bad/ is wrong, and says in its last lines what the loader must answer, wholly and
// in this order:
//
//     # expect 3:7 a part of the message or hint
//
// The place is left out where the whole file is meant.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "rules/topology/load.h"

namespace portcullis::topology {
namespace {

struct Case {
    std::string name;
    std::string text;
    std::vector<std::string> expected;  // "3:7 fragment"
};

std::vector<Case> bad_files() {
    std::vector<Case> cases;
    for (const auto& entry : std::filesystem::directory_iterator(BAD_DIR)) {
        std::ifstream stream(entry.path(), std::ios::binary);
        Case bad{
            entry.path().filename().string(), {std::istreambuf_iterator<char>(stream), {}}, {}};
        constexpr std::string_view kMark = "# expect ";
        for (auto at = bad.text.find(kMark); at != std::string::npos;
             at = bad.text.find(kMark, at + 1)) {
            const auto begin = at + kMark.size();
            bad.expected.push_back(bad.text.substr(begin, bad.text.find('\n', begin) - begin));
        }
        cases.push_back(std::move(bad));
    }
    std::sort(cases.begin(), cases.end(),
              [](const Case& a, const Case& b) { return a.name < b.name; });
    return cases;
}

class BadInput : public testing::TestWithParam<Case> {};

TEST_P(BadInput, SaysWhatIsWrong) {
    const auto& bad = GetParam();
    ASSERT_FALSE(bad.expected.empty());
    const auto loaded = load_text(bad.text, bad.name);
    ASSERT_FALSE(loaded) << "loaded without a word";
    std::string all;
    for (const auto& d : loaded.error()) all += d.to_string() + "\n";
    const auto& found = loaded.error();
    ASSERT_EQ(found.size(), bad.expected.size()) << all;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto space = bad.expected[i].find(' ');
        const auto place = bad.expected[i].substr(0, space);
        const auto fragment = bad.expected[i].substr(space + 1);
        EXPECT_EQ(std::to_string(found[i].where.line) + ":" + std::to_string(found[i].where.column),
                  place)
            << found[i].to_string();
        EXPECT_NE(found[i].to_string().find(fragment), std::string::npos)
            << "expected: " << fragment << "\nfound:    " << found[i].to_string();
        EXPECT_EQ(found[i].file, bad.name);
        EXPECT_FALSE(found[i].hint.empty());
    }
}

INSTANTIATE_TEST_SUITE_P(Files, BadInput, testing::ValuesIn(bad_files()), [](const auto& file) {
    std::string name = file.param.name.substr(0, file.param.name.find('.'));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

}  // namespace
}  // namespace portcullis::topology
