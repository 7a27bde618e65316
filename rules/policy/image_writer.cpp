// Policy -> image. The layout is in image_format.h; image_reader.cpp reads the same fields in the
// same order.
#include <algorithm>
#include <span>
#include <type_traits>

#include "rules/policy/image.h"
#include "rules/policy/image_format.h"

namespace portcullis::policy {
namespace {

using namespace image_format;

class Writer {
  public:
    template <typename Integer>
    void integer(Integer value) {
        static_assert(std::is_unsigned_v<Integer>);
        for (std::size_t i = 0; i < sizeof(value); ++i)
            bytes_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
    }
    void flag(bool value) { integer(static_cast<std::uint8_t>(value ? 1 : 0)); }
    template <typename Enum>
    void enumerator(Enum value) {
        integer(static_cast<std::uint8_t>(value));
    }
    void address(const IpAddress& value) {
        for (const auto byte : value.bytes()) integer(byte);
    }
    void prefix(const Prefix& value) {  // the address tells the family
        address(value.address());
        integer(static_cast<std::uint8_t>(value.length()));
    }
    void ports(const PortRange& value) {
        integer(value.first);
        integer(value.last);
    }
    void string(const std::string& value) {
        integer(static_cast<std::uint32_t>(strings_.size()));
        integer(static_cast<std::uint32_t>(value.size()));
        strings_ += value;
    }
    void blob(const std::vector<std::uint8_t>& value) {
        integer(static_cast<std::uint32_t>(value.size()));
        const auto bytes = std::as_bytes(std::span(value));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    template <typename Element, typename Write>
    void list(const std::vector<Element>& elements, Write write) {
        integer(static_cast<std::uint32_t>(elements.size()));
        for (const auto& element : elements) write(element);
    }

    void begin(Section section, std::size_t records) {
        bytes_.resize(aligned(bytes_.size()));
        auto& entry = table_[static_cast<std::size_t>(section)];
        entry = {static_cast<std::uint32_t>(records), bytes_.size(), 0};
        open_ = &entry;
    }
    void end() { open_->size = bytes_.size() - open_->offset; }

    std::vector<std::byte> finish() {
        begin(Section::strings, 0);
        for (const char c : strings_) bytes_.push_back(static_cast<std::byte>(c));
        end();
        std::vector<std::byte> body = std::move(bytes_);
        bytes_.clear();
        for (const char c : kMagic) bytes_.push_back(static_cast<std::byte>(c));
        integer(kImageVersion);
        integer(kSectionCount);
        integer(static_cast<std::uint64_t>(body.size()));
        bytes_.resize(kTableOffset);  // the digest, zero for now
        for (std::uint32_t id = 0; id < kSectionCount; ++id) {
            integer(id);
            integer(table_[id].records);
            integer(static_cast<std::uint64_t>(table_[id].offset));
            integer(static_cast<std::uint64_t>(table_[id].size));
        }
        std::copy(bytes_.begin(), bytes_.end(), body.begin());
        const auto hash = compute_image_hash(body);
        for (std::size_t i = 0; i < hash.size(); ++i)
            body[kDigestOffset + i] = static_cast<std::byte>(hash[i]);
        return body;
    }

  private:
    struct Entry {
        std::uint32_t records = 0;
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    std::vector<std::byte> bytes_ = std::vector<std::byte>(kHeaderBytes);
    std::string strings_;
    std::array<Entry, kSectionCount> table_{};
    Entry* open_ = nullptr;
};

void write(Writer& out, const Settings& settings) {
    out.flag(settings.strict_bogons);
    out.integer(settings.tcp_embryonic_seconds);
    out.integer(settings.tcp_closing_seconds);
    out.integer(settings.embryonic_per_source);
    out.integer(settings.embryonic_total);
    out.integer(settings.icmp_echo_per_second);
    out.integer(settings.icmp_error_per_second);
    out.integer(settings.probe_interval_ms);
    out.integer(settings.probe_rise);
    out.integer(settings.probe_fall);
}

void write(Writer& out, const Interface& interface) {
    out.string(interface.name);
    out.string(interface.device);
    out.integer(interface.vlan);
    out.integer(interface.mtu);
    out.integer(interface.zones.bits());
    out.list(interface.addresses, [&](const InterfaceAddress& entry) {
        out.address(entry.address);
        out.integer(entry.prefix_length);
    });
    out.list(interface.answered, [&](const IpAddress& address) { out.address(address); });
}

void write(Writer& out, const Route& route) {
    out.prefix(route.prefix);
    out.address(route.gateway);
    out.integer(route.interface);
}

void write(Writer& out, const AddressClass& entry) {
    out.prefix(entry.prefix);
    out.enumerator(entry.kind);
    out.enumerator(entry.zone);
}

void write(Writer& out, const Service& service) {
    out.string(service.name);
    out.address(service.vip);
    out.enumerator(service.transport);
    out.integer(service.port);
    out.enumerator(service.nat);
    out.list(service.nodes, [&](const Node& node) {
        out.string(node.name);
        out.address(node.address);
        out.integer(node.weight);
    });
    out.enumerator(service.probe);
    out.list(service.probe_ports, [&](std::uint16_t port) { out.integer(port); });
}

void write(Writer& out, const Rule& rule) {
    out.string(rule.id);
    out.enumerator(rule.origin);
    out.enumerator(rule.action);
    out.enumerator(rule.transport);
    out.enumerator(rule.family);
    out.enumerator(rule.from);
    out.enumerator(rule.to);
    out.list(rule.sources, [&](const Prefix& prefix) { out.prefix(prefix); });
    out.list(rule.destinations, [&](const Prefix& prefix) { out.prefix(prefix); });
    out.flag(rule.covers_own);
    out.ports(rule.source_ports);
    out.ports(rule.destination_ports);
    out.integer(rule.service);
    out.enumerator(rule.nat);
    out.flag(rule.av_path);
    out.integer(rule.idle_seconds);
    out.integer(rule.conformance);
    out.list(rule.rows, [&](const std::string& row) { out.string(row); });
    out.string(rule.reason);
}

void write(Writer& out, const Conformance& service) {
    out.string(service.name);
    out.enumerator(service.protocol);
    out.enumerator(service.mode);
    out.flag(service.stream);
    out.integer(service.database);
    out.list(service.names, [&](const std::string& name) { out.string(name); });
    out.enumerator(service.missing_name);
}

void write(Writer& out, const SignatureDatabase& database) {
    out.string(database.name);
    out.enumerator(database.protocol);
    out.integer(database.width);
    out.flag(database.twins);
    out.blob(database.serialised);
}

void write(Writer& out, const Builtin& builtin) {
    out.string(builtin.id);
    out.string(builtin.reason);
}

void write(Writer& out, const Witness& witness) {
    out.integer(witness.interface);
    out.enumerator(witness.transport);
    out.address(witness.source);
    out.address(witness.destination);
    out.integer(witness.source_port);
    out.integer(witness.destination_port);
    out.flag(witness.allow);
    out.integer(witness.rule);
}

template <typename Record>
void write_section(Writer& out, Section section, const std::vector<Record>& records) {
    out.begin(section, records.size());
    for (const auto& record : records) write(out, record);
    out.end();
}

}  // namespace

std::vector<std::byte> write_image(const Policy& policy) {
    Writer out;
    out.begin(Section::general, 1);
    out.string(policy.topology_name);
    out.string(policy.release);
    write(out, policy.settings);
    out.end();
    write_section(out, Section::interfaces, policy.interfaces);
    write_section(out, Section::routes, policy.routes);
    write_section(out, Section::addresses, policy.addresses);
    write_section(out, Section::services, policy.services);
    write_section(out, Section::rules, policy.rules);
    write_section(out, Section::conformance, policy.conformance);
    write_section(out, Section::databases, policy.databases);
    write_section(out, Section::builtins, policy.builtins);
    write_section(out, Section::witnesses, policy.witnesses);
    return out.finish();
}

}  // namespace portcullis::policy
