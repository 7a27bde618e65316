#include "control/pattern_wire.h"

#include <cstdint>
#include <cstring>

namespace portcullis::control {
namespace {

constexpr std::uint64_t kCompiled = 1;
constexpr std::uint64_t kRefused = 2;

void put(std::string& out, std::uint64_t number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void put(std::string& out, std::string_view text) {
    put(out, text.size());
    out.append(text);
}

// The first thing that does not decode fails all of it.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    std::uint64_t number() {
        std::uint64_t value = 0;
        if (bytes_.size() < sizeof value) {
            failed_ = true;
            bytes_ = {};
            return 0;
        }
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
        return value;
    }
    std::string_view text() {
        const auto size = number();
        if (size > bytes_.size()) {
            failed_ = true;
            bytes_ = {};
            return {};
        }
        const auto found = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return found;
    }
    bool at_end() const { return bytes_.empty(); }
    bool sound() const { return !failed_ && bytes_.empty(); }

  private:
    std::string_view bytes_;
    bool failed_ = false;
};

}  // namespace

std::string encode_request(std::string_view name, std::span<const std::string> patterns) {
    std::string out;
    put(out, name);
    for (const auto& pattern : patterns) put(out, pattern);
    return out;
}

std::optional<PatternRequest> decode_request(std::string_view bytes) {
    Reader reader(bytes);
    PatternRequest request;
    request.name = reader.text();
    while (!reader.at_end()) request.patterns.emplace_back(reader.text());
    if (!reader.sound()) return std::nullopt;
    return request;
}

std::string encode_answer(const signatures::CustomResult& result) {
    std::string out;
    if (result) {
        put(out, kCompiled);
        put(out, result->name);
        put(out, result->width);
        put(out, std::string_view(reinterpret_cast<const char*>(result->serialised.data()),
                                  result->serialised.size()));
    } else {
        put(out, kRefused);
        put(out, result.error().pattern);
        put(out, result.error().message);
        put(out, result.error().hint);
    }
    return out;
}

std::optional<signatures::CustomResult> decode_answer(std::string_view bytes) {
    Reader reader(bytes);
    const auto kind = reader.number();
    std::optional<signatures::CustomResult> result;
    if (kind == kCompiled) {
        policy::SignatureDatabase database;
        database.protocol = policy::ProtocolClass::custom;
        database.twins = false;
        database.name = reader.text();
        const auto width = reader.number();
        if (width > signatures::kMaxPatternWidth) return std::nullopt;
        database.width = static_cast<std::uint32_t>(width);
        const auto serialised = reader.text();
        database.serialised.assign(serialised.begin(), serialised.end());
        result = std::move(database);
    } else if (kind == kRefused) {
        signatures::CustomError error;
        error.pattern = reader.number();
        error.message = reader.text();
        error.hint = reader.text();
        result = tl::make_unexpected(std::move(error));
    }
    if (!reader.sound()) return std::nullopt;
    return result;
}

}  // namespace portcullis::control
