// Genuine first messages, byte by byte: viable until they match, and never neither.
#include "tests/support/first_messages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/signatures/compile.h"
#include "rules/signatures/signatures.h"
#include "tests/unit/rules/signatures/scanner.h"

namespace portcullis::signatures {
namespace {

using policy::ProtocolClass;

bool has_match(const std::set<unsigned>& ids) {
    return std::ranges::any_of(ids, [](unsigned id) { return id % 2 == 0; });
}

TEST(FirstMessages, AreViableUntilTheyMatch) {
    std::set<std::pair<ProtocolClass, Message>> recognised;
    for (const auto& message : first_messages()) {
        for (const auto protocol : message.classes) {
            const auto database = compile(protocol);
            ASSERT_TRUE(database) << database.error();
            const Scanner scanner(*database);
            bool matched = false;
            for (std::size_t length = 1; length <= message.bytes.size(); ++length) {
                const auto ids = scanner.ids(std::span(message.bytes).first(length));
                ASSERT_FALSE(ids.empty() && !matched)
                    << message.name << " is no " << database->name << " after byte " << length;
                if (has_match(ids) && !matched) {
                    matched = true;
                    const auto first =
                        *std::ranges::find_if(ids, [](auto id) { return id % 2 == 0; });
                    const auto& pattern = find(protocol)->patterns[first / 2];
                    recognised.insert({protocol, pattern.message});
                    EXPECT_GE(length, pattern.bytes) << message.name;
                    EXPECT_LE(length, pattern.width) << message.name;
                }
                ASSERT_EQ(matched, has_match(ids)) << message.name << " matches no more";
            }
            EXPECT_TRUE(matched) << message.name << " is " << database->name;
        }
    }
    // So no pattern is without a genuine message.
    for (const auto& found : classes())
        for (const auto& pattern : found.patterns)
            EXPECT_TRUE(recognised.contains({found.protocol, pattern.message}))
                << policy::to_string(found.protocol) << ' ' << to_string(pattern.message);
}

// A message matches in no other class of its transport. Two exceptions: any datagram may look like
// RTP, so that this never suffices alone, and MS-TURN's canned hello is meant to look like a genuine
// one.
TEST(FirstMessages, MatchNoOtherClass) {
    for (const auto& message : first_messages()) {
        if (message.name.starts_with("made-pseudo-tls")) continue;
        for (const auto& found : classes()) {
            if (std::ranges::find(message.classes, found.protocol) != message.classes.end() ||
                policy::is_stream(found.protocol) != policy::is_stream(message.classes.front()))
                continue;
            const auto database = compile(found.protocol);
            ASSERT_TRUE(database) << database.error();
            auto ids = Scanner(*database).ids(message.bytes);
            for (unsigned n = 0; n < found.patterns.size(); ++n)
                if (found.patterns[n].message == Message::rtp) ids.erase(2 * n);
            EXPECT_FALSE(has_match(ids)) << message.name << " in " << database->name;
        }
    }
}

}  // namespace
}  // namespace portcullis::signatures
