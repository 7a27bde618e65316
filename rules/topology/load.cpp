#include "rules/topology/load.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

#include "rules/topology/reading.h"
#include "rules/topology/yaml.h"

namespace portcullis::topology {
namespace {

void sort_unique(std::vector<Prefix>& prefixes) {
    std::sort(prefixes.begin(), prefixes.end());
    prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
}

void read_sections(const Field& file, Reading& reading) {
    const MapReader map(file, keys::kTopLevel, reading.errors);
    auto& topology = reading.topology;
    if (const auto release = map.require("release", "write release: lync-2013 or lync-2010"))
        if (const auto word = read_word(*release, keys::kReleases, reading.errors))
            topology.release = *word == 0 ? Release::lync_2010 : Release::lync_2013;
    const auto interfaces = map.require("interfaces", "declare the interfaces and their zones");
    if (interfaces) read_interfaces(*interfaces, reading);
    reading.zones_known = reading.zones_known && interfaces.has_value();
    topology.features = FeatureSet::defaults();
    const auto section = [&](std::string_view key, void (*read)(const Field&, Reading&)) {
        if (const auto field = map.get(key)) read(*field, reading);
    };
    section("routes", read_routes);
    section("networks", read_networks);
    section("features", read_features);
    section("edge", read_edge);
    section("reverse-proxy", read_reverse_proxies);
    section("pools", read_pools);
    if (const auto field = map.get("pstn-gateways"))
        read_servers(*field, topology.pstn_gateways, reading);
    if (const auto field = map.get("branch-appliances"))
        read_servers(*field, topology.branch_appliances, reading);
    section("partners", read_partners);
    section("service-settings", read_service_settings);
    if (const auto field = map.get("strict-bogons"))
        topology.settings.strict_bogons = read_switch(*field, reading.errors).value_or(false);
    section("conformance", read_conformance);  // first: site rules name its classes
    section("site-rules", read_site_rules);
}

// The sets of addresses that zones are made of.
void collect_networks(Reading& reading) {
    auto& topology = reading.topology;
    for (const auto& placed : reading.corporate) topology.corporate.push_back(placed.prefix);
    for (const auto& interface : topology.interfaces)
        if (interface.zones.contains(Zone::corporate))
            for (const auto& address : interface.addresses)
                topology.corporate.push_back(address.network());
    sort_unique(topology.corporate);
    for (const auto& placed : reading.clients) topology.clients.push_back(placed.prefix);
    sort_unique(topology.clients);
}

void check_features_into(const Topology& topology, Reporter& errors) {
    // Only a present Edge has federation to open.
    if (topology.release == Release::lync_2013 && topology.features.has(Feature::federation) &&
        !topology.edge.nodes.empty() && !topology.federated.declared) {
        Location where{1, 1};
        if (topology.features_where.line > 0) where = topology.features_where;
        if (topology.partners_where.line > 0) where = topology.partners_where;
        errors.add(where,
                   "partners.federated: federation is on, but partners are neither listed nor open",
                   "list their networks (federated: [198.51.100.0/24]), write federated: open, or "
                   "switch the feature federation off");
    }
}

tl::unexpected<Diagnostics> cannot_read(const std::string& name, std::string message,
                                        std::string hint) {
    return tl::unexpected(Diagnostics{{name, {}, std::move(message), std::move(hint)}});
}

}  // namespace

Diagnostics check_features(const Topology& topology, std::string_view file_name) {
    Reporter errors;
    check_features_into(topology, errors);
    return errors.take(file_name);
}

tl::expected<Topology, Diagnostics> load_text(std::string_view yaml, std::string_view file_name) {
    Reading reading;
    const auto tree = parse_yaml(yaml, reading.errors);
    if (!tree) return tl::unexpected(reading.errors.take(file_name));
    reading.topology.name = std::filesystem::path(file_name).stem().string();
    read_sections({tree->root, "", {1, 1}}, reading);
    collect_networks(reading);
    check_network(reading);
    check_addresses(reading);
    check_edge(reading);
    check_pools(reading);
    check_features_into(reading.topology, reading.errors);
    if (!reading.errors.empty()) return tl::unexpected(reading.errors.take(file_name));
    return std::move(reading.topology);
}

tl::expected<Topology, Diagnostics> load(const std::filesystem::path& file) {
    const std::string name = file.string();
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (!std::filesystem::exists(status))
        return cannot_read(name, "there is no such file", "check the path");
    if (!std::filesystem::is_regular_file(status))
        return cannot_read(name, "this is not a file", "name a topology file (YAML)");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return cannot_read(name, "the file cannot be opened", "check its permissions");
    // One byte more than allowed tells that there is more, however large the file is.
    std::string text(kLargestFile + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad()) return cannot_read(name, "the file cannot be read", "try again");
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return load_text(text, name);
}

}  // namespace portcullis::topology
