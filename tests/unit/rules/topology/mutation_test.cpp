// Whatever a file holds, the loader answers: with a topology, or with at least one error that has a
// message and a hint. Run it with sanitizers too.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "rules/topology/load.h"
#include "rules/topology/utf8.h"

namespace portcullis::topology {
namespace {

std::vector<std::string> samples() {
    std::vector<std::string> texts;
    for (const auto& entry : std::filesystem::directory_iterator(SAMPLES_DIR)) {
        std::ifstream stream(entry.path(), std::ios::binary);
        texts.emplace_back(std::istreambuf_iterator<char>(stream),
                           std::istreambuf_iterator<char>());
    }
    return texts;
}

bool printable(std::string_view text) {
    while (!text.empty()) {
        const auto length = utf8_sequence(text);
        if (length == 0 || static_cast<unsigned char>(text.front()) < 0x20) return false;
        text.remove_prefix(length);
    }
    return true;
}

void expect_an_answer(const std::string& text, std::size_t& loaded_count) {
    const auto loaded = load_text(text, "mutant.yaml");
    if (loaded) {
        ++loaded_count;
        EXPECT_FALSE(loaded->interfaces.empty());
        return;
    }
    ASSERT_FALSE(loaded.error().empty());
    for (const auto& d : loaded.error()) {
        ASSERT_FALSE(d.message.empty());
        ASSERT_FALSE(d.hint.empty()) << d.message;
        ASSERT_TRUE(printable(d.to_string())) << d.to_string();
    }
}

TEST(Mutation, FlippedAndCutAndRepeatedBytesNeverCrash) {
    const auto texts = samples();
    ASSERT_GE(texts.size(), 3U);
    std::mt19937 random(20130711);
    const auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    // Characters that mean something to YAML or to us, more often than chance gives them.
    const std::string telling = "{}[]:,-&*#?|>!%@'\"\n \t~0129af./";
    std::size_t loaded = 0;
    for (int round = 0; round < 6000; ++round) {
        std::string text = texts[below(texts.size())];
        const auto edits = 1 + below(4);
        for (std::size_t edit = 0; edit < edits; ++edit) {
            const auto at = below(text.size());
            switch (below(6)) {
                case 0:
                    text[at] = static_cast<char>(text[at] ^ (1U << below(8)));
                    break;
                case 1:
                    text[at] = telling[below(telling.size())];
                    break;
                case 2:
                    text.erase(at, 1 + below(20));
                    break;
                case 3:
                    text.insert(at, 1, telling[below(telling.size())]);
                    break;
                case 4:
                    text.insert(at, text.substr(below(text.size()), 1 + below(60)));
                    break;
                default:
                    if (below(4) == 0) text.resize(at);
                    break;
            }
            if (text.empty()) text = "x";
        }
        ASSERT_NO_FATAL_FAILURE(expect_an_answer(text, loaded)) << text;
    }
    // Most edits break something, but comments and reasons leave room: both answers are exercised.
    EXPECT_GT(loaded, 50U);
    EXPECT_LT(loaded, 5900U);
}

TEST(Mutation, EveryTruncationIsAnswered) {
    for (const auto& text : samples()) {
        std::size_t loaded = 0;
        for (std::size_t size = 0; size < text.size(); size += 3)
            ASSERT_NO_FATAL_FAILURE(expect_an_answer(text.substr(0, size), loaded)) << size;
        EXPECT_LT(loaded, text.size() / 3);
    }
}

}  // namespace
}  // namespace portcullis::topology
