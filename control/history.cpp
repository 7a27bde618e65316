#include "control/history.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace portcullis::control {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

constexpr std::array<std::string_view, 7> kOutcomes = {
    "under-way", "unconfirmed", "loaded", "confirmed", "rolled-back", "refused", "failed"};

std::optional<Outcome> parse_outcome(const std::string& text) {
    const auto found = std::find(kOutcomes.begin(), kOutcomes.end(), text);
    if (found == kOutcomes.end()) return std::nullopt;
    return static_cast<Outcome>(found - kOutcomes.begin());
}

Json to_json(const HistoryEntry& entry) {
    return {{"unix_ms", entry.unix_ms},
            {"action", entry.action},
            {"uid", entry.uid},
            {"pid", entry.pid},
            {"name", entry.name},
            {"hash", entry.hash},
            {"outcome", to_string(entry.outcome)},
            {"text", entry.text}};
}

std::optional<HistoryEntry> parse_entry(const Json& json) {
    try {  // the library reports by exceptions; they end here
        HistoryEntry entry;
        json.at("unix_ms").get_to(entry.unix_ms);
        json.at("action").get_to(entry.action);
        json.at("uid").get_to(entry.uid);
        json.at("pid").get_to(entry.pid);
        json.at("name").get_to(entry.name);
        json.at("hash").get_to(entry.hash);
        json.at("text").get_to(entry.text);
        const auto outcome = parse_outcome(json.at("outcome").get<std::string>());
        if (!outcome) return std::nullopt;
        entry.outcome = *outcome;
        return entry;
    } catch (const Json::exception&) {
        return std::nullopt;
    }
}

std::optional<policy::ImageHash> parse_hash(const std::string& text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    policy::ImageHash hash{};
    if (text.size() != 2 * hash.size()) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = kDigits.find(text[i]);
        if (digit == std::string_view::npos) return std::nullopt;
        hash[i / 2] = static_cast<std::uint8_t>(hash[i / 2] << 4 | digit);
    }
    return hash;
}

}  // namespace

std::int64_t unix_milliseconds() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string_view to_string(Outcome outcome) {
    return kOutcomes.at(static_cast<unsigned>(outcome));
}

History::History(std::filesystem::path file) : file_(std::move(file)) {
    std::error_code error;
    if (!std::filesystem::exists(file_, error)) return;
    const auto bytes = read_file(file_, kMaxFileBytes);
    if (!bytes) {
        warning_ = bytes.error() + "; the history starts anew";
        return;
    }
    const auto* text = reinterpret_cast<const char*>(bytes->data());  // bytes as characters
    const auto json = Json::parse(text, text + bytes->size(), nullptr, false);
    if (json.is_array())
        for (const auto& element : json)
            if (auto entry = parse_entry(element)) entries_.push_back(std::move(*entry));
    if (!json.is_array() || entries_.size() != json.size())
        warning_ = file_.string() + " is damaged; what could not be read of the history is lost";
}

FileResult History::save() const {
    return write_file(file_, to_json().dump(1, ' ', false, Json::error_handler_t::replace) + '\n');
}

FileResult History::add(HistoryEntry entry) {
    entries_.push_back(std::move(entry));
    if (entries_.size() > kEntries) entries_.erase(entries_.begin());
    return save();
}

const HistoryEntry* History::open(const policy::ImageHash& hash) const {
    const auto text = policy::to_string(hash);
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [&](const auto& entry) {
        return entry.hash == text && entry.action == "push" &&
               (entry.outcome == Outcome::under_way || entry.outcome == Outcome::unconfirmed);
    });
    return found == entries_.rend() ? nullptr : &*found;
}

FileResult History::settle(const policy::ImageHash& hash, Outcome outcome, std::string text) {
    const auto* found = open(hash);
    if (found == nullptr) return {};
    auto& entry = entries_[static_cast<std::size_t>(found - entries_.data())];
    entry.outcome = outcome;
    entry.text = std::move(text);
    return save();
}

std::vector<policy::ImageHash> History::hashes() const {
    std::vector<policy::ImageHash> hashes;
    for (const auto& entry : entries_)
        if (const auto hash = parse_hash(entry.hash)) hashes.push_back(*hash);
    return hashes;
}

Json History::to_json() const {
    auto json = Json::array();
    for (const auto& entry : entries_) json.push_back(control::to_json(entry));
    return json;
}

}  // namespace portcullis::control
