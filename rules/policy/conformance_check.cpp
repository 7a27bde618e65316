// What holds for the conformance of every sound policy: find_defect() of policy_check.cpp asks here.
#include <algorithm>
#include <set>

#include "rules/policy/conformance.h"

namespace portcullis::policy {
namespace {

using Defect = std::optional<std::string>;

Defect check(const SignatureDatabase& database) {
    if (database.name.empty()) return "has no name";
    if (database.protocol == ProtocolClass::none) return "is of no class";
    if (database.protocol != ProtocolClass::custom && database.name != to_string(database.protocol))
        return "is not named after its class";
    if (database.width == 0 || database.width > kMaxWidth) return "has a width outside 1-16384";
    if (database.serialised.empty()) return "is empty";
    if (database.serialised.size() > kMaxDatabaseBytes) return "is larger than 1 MiB";
    return std::nullopt;
}

Defect check_names(const Conformance& service) {
    if (service.names.size() > kMostNames) return "publishes too many names";
    if (!carries_server_name(service.protocol)) {
        if (!service.names.empty()) return "publishes names, but its class carries none";
        if (service.missing_name != MissingName::allow)
            return "asks for a name, but its class carries none";
    }
    const auto not_increasing = std::ranges::adjacent_find(
        service.names, [](const auto& a, const auto& b) { return !(a < b); });
    if (not_increasing != service.names.end()) return "has names out of order";
    for (const auto& name : service.names)
        if (!is_published_name(name)) return "publishes " + name + ", which is no host name";
    return std::nullopt;
}

Defect check_database(const Conformance& service, const std::vector<SignatureDatabase>& databases) {
    const bool inspected =
        service.mode != ConformanceMode::off && service.protocol != ProtocolClass::none;
    if (!inspected) {
        // The operator's own have the name of their class with them.
        if (service.database == kNoDatabase) return std::nullopt;
        if (service.protocol != ProtocolClass::custom)
            return "has signatures, but is not looked at";
    }
    if (service.database == kNoDatabase) return "has no signatures";
    if (service.database >= databases.size()) return "names signatures that do not exist";
    if (databases[service.database].protocol != service.protocol)
        return "has signatures of another class";
    return std::nullopt;
}

Defect check(const Conformance& service, const std::vector<SignatureDatabase>& databases) {
    if (service.name.empty()) return "has no name";
    const bool either =
        service.protocol == ProtocolClass::custom || service.protocol == ProtocolClass::none;
    if (!either && service.stream != is_stream(service.protocol))
        return "disagrees with its class about the transport";
    if (service.mode == ConformanceMode::enforce && !may_be_enforced(service.protocol))
        return "enforces a class whose wire format is not public";
    if (auto defect = check_names(service)) return defect;
    return check_database(service, databases);
}

template <typename Entries>
Defect named_twice(const Entries& entries) {
    std::set<std::string_view> names;
    for (const auto& entry : entries)
        if (!names.insert(entry.name).second) return entry.name;
    return std::nullopt;
}

}  // namespace

std::optional<std::string> find_defect(const std::vector<Conformance>& conformance,
                                       const std::vector<SignatureDatabase>& databases) {
    if (conformance.size() > kMostConformance) return "conformance: too many services";
    if (databases.size() > kMostDatabases) return "signatures: too many classes";
    for (const auto& database : databases)
        if (const auto defect = check(database))
            return "signatures " + database.name + ": " + *defect;
    for (const auto& service : conformance)
        if (const auto defect = check(service, databases))
            return "conformance " + service.name + ": " + *defect;
    if (const auto name = named_twice(databases)) return "two sets of signatures named " + *name;
    if (const auto name = named_twice(conformance)) return "two conformances named " + *name;
    return std::nullopt;
}

}  // namespace portcullis::policy
