#include "rules/inspect/protocols.h"

#include <algorithm>
#include <array>
#include <utility>

#include "rules/inspect/scan.h"

namespace portcullis::inspect {

namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035 2.3.4, as text

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

Scratch::Scratch(Scratch&& other) noexcept : scratch_(std::exchange(other.scratch_, nullptr)) {}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
    std::swap(scratch_, other.scratch_);
    return *this;
}

Scratch::~Scratch() {
    free_scratch(scratch_);
}

bool Protocol::publishes(std::string_view server_name) const {
    if (names == nullptr || names->empty()) return true;
    if (server_name.empty() || server_name.size() > kLongestName) return false;
    std::array<char, kLongestName> folded;
    std::ranges::transform(server_name, folded.begin(), lower);
    const std::string_view exact(folded.data(), server_name.size());
    const auto listed = [this](std::string_view name) {
        return std::binary_search(names->begin(), names->end(), name);
    };
    // A star that the client sends is no wildcard.
    if (exact.find('*') != std::string_view::npos) return false;
    if (listed(exact)) return true;
    const std::size_t dot = exact.find('.');
    if (dot == std::string_view::npos || dot == 0) return false;
    folded[dot - 1] = '*';
    return listed(exact.substr(dot - 1));
}

struct Protocols::Storage {
    std::vector<LoadedDatabase> databases;
    std::vector<std::vector<std::string>> names;  // by index in Policy::conformance
};

Protocols::Protocols() : storage_(std::make_unique<Storage>()) {}
Protocols::Protocols(Protocols&&) noexcept = default;
Protocols& Protocols::operator=(Protocols&&) noexcept = default;
Protocols::~Protocols() = default;

tl::expected<Protocols, std::string> Protocols::build(const policy::Policy& policy) {
    Protocols built;
    Storage& storage = *built.storage_;
    for (const policy::SignatureDatabase& database : policy.databases) {
        auto loaded = load_database(database.serialised);
        if (!loaded)
            return tl::unexpected("signatures of " + database.name + ": " + loaded.error() +
                                  "; push the topology again with control and data plane of one "
                                  "installation");
        storage.databases.push_back(std::move(*loaded));
    }
    storage.names.resize(policy.conformance.size());
    built.protocols_.resize(policy.conformance.size());
    for (std::size_t i = 0; i < policy.conformance.size(); ++i) {
        const policy::Conformance& service = policy.conformance[i];
        Protocol& protocol = built.protocols_[i];
        protocol.protocol = service.protocol;
        protocol.mode = service.mode;
        protocol.stream = service.stream;
        protocol.missing_name = service.missing_name;
        storage.names[i] = service.names;
        std::ranges::sort(storage.names[i]);
        protocol.names = &storage.names[i];
        if (service.mode == policy::ConformanceMode::off ||
            service.protocol == policy::ProtocolClass::none ||
            service.database >= policy.databases.size())
            continue;
        const policy::SignatureDatabase& database = policy.databases[service.database];
        protocol.twins = database.twins;
        protocol.width = database.width;
        protocol.database = storage.databases[service.database].get();
    }
    return built;
}

tl::expected<Scratch, std::string> Protocols::make_scratch() const {
    std::vector<const hs_database*> databases;
    for (const LoadedDatabase& loaded : storage_->databases) databases.push_back(loaded.get());
    auto scratch = allocate_scratch(databases);
    if (!scratch) return tl::unexpected(scratch.error());
    return Scratch(*scratch);
}

}  // namespace portcullis::inspect
