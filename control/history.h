// The last pushes and rollbacks: who did what when, and how it ended. Kept in history.json, newest
// last.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/files.h"
#include "rules/policy/image.h"

namespace portcullis::control {

using Json = nlohmann::ordered_json;

enum class Outcome : std::uint8_t {
    under_way,    // handed over, no answer yet
    unconfirmed,  // runs, and is rolled back unless confirmed in time
    loaded,       // final at once
    confirmed,
    rolled_back,
    refused,  // by the data plane
    failed,   // before or while it was handed over
};
std::string_view to_string(Outcome outcome);  // "under-way"

struct HistoryEntry {
    std::int64_t unix_ms = 0;
    std::string action;     // "push", "rollback"
    std::int64_t uid = -1;  // -1: nobody asked, e.g. a rollback for want of a confirmation
    std::int64_t pid = 0;
    std::string name;  // of the topology
    std::string hash;  // 32 hex digits, of the policy that was to run
    Outcome outcome = Outcome::under_way;
    std::string text;  // why, where that is not plain
};

class History {
  public:
    static constexpr std::size_t kEntries = 20;

    // A missing file is an empty history; a damaged one too, with a warning.
    explicit History(std::filesystem::path file);
    const std::string& warning() const { return warning_; }

    const std::vector<HistoryEntry>& entries() const { return entries_; }
    FileResult add(HistoryEntry entry);
    // The last push of `hash` that is under way or unconfirmed; null where there is none.
    const HistoryEntry* open(const policy::ImageHash& hash) const;
    // Says how that one ended; nothing where there is none.
    FileResult settle(const policy::ImageHash& hash, Outcome outcome, std::string text);
    std::vector<policy::ImageHash> hashes() const;
    Json to_json() const;

  private:
    FileResult save() const;

    std::filesystem::path file_;
    std::vector<HistoryEntry> entries_;
    std::string warning_;
};

std::int64_t unix_milliseconds();

}  // namespace portcullis::control
