// Pass: first packets with the verdicts that the reference matcher gives them.
//
// The data plane's loader replays them through its own lookup structures before it publishes a
// policy, so each rule has at least one, and the edges of each port range, address list and address
// class have one on either side.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "rules/compile/passes.h"
#include "rules/compile/prefixes.h"
#include "rules/compile/rule_index.h"

namespace portcullis::compile {
namespace {

using policy::AddressKind;
using policy::Family;
using policy::FirstPacket;
using policy::IpAddress;
using policy::Policy;
using policy::Prefix;
using policy::Rule;
using policy::Transport;
using policy::Zone;

constexpr std::size_t kMaxWitnesses = 65536;
constexpr std::size_t kMaxOfARule = 16;
constexpr std::uint16_t kClientPort = 51515;

// Hosts of the Internet to draw from; the first that the policy takes for one is used.
constexpr std::string_view kInternetHosts[] = {
    "198.51.100.77", "192.0.2.77", "9.9.9.9", "1.0.0.77", "2001:db8:ffff::77", "2620:fe::77",
};

// Finds addresses that the policy takes for hosts of a zone.
class Hosts {
  public:
    explicit Hosts(const Policy& policy) : policy_(policy) {
        for (const auto& text : kInternetHosts) internet_.push_back(IpAddress::parse(text).value());
    }

    std::optional<IpAddress> in_zone(Zone zone, Family family) const {
        if (zone == Zone::internet)
            for (const auto& host : internet_)
                if (host.family() == family && is_member(host, zone)) return host;
        for (const auto& entry : policy_.addresses)
            if (entry.kind == AddressKind::member && entry.zone == zone &&
                entry.prefix.family() == family)
                if (const auto host = in_prefix(entry.prefix, zone)) return host;
        return std::nullopt;
    }

    std::optional<IpAddress> in_prefix(const Prefix& prefix, Zone zone) const {
        // A few tries step over the network's own address, ours, and declared hosts of other zones.
        constexpr int kTries = 32;
        std::optional<IpAddress> host = prefix.address();
        if (last_address(prefix) != *host) host = next(*host);
        for (int i = 0; i < kTries && host && prefix.contains(*host); ++i, host = next(*host))
            if (is_member(*host, zone)) return host;
        const auto last = last_address(prefix);
        if (is_member(last, zone)) return last;
        // Entries inside a wider prefix, as of a site rule that names a whole network.
        for (const auto& entry : policy_.addresses)
            if (entry.prefix != prefix && prefix.contains(entry.prefix) &&
                entry.kind == AddressKind::member && entry.zone == zone &&
                is_member(entry.prefix.address(), zone))
                return entry.prefix.address();
        return std::nullopt;
    }

    std::optional<IpAddress> own(Zone zone, Family family) const {
        for (const auto& entry : policy_.addresses)
            if (entry.kind == AddressKind::own && entry.zone == zone &&
                entry.prefix.family() == family)
                return entry.prefix.address();
        return std::nullopt;
    }

  private:
    bool is_member(const IpAddress& address, Zone zone) const {
        const auto found = classify(policy_, address);
        return found.kind == AddressKind::member && found.zone == zone;
    }
    const Policy& policy_;
    std::vector<IpAddress> internet_;
};

class WitnessMaker {
  public:
    explicit WitnessMaker(Policy& policy) : policy_(policy), hosts_(policy), decider_(policy) {}

    void run() {
        seen_.reserve(4 * policy_.rules.size());
        const std::size_t each =
            policy_.rules.empty()
                ? 0
                : std::clamp<std::size_t>(kMaxWitnesses / policy_.rules.size(), 1, kMaxOfARule);
        for (std::uint32_t i = 0; i < policy_.rules.size(); ++i) {
            const auto packets = around(policy_.rules[i]);
            for (std::size_t n = 0; n < packets.size() && n < each; ++n) add(packets[n]);
        }
        for (const auto& entry : policy_.addresses) add_class_edges(entry);
    }

  private:
    std::optional<std::uint32_t> interface_of(Zone zone) const {
        for (std::uint32_t i = 0; i < policy_.interfaces.size(); ++i)
            if (policy_.interfaces[i].zones.contains(zone)) return i;
        return std::nullopt;
    }

    // A packet in the middle of what the rule matches; nullopt where no packet can match it.
    std::optional<FirstPacket> inside(const Rule& rule) const {
        const auto interface = interface_of(rule.from);
        const auto source = rule.sources.empty() ? hosts_.in_zone(rule.from, rule.family)
                                                 : first_of(rule.sources, rule.from);
        const auto destination = destination_of(rule);
        if (!interface || !source || !destination) return std::nullopt;
        FirstPacket packet{*interface,   rule.transport, *source,
                           *destination, kClientPort,    rule.destination_ports.first};
        if (!rule.source_ports.contains(packet.source_port))
            packet.source_port = rule.source_ports.first;
        return packet;
    }

    std::optional<IpAddress> first_of(const std::vector<Prefix>& prefixes, Zone zone) const {
        for (const auto& prefix : prefixes)
            if (const auto host = hosts_.in_prefix(prefix, zone)) return host;
        return std::nullopt;
    }

    std::optional<IpAddress> destination_of(const Rule& rule) const {
        if (rule.destinations.empty()) {
            const auto host = hosts_.in_zone(rule.to, rule.family);
            return host || !rule.covers_own ? host : hosts_.own(rule.to, rule.family);
        }
        if (const auto host = first_of(rule.destinations, rule.to)) return host;
        for (const auto& prefix : rule.destinations) {
            const auto found = classify(policy_, prefix.address());
            if (found.kind == AddressKind::own && found.zone == rule.to) return prefix.address();
        }
        return std::nullopt;
    }

