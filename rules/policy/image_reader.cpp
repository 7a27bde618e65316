// Image -> Policy, trusting nothing. This file checks the form: header, bounds, counts, enum
// values, strings; policy_check.cpp checks the meaning: indices, orders and what must agree with
// what.
#include "rules/policy/image.h"
#include "rules/policy/image_fields.h"
#include "rules/policy/image_format.h"

namespace portcullis::policy {
namespace {

using namespace image_format;
using Reader = ImageFields;

Settings read_settings(Reader& in) {
    Settings settings;
    settings.strict_bogons = in.flag();
    settings.tcp_embryonic_seconds = in.integer<std::uint32_t>();
    settings.tcp_closing_seconds = in.integer<std::uint32_t>();
    settings.embryonic_per_source = in.integer<std::uint32_t>();
    settings.embryonic_total = in.integer<std::uint32_t>();
    settings.icmp_echo_per_second = in.integer<std::uint32_t>();
    settings.icmp_error_per_second = in.integer<std::uint32_t>();
    settings.probe_interval_ms = in.integer<std::uint32_t>();
    settings.probe_rise = in.integer<std::uint32_t>();
    settings.probe_fall = in.integer<std::uint32_t>();
    return settings;
}

Interface read_interface(Reader& in) {
    Interface interface;
    interface.name = in.string();
    interface.device = in.string();
    interface.vlan = in.integer<std::uint16_t>();
    interface.mtu = in.integer<std::uint16_t>();
    const auto zones = in.integer<std::uint8_t>();
    if (zones >> kZoneCount != 0) in.fail("unknown zone in a zone set");
    interface.zones = ZoneSet::from_bits(zones);
    interface.addresses = in.list(kInterfaceAddressBytes, [&] {
        InterfaceAddress entry;
        entry.address = in.address();
        entry.prefix_length = in.prefix_length(entry.address);
        return entry;
    });
    interface.answered = in.list(kAddressBytes, [&] { return in.address(); });
    return interface;
}

Route read_route(Reader& in) {
    Route route;
    route.prefix = in.prefix();
    route.gateway = in.address();
    route.interface = in.integer<std::uint32_t>();
    return route;
}

AddressClass read_address_class(Reader& in) {
    AddressClass entry;
    entry.prefix = in.prefix();
    entry.kind =
        in.enumerator("address kind", {AddressKind::member, AddressKind::own, AddressKind::bogon});
    entry.zone = in.zone();
    return entry;
}

Service read_service(Reader& in) {
    Service service;
    service.name = in.string();
    service.vip = in.address();
    service.transport = in.transport();
    service.port = in.integer<std::uint16_t>();
    service.nat = in.nat();
    service.nodes = in.list(kNodeBytes, [&] {
        Node node;
        node.name = in.string();
        node.address = in.address();
        node.weight = in.integer<std::uint32_t>();
        return node;
    });
    service.probe = in.enumerator("probe kind", {ProbeKind::none, ProbeKind::tcp, ProbeKind::stun});
    service.probe_ports =
        in.list(sizeof(std::uint16_t), [&] { return in.integer<std::uint16_t>(); });
    return service;
}

Rule read_rule(Reader& in) {
    Rule rule;
    rule.id = in.string();
    rule.origin = in.enumerator("origin", {Origin::site, Origin::matrix});
    rule.action = in.enumerator("action", {Action::allow, Action::deny});
    rule.transport = in.transport();
    rule.family = in.enumerator("family", {Family::ipv4, Family::ipv6});
    rule.from = in.zone();
    rule.to = in.zone();
    rule.sources = in.list(kPrefixBytes, [&] { return in.prefix(); });
    rule.destinations = in.list(kPrefixBytes, [&] { return in.prefix(); });
    rule.covers_own = in.flag();
    rule.source_ports = in.ports();
    rule.destination_ports = in.ports();
    rule.service = in.integer<std::uint32_t>();
    rule.nat = in.nat();
    rule.av_path = in.flag();
    rule.idle_seconds = in.integer<std::uint32_t>();
    rule.conformance = in.integer<std::uint32_t>();
    rule.rows = in.list(kStringBytes, [&] { return in.string(); });
    rule.reason = in.string();
    return rule;
}

Conformance read_conformance(Reader& in) {
    Conformance service;
    service.name = in.string();
    service.protocol = in.protocol();
    service.mode = in.enumerator(
        "mode", {ConformanceMode::off, ConformanceMode::watch, ConformanceMode::enforce});
    service.stream = in.flag();
    service.database = in.integer<std::uint32_t>();
    service.names = in.list(kStringBytes, [&] { return in.string(); });
    service.missing_name =
        in.enumerator("answer to a missing name", {MissingName::allow, MissingName::refuse});
    return service;
}

SignatureDatabase read_database(Reader& in) {
    SignatureDatabase database;
    database.name = in.string();
    database.protocol = in.protocol();
    database.width = in.integer<std::uint32_t>();
    database.twins = in.flag();
    database.serialised = in.blob(kMaxDatabaseBytes);
    return database;
}

Builtin read_builtin(Reader& in) {
    Builtin builtin;
    builtin.id = in.string();
    builtin.reason = in.string();
    return builtin;
}

Witness read_witness(Reader& in) {
    Witness witness;
    witness.interface = in.integer<std::uint32_t>();
    witness.transport = in.transport();
    witness.source = in.address();
    witness.destination = in.address();
    witness.source_port = in.integer<std::uint16_t>();
    witness.destination_port = in.integer<std::uint16_t>();
    witness.allow = in.flag();
    witness.rule = in.integer<std::uint32_t>();
    return witness;
}

struct SectionView {
    std::uint32_t records = 0;
    std::span<const std::byte> bytes;
};
using Sections = std::array<SectionView, kSectionCount>;

tl::unexpected<ImageError> refuse(std::string message) {
    return tl::make_unexpected(ImageError{"image: " + std::move(message)});
}

// Header, digest and section table. Sections must lie exactly where the writer puts them.
tl::expected<Sections, ImageError> read_header(std::span<const std::byte> bytes) {
    if (bytes.size() > kMaxImageBytes) return refuse("larger than 64 MiB");
    if (bytes.size() < kHeaderBytes) return refuse("shorter than its header");
    std::size_t no_strings = 0;
    Reader in(bytes, {}, no_strings);
    for (const char expected : kMagic)
        if (in.integer<std::uint8_t>() != static_cast<std::uint8_t>(expected))
            return refuse("not a policy image (wrong magic)");
    const auto version = in.integer<std::uint32_t>();
    if (version != kImageVersion)
        return refuse("version " + std::to_string(version) + ", but this program reads version " +
                      std::to_string(kImageVersion));
    if (in.integer<std::uint32_t>() != kSectionCount) return refuse("wrong number of sections");
    if (in.integer<std::uint64_t>() != bytes.size())
        return refuse("cut short or extended: its size is not the one it states");
    if (compute_image_hash(bytes) != image_hash(bytes))
        return refuse("damaged: the digest does not match");
    for (std::size_t i = 0; i < kDigestBytes; ++i) in.integer<std::uint8_t>();

    Sections sections;
    std::size_t end = kHeaderBytes;
    for (std::uint32_t id = 0; id < kSectionCount; ++id) {
        const std::string name(kSectionNames[id]);
        const auto stated_id = in.integer<std::uint32_t>();
        sections[id].records = in.integer<std::uint32_t>();
        const auto offset = in.integer<std::uint64_t>();
        const auto size = in.integer<std::uint64_t>();
        const auto begin = aligned(end);
        if (stated_id != id || offset != begin || begin > bytes.size() ||
            size > bytes.size() - begin)
            return refuse("section " + name + " is not in its place");
        for (auto i = end; i < begin; ++i)
            if (bytes[i] != std::byte{0}) return refuse("padding before " + name + " is not zero");
        end = begin + static_cast<std::size_t>(size);
        sections[id].bytes = bytes.subspan(begin, static_cast<std::size_t>(size));
    }
    if (end != bytes.size()) return refuse("bytes follow the last section");
    return sections;
}

}  // namespace

tl::expected<Policy, ImageError> read_image(std::span<const std::byte> bytes) {
    const auto sections = read_header(bytes);
    if (!sections) return tl::make_unexpected(sections.error());

    const auto& text = sections->back();
    if (text.records != 0) return refuse("section strings: states records");
    const std::string_view strings(reinterpret_cast<const char*>(text.bytes.data()),
                                   text.bytes.size());
    std::size_t strings_used = 0;
    std::string error;
    const auto read = [&](Section section, std::size_t least, auto read_record) {
        const auto& view = (*sections)[static_cast<std::size_t>(section)];
        Reader in(view.bytes, strings, strings_used);
        auto records = in.records(view.records, least, [&] { return read_record(in); });
        if (!in.failed() && !in.at_end()) in.fail("bytes follow the last record");
        if (in.failed() && error.empty())
            error = "section " + std::string(kSectionNames[static_cast<std::size_t>(section)]) +
                    ": " + in.error();
        return records;
    };

    Policy policy;
    if (sections->front().records != 1) return refuse("section general: not one record");
    auto general = read(Section::general, kGeneralBytes, [](Reader& in) {
        Policy names;
        names.topology_name = in.string();
        names.release = in.string();
        names.settings = read_settings(in);
        return names;
    });
    if (!error.empty()) return refuse(error);
    policy = std::move(general.front());
    policy.interfaces = read(Section::interfaces, kInterfaceBytes, read_interface);
    policy.routes = read(Section::routes, kRouteBytes, read_route);
    policy.addresses = read(Section::addresses, kAddressClassBytes, read_address_class);
    policy.services = read(Section::services, kServiceBytes, read_service);
    policy.rules = read(Section::rules, kRuleBytes, read_rule);
    policy.conformance = read(Section::conformance, kConformanceBytes, read_conformance);
    policy.databases = read(Section::databases, kDatabaseBytes, read_database);
    policy.builtins = read(Section::builtins, kBuiltinBytes, read_builtin);
    policy.witnesses = read(Section::witnesses, kWitnessBytes, read_witness);
    if (error.empty() && strings_used != strings.size())
        error = "section strings: bytes that no string uses";
    if (!error.empty()) return refuse(error);
    if (const auto defect = find_defect(policy)) return refuse(*defect);
    return policy;
}

}  // namespace portcullis::policy
