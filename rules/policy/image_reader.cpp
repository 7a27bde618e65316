// Image -> Policy, trusting nothing. This file checks the form: header, bounds, counts, enum
// values, strings; policy_check.cpp checks the meaning: indices, orders and what must agree with
// what.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "rules/policy/image.h"
#include "rules/policy/image_format.h"

namespace portcullis::policy {
namespace {

using namespace image_format;

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i++]);
        if (lead < 0x80) {
            if (lead == 0) return false;
            continue;
        }
        const unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - i < more) return false;
        std::uint32_t point = lead & (0x3fU >> more);
        for (unsigned k = 0; k < more; ++k) {
            const auto next = static_cast<unsigned char>(text[i++]);
            if ((next & 0xc0) != 0x80) return false;
            point = point << 6 | (next & 0x3fU);
        }
        const bool too_long = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
        if (too_long || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    }
    return true;
}

// Reads one section. The first failure is kept and everything after it reads as zero, so that
// callers check once, at the end.
class Reader {
  public:
    Reader(std::span<const std::byte> bytes, std::string_view strings, std::size_t& strings_used)
        : bytes_(bytes), strings_(strings), strings_used_(strings_used) {}

    const std::string& error() const { return error_; }
    bool failed() const { return !error_.empty(); }
    bool at_end() const { return bytes_.empty(); }
    void fail(std::string message) {
        if (!failed()) error_ = std::move(message);
        bytes_ = {};
    }

    template <typename Integer>
    Integer integer() {
        static_assert(std::is_unsigned_v<Integer>);
        if (bytes_.size() < sizeof(Integer)) {
            fail("ends within a record");
            return 0;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Integer); ++i)
            value |= std::to_integer<std::uint64_t>(bytes_[i]) << (8 * i);
        bytes_ = bytes_.subspan(sizeof(Integer));
        return static_cast<Integer>(value);
    }
    bool flag() {
        const auto value = integer<std::uint8_t>();
        if (value > 1) fail("a flag is neither 0 nor 1");
        return value == 1;
    }
    // One of `known`, else the first of them and a failure that names `what`.
    template <typename Enum>
    Enum enumerator(std::string_view what, std::initializer_list<Enum> known) {
        const auto value = integer<std::uint8_t>();
        for (const auto candidate : known)
            if (static_cast<std::uint8_t>(candidate) == value) return candidate;
        fail("unknown " + std::string(what) + " " + std::to_string(value));
        return *known.begin();
    }
    Zone zone() {
        const auto value = integer<std::uint8_t>();
        if (value < kZoneCount) return static_cast<Zone>(value);
        fail("unknown zone " + std::to_string(value));
        return Zone::internet;
    }
    Transport transport() {
        return enumerator("transport", {Transport::icmp, Transport::tcp, Transport::udp});
    }
    NatKind nat() {
        return enumerator("NAT kind", {NatKind::none, NatKind::dnat, NatKind::full, NatKind::snat});
    }
    IpAddress address() {
        std::array<std::uint8_t, 16> value{};
        for (auto& byte : value) byte = integer<std::uint8_t>();
        return IpAddress::from_bytes(value);
    }
    std::uint8_t prefix_length(const IpAddress& of) {
        const auto length = integer<std::uint8_t>();
        if (length > (of.is_v4() ? 32 : 128))
            fail("prefix length " + std::to_string(length) + " is too long");
        return length;
    }
    Prefix prefix() {
        const auto base = address();
        const auto made = Prefix::make(base, prefix_length(base));
        if (made.address() != base) fail("prefix " + made.to_string() + " has host bits set");
        return made;
    }
    PortRange ports() {
        const auto first = integer<std::uint16_t>();
        const auto last = integer<std::uint16_t>();
        if (first > last) fail("a port range ends before it begins");
        return {first, last};
    }
    std::string string() {
        const auto offset = integer<std::uint32_t>();
        const auto length = integer<std::uint32_t>();
        if (failed()) return {};
        if (offset != strings_used_ || length > strings_.size() - strings_used_) {
            fail("a string lies outside its place");
            return {};
        }
        const auto text = strings_.substr(offset, length);
        if (!is_utf8(text)) {
            fail("a string is not UTF-8 text");
            return {};
        }
        strings_used_ += length;
        return std::string(text);
    }
    // `records` of them, each at least `least` bytes long.
    template <typename Read>
    auto records(std::size_t records, std::size_t least, Read read) {
        std::vector<decltype(read())> out;
        if (records > bytes_.size() / least) {
            fail("a count of " + std::to_string(records) + " does not fit");
            return out;
        }
        out.reserve(records);
        for (std::size_t i = 0; i < records && !failed(); ++i) out.push_back(read());
        return out;
    }
    template <typename Read>
    auto list(std::size_t least, Read read) {
        return records(integer<std::uint32_t>(), least, read);
    }

  private:
    std::span<const std::byte> bytes_;
    std::string_view strings_;
    std::size_t& strings_used_;  // of the string section, over all sections
    std::string error_;
};

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
    rule.rows = in.list(kStringBytes, [&] { return in.string(); });
    rule.reason = in.string();
    return rule;
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
    policy.builtins = read(Section::builtins, kBuiltinBytes, read_builtin);
    policy.witnesses = read(Section::witnesses, kWitnessBytes, read_witness);
    if (error.empty() && strings_used != strings.size())
        error = "section strings: bytes that no string uses";
    if (!error.empty()) return refuse(error);
    if (const auto defect = find_defect(policy)) return refuse(*defect);
    return policy;
}

}  // namespace portcullis::policy