    // The packet inside first, then its neighbours, the most telling ones first.
    std::vector<FirstPacket> around(const Rule& rule) const {
        std::vector<FirstPacket> out;
        const auto base = inside(rule);
        if (!base) return out;
        out.push_back(*base);
        const auto with = [&](auto change) {
            auto packet = *base;
            change(packet);
            out.push_back(packet);
        };
        const auto to_port = [&](unsigned port) {
            with([=](auto& packet) { packet.destination_port = static_cast<std::uint16_t>(port); });
        };
        const auto from_port = [&](unsigned port) {
            with([=](auto& packet) { packet.source_port = static_cast<std::uint16_t>(port); });
        };
        const auto from_address = [&](const std::optional<IpAddress>& address) {
            if (address) with([&](auto& packet) { packet.source = *address; });
        };
        const auto to_address = [&](const std::optional<IpAddress>& address) {
            if (address) with([&](auto& packet) { packet.destination = *address; });
        };

        const auto& ports = rule.destination_ports;
        const auto& source_ports = rule.source_ports;
        if (ports.last != ports.first) to_port(ports.last);
        if (ports.first > 0) to_port(ports.first - 1U);
        if (ports.last < 65535) to_port(ports.last + 1U);
        if (source_ports.first > 0) from_port(source_ports.first - 1U);
        if (source_ports.last < 65535) from_port(source_ports.last + 1U);
        if (!source_ports.is_any()) from_port(source_ports.last);

        from_address(hosts_.own(rule.to, rule.family));  // spoofed: nobody else may use ours
        for (std::uint32_t i = 0; i < policy_.interfaces.size(); ++i) {
            if (policy_.interfaces[i].zones.contains(rule.from)) continue;
            with([=](auto& packet) { packet.interface = i; });  // spoofed: it lives elsewhere
            break;
        }
        to_address(hosts_.own(rule.to, rule.family));
        if (!rule.destinations.empty()) {
            to_address(previous(rule.destinations.front().address()));
            to_address(next(last_address(rule.destinations.back())));
            to_address(last_address(rule.destinations.back()));
        }
        if (!rule.sources.empty()) {
            from_address(previous(rule.sources.front().address()));
            from_address(next(last_address(rule.sources.back())));
            from_address(last_address(rule.sources.back()));
        }
        if (rule.transport != Transport::icmp)
            with([](auto& packet) {
                packet.transport =
                    packet.transport == Transport::tcp ? Transport::udp : Transport::tcp;
            });
        return out;
    }

    // The first and last address of a class and those just outside, as a source on the interface of
    // its zone and on that of the Internet, each toward something that is open there.
    void add_class_edges(const policy::AddressClass& entry) {
        const auto family = entry.prefix.family();
        const auto last = last_address(entry.prefix);
        for (const auto zone : {Zone::internet, entry.zone}) {
            const auto base = open_packet(zone, family);
            if (!base) continue;
            for (const auto& address : {std::optional(entry.prefix.address()), std::optional(last),
                                        previous(entry.prefix.address()), next(last)}) {
                if (!address) continue;
                auto packet = *base;
                packet.source = *address;
                add(packet);
            }
        }
    }

    // What a rule for everybody in the zone lets through.
    std::optional<FirstPacket> open_packet(Zone from, Family family) {
        auto& known = open_[{from, family}];
        if (!known) known = find_open_packet(from, family);
        return *known;
    }
    std::optional<FirstPacket> find_open_packet(Zone from, Family family) const {
        for (const auto& rule : policy_.rules)
            if (rule.from == from && rule.family == family && rule.sources.empty() &&
                rule.action == policy::Action::allow)
                if (const auto packet = inside(rule)) return packet;
        return std::nullopt;
    }

    void add(const FirstPacket& packet) {
        if (policy_.witnesses.size() < kMaxWitnesses && seen_.insert(packet).second)
            policy_.witnesses.push_back(decider_.decide(packet));
    }

    struct SamePacket {
        static auto fields(const FirstPacket& packet) {
            return std::tie(packet.interface, packet.transport, packet.source, packet.destination,
                            packet.source_port, packet.destination_port);
        }
        bool operator()(const FirstPacket& a, const FirstPacket& b) const {
            return fields(a) == fields(b);
        }
    };
    struct PacketHash {
        std::size_t operator()(const FirstPacket& packet) const {
            std::array<std::uint8_t, 32> addresses;
            const auto& source = packet.source.bytes();
            std::ranges::copy(packet.destination.bytes(),
                              std::ranges::copy(source, addresses.begin()).out);
            const std::string_view bytes(reinterpret_cast<const char*>(addresses.data()),
                                         addresses.size());
            const std::size_t rest =
                std::size_t{packet.source_port} << 32 | std::size_t{packet.destination_port} << 16 |
                static_cast<std::size_t>(packet.transport) << 8 | (packet.interface & 0xff);
            return std::hash<std::string_view>{}(bytes) ^ rest * 0x9e3779b97f4a7c15;
        }
    };

    Policy& policy_;
    Hosts hosts_;
    Decider decider_;
    std::unordered_set<FirstPacket, PacketHash, SamePacket> seen_;
    std::map<std::pair<Zone, Family>, std::optional<std::optional<FirstPacket>>> open_;
};

}  // namespace

void add_witnesses(Policy& policy) {
    WitnessMaker(policy).run();
}

}  // namespace portcullis::compile
