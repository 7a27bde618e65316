#include "dataplane/host/host.h"

#include "dataplane/host/arp.h"
#include "dataplane/host/icmp_echo.h"
#include "dataplane/host/nd.h"
#include "rules/policy/match.h"

namespace portcullis::dataplane {

Host::Host(NeighbourTable& neighbours, HostSink& sink, std::vector<MacAddress> macs,
           std::uint64_t seed)
    : sink_(sink),
      macs_(std::move(macs)),
      resolver_(neighbours, sink,
                [this](Attachment at, const IpAddress& next_hop,
                       const std::optional<MacAddress>& to) { ask(at, next_hop, to); }),
      announcer_([this](const Frame& frame) { emit(frame); }),
      prober_(
          sink,
          [this](const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                 std::span<const std::uint8_t> payload) {
              send_ip(source, destination, protocol, payload);
          },
          [this](const IpAddress& node) -> std::optional<IpAddress> {
              const auto out = egress(node);
              return out ? out->interface->source_for(node) : std::nullopt;
          },
          seed) {}

void Host::on_policy(std::shared_ptr<const policy::Policy> policy,
                     const std::vector<std::uint16_t>& devices, Millis now) {
    now_ = now;
    policy_ = std::move(policy);
    const HostInterfaces before = std::move(interfaces_);
    interfaces_ = policy_ ? HostInterfaces(*policy_, devices, macs_) : HostInterfaces();
    const std::uint32_t limit = policy_ ? policy_->settings.icmp_echo_per_second : 0;
    echo_limits_.assign(interfaces_.all().size(), TokenBucket(limit));
    resolver_.prune([this](Attachment at, const IpAddress& next_hop) {
        const HostInterface* interface = interfaces_.find(at);
        return interface != nullptr && interface->on_link(next_hop);
    });
    announcer_.changed(before, interfaces_, now);
    prober_.on_policy(policy_ ? *policy_ : policy::Policy{}, now);
}

std::optional<DropReason> Host::on_packet(const PacketNote& note,
                                          std::span<const std::uint8_t> frame, Millis now) {
    now_ = now;
    if (!policy_) return DropReason::no_policy;
    const HostInterface* interface = interfaces_.find(note.at);
    if (interface == nullptr) return DropReason::unknown_interface;
    if (note.l3_offset < 14 || frame.size() < note.l3_offset) return DropReason::bad_ethernet;
    const auto l3 = frame.subspan(note.l3_offset);
    switch (note.kind) {
        case NoteKind::arp:
            return on_arp(*interface, l3, now);
        case NoteKind::nd:
            return on_nd(*interface, read_mac(&frame[6]), l3, now);
        case NoteKind::icmp_own:
            return on_echo(*interface, l3, now);
        case NoteKind::probe_reply: {
            const auto ip = read_ip(l3);
            if (!ip) return DropReason::bad_ip_header;
            if (prober_.on_answer(*ip, now)) return std::nullopt;
            return DropReason::host_unhandled;
        }
        case NoteKind::none:
        case NoteKind::handover:
        case NoteKind::resolve:
        case NoteKind::transmit:
            break;
    }
    return DropReason::host_unhandled;
}

std::optional<DropReason> Host::on_arp(const HostInterface& interface,
                                       std::span<const std::uint8_t> bytes, Millis now) {
    const auto arp = read_arp(bytes);
    if (!arp) return DropReason::bad_arp;
    if (arp->sender_mac == interface.mac) return std::nullopt;  // our own, come back
    if (interface.answers(arp->sender)) {
        defend(interface, arp->sender, now);
        return std::nullopt;
    }
    const bool to_us = arp->target_mac == interface.mac;
    if (!arp->request && to_us)
        resolver_.answered(interface.at, arp->sender, arp->sender_mac, now);
    else if (arp->sender.v4() != 0)
        resolver_.overheard(interface.at, arp->sender, arp->sender_mac, now);
    if (arp->request && interface.answers(arp->target)) emit(arp_reply(interface, *arp));
    return std::nullopt;
}

std::optional<DropReason> Host::on_nd(const HostInterface& interface, const MacAddress& from,
                                      std::span<const std::uint8_t> bytes, Millis now) {
    const auto ip = read_ip(bytes);
    const auto nd = ip ? read_nd(*ip) : std::nullopt;
    if (!nd) return DropReason::bad_l4_header;
    if (nd->link_layer == interface.mac) return std::nullopt;
    if (nd->solicitation) {
        if (nd->link_layer && !interface.answers(nd->source))
            resolver_.overheard(interface.at, nd->source, *nd->link_layer, now);
        // A unicast solicitation may leave its MAC address out: it is in the frame.
        if (interface.answers(nd->target))
            emit(neighbour_advertisement(interface, *nd, nd->link_layer.value_or(from)));
        return std::nullopt;
    }
    if (interface.answers(nd->target)) {
        defend(interface, nd->target, now);
        return std::nullopt;
    }
    const MacAddress mac = nd->link_layer.value_or(from);
    if (nd->solicited)
        resolver_.answered(interface.at, nd->target, mac, now);
    else if (nd->override_flag)
        resolver_.overheard(interface.at, nd->target, mac, now);
    return std::nullopt;
}

// Another host claims an address of ours: say whose it is, at most once a second (RFC 5227 2.4 c).
void Host::defend(const HostInterface& interface, const IpAddress& address, Millis now) {
    if (address == interface.link_local || !defences_.take(now)) return;
    announcer_.one(interface.at, address, now);
}

std::optional<DropReason> Host::on_echo(const HostInterface& interface,
                                        std::span<const std::uint8_t> bytes, Millis now) {
    const auto ip = read_ip(bytes);
    if (!ip) return DropReason::bad_ip_header;
    if (!is_echo_request(*ip)) return DropReason::bad_l4_header;
    const auto index = static_cast<std::size_t>(&interface - interfaces_.all().data());
    if (!echo_limits_[index].take(now)) return DropReason::host_rate_limit;
    const auto out = egress(ip->source);
    if (!out) return DropReason::no_route;
    // What came in whole may still be too long for the way back.
    const std::size_t header = ip->source.is_v4() ? 20 : 40;
    if (header + ip->payload.size() > out->interface->mtu) return DropReason::too_big;
    Frame frame(out->interface->at, out->interface->mac, MacAddress{},
                ip->source.is_v4() ? kEtherTypeIpv4 : kEtherTypeIpv6);
    append_echo_reply(frame, *ip);
    if (rte_mbuf* packet = sink_.make(frame.bytes()))
        resolver_.send(packet, frame.at(), out->next_hop, now);
    return std::nullopt;
}

void Host::on_unresolved(rte_mbuf* frame, const PacketNote& note, Millis now) {
    now_ = now;
    const HostInterface* interface = interfaces_.find(note.at);
    if (interface == nullptr) {
        sink_.discard(frame, DropReason::unknown_interface);  // gone while the packet was under way
        return;
    }
    resolver_.send(frame, note.at, note.next_hop, now);
}

void Host::on_link(std::uint16_t device, bool up, Millis now) {
    now_ = now;
    if (up) announcer_.link_up(interfaces_, device, now);
}

void Host::tick(Millis now) {
    now_ = now;
    announcer_.tick(interfaces_, now);
    resolver_.tick(now);
    prober_.tick(now);
}

void Host::ask(Attachment at, const IpAddress& next_hop, const std::optional<MacAddress>& to) {
    const HostInterface* interface = interfaces_.find(at);
    if (interface == nullptr) return;
    const auto source = interface->source_for(next_hop);
    if (!source) return;
    emit(next_hop.is_v4() ? arp_request(*interface, *source, next_hop, to)
                          : neighbour_solicitation(*interface, *source, next_hop, to));
}

void Host::emit(const Frame& frame) {
    if (rte_mbuf* packet = sink_.make(frame.bytes())) sink_.transmit(packet, frame.at());
}

void Host::send_ip(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                   std::span<const std::uint8_t> payload) {
    const auto out = egress(destination);
    if (!out) return;
    Frame frame(out->interface->at, out->interface->mac, MacAddress{},
                source.is_v4() ? kEtherTypeIpv4 : kEtherTypeIpv6);
    frame.append_ip(source, destination, protocol, payload.size(), 64);
    std::memcpy(frame.append(payload.size()), payload.data(), payload.size());
    if (rte_mbuf* packet = sink_.make(frame.bytes()))
        resolver_.send(packet, frame.at(), out->next_hop, now_);
}

std::optional<Host::Egress> Host::egress(const IpAddress& destination) const {
    if (!policy_) return std::nullopt;
    const auto hop = policy::route(*policy_, destination);
    if (!hop) return std::nullopt;
    return Egress{&interfaces_.all()[hop->interface], hop->address};
}

}  // namespace portcullis::dataplane
