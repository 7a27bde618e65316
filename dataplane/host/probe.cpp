#include "dataplane/host/probe.h"

#include <algorithm>
#include <set>

namespace portcullis::dataplane {

namespace {

constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kTcpWithMss = 24;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kStunHeader = 20;
constexpr std::uint32_t kStunCookie = 0x2112a442;  // RFC 5389 section 6
constexpr std::uint8_t kSyn = 0x02, kRst = 0x04, kAck = 0x10;
constexpr Millis kAnswerWithin = 1000;

std::array<std::uint8_t, kTcpWithMss> tcp_segment(const IpAddress& source,
                                                  const IpAddress& destination,
                                                  std::uint16_t source_port,
                                                  std::uint16_t destination_port,
                                                  std::uint32_t sequence, std::uint8_t flags) {
    std::array<std::uint8_t, kTcpWithMss> tcp{};
    write16(&tcp[0], source_port);
    write16(&tcp[2], destination_port);
    write32(&tcp[4], sequence);
    tcp[12] = (kTcpWithMss / 4) << 4;
    tcp[13] = flags;
    write16(&tcp[14], 1024);
    tcp[20] = 2;  // MSS (RFC 793 section 3.1): a SYN without one looks like a scan to some stacks
    tcp[21] = 4;
    write16(&tcp[22], 1220);
    write16(&tcp[16], internet_checksum(
                          tcp, pseudo_header_sum(source, destination, kProtocolTcp, tcp.size())));
    return tcp;
}

}  // namespace

Prober::Prober(HostSink& sink, Send send, SourceFor source_for, std::uint64_t seed)
    : sink_(sink), send_(std::move(send)), source_for_(std::move(source_for)), random_(seed) {}

void Prober::on_policy(const policy::Policy& policy, Millis now) {
    settings_ = policy.settings;
    std::vector<Watched> watched;
    std::set<Target> wanted;
    for (std::uint32_t s = 0; s < policy.services.size(); ++s) {
        const policy::Service& service = policy.services[s];
        if (service.probe == policy::ProbeKind::none) {
            for (std::uint32_t n = 0; n < service.nodes.size(); ++n) sink_.node_changed(s, n, true);
            continue;
        }
        for (std::uint32_t n = 0; n < service.nodes.size(); ++n) {
            Watched entry{.service = s,
                          .node = n,
                          .service_name = service.name,
                          .node_name = service.nodes[n].name,
                          .address = service.nodes[n].address,
                          .since = now};
            for (const std::uint16_t port : service.probe_ports) {
                entry.targets.push_back({service.nodes[n].address, service.probe, port});
                wanted.insert(entry.targets.back());
            }
            const auto known = std::ranges::find_if(watched_, [&](const Watched& old) {
                return old.service_name == entry.service_name && old.address == entry.address;
            });
            if (known != watched_.end()) {
                entry.since = known->since;
                entry.up = known->up;
            }
            watched.push_back(std::move(entry));
        }
    }
    watched_ = std::move(watched);
    std::erase_if(checks_, [&](const auto& item) { return !wanted.contains(item.first); });
    std::erase_if(by_port_, [&](const auto& item) { return !wanted.contains(item.second); });
    // New checks are spread over one interval, so that a large pool is not asked in one burst.
    std::size_t number = 0;
    for (const Target& target : wanted) {
        const auto [it, added] = checks_.try_emplace(target);
        if (added) it->second.next = now + settings_.probe_interval_ms * number / wanted.size();
        ++number;
    }
    // What the new policy took over of its nodes when it was built may have changed since.
    review(now, true);
}

void Prober::tick(Millis now) {
    const Millis patience = std::min<Millis>(kAnswerWithin, settings_.probe_interval_ms);
    for (auto& [target, check] : checks_) {
        if (check.asked != 0 && now >= check.asked + patience) settle(check, false, now);
        if (check.asked == 0 && now >= check.next) ask(target, check, now);
    }
    review(now);
}

void Prober::ask(const Target& target, Check& check, Millis now) {
    check.asked = now;
    check.next = now + settings_.probe_interval_ms;
    const auto source = source_for_(target.address);
    if (!source) return;  // no route: the silence will speak
    // Every probe has a port of its own, so late answers to an earlier one are no answers to this.
    for (unsigned i = 0; i <= kProbePorts.last - kProbePorts.first && by_port_.contains(next_port_);
         ++i)
        next_port_ = next_port_ == kProbePorts.last ? kProbePorts.first : next_port_ + 1;
    check.source_port = next_port_;
    check.source = *source;
    next_port_ = next_port_ == kProbePorts.last ? kProbePorts.first : next_port_ + 1;
    by_port_[check.source_port] = target;
    if (target.kind == policy::ProbeKind::tcp) {
        check.sequence = static_cast<std::uint32_t>(random_());
        send_(check.source, target.address, kProtocolTcp,
              tcp_segment(check.source, target.address, check.source_port, target.port,
                          check.sequence, kSyn));
        return;
    }
    std::array<std::uint8_t, kUdpHeader + kStunHeader> udp{};
    write16(&udp[0], check.source_port);
    write16(&udp[2], target.port);
    write16(&udp[4], static_cast<std::uint16_t>(udp.size()));
    std::uint8_t* stun = &udp[kUdpHeader];
    write16(stun, 0x0001);  // binding request
    write32(stun + 4, kStunCookie);
    for (std::uint8_t& byte : check.transaction) byte = static_cast<std::uint8_t>(random_());
    std::memcpy(stun + 8, check.transaction.data(), check.transaction.size());
    const std::uint16_t sum = internet_checksum(
        udp, pseudo_header_sum(check.source, target.address, kProtocolUdp, udp.size()));
    write16(&udp[6], sum == 0 ? 0xffff : sum);
    send_(check.source, target.address, kProtocolUdp, udp);
}

void Prober::settle(Check& check, bool answered, Millis) {
    by_port_.erase(check.source_port);
    check.source_port = 0;
    check.asked = 0;
    check.good = answered ? check.good + 1 : 0;
    check.bad = answered ? 0 : check.bad + 1;
    if (check.up && check.bad >= settings_.probe_fall) check.up = false;
    if (!check.up && check.good >= settings_.probe_rise) check.up = true;
}

void Prober::review(Millis now, bool tell_all) {
    for (Watched& entry : watched_) {
        const bool up = std::ranges::all_of(
            entry.targets, [&](const Target& target) { return checks_.at(target).up; });
        if (up == entry.up && !tell_all) continue;
        if (up != entry.up) entry.since = now;
        entry.up = up;
        sink_.node_changed(entry.service, entry.node, up);
    }
}

bool Prober::on_answer(const IpView& packet, Millis now) {
    if (packet.payload.size() < kUdpHeader) return false;
    const auto it = by_port_.find(read16(&packet.payload[2]));
    if (it == by_port_.end()) return is_late(packet);
    const Target target = it->second;
    Check& check = checks_.at(target);
    if (!comes_from(packet, target) || packet.destination != check.source) return is_late(packet);
    const bool tcp = target.kind == policy::ProbeKind::tcp;
    // A UDP checksum of zero means none (IPv4 only; parse has refused it for IPv6).
    const bool unsummed = !tcp && read16(&packet.payload[6]) == 0;
    if (!unsummed &&
        internet_checksum(packet.payload,
                          pseudo_header_sum(packet.source, packet.destination, packet.protocol,
                                            packet.payload.size())) != 0)
        return false;
    const bool taken = tcp ? on_tcp(target, check, packet, now) : on_stun(check, packet, now);
    if (taken) review(now);
    return taken;
}

bool Prober::comes_from(const IpView& packet, const Target& target) {
    const bool tcp = target.kind == policy::ProbeKind::tcp;
    return packet.source == target.address && read16(&packet.payload[0]) == target.port &&
           packet.protocol == (tcp ? kProtocolTcp : kProtocolUdp);
}

// The answer to a probe that has been given up, or a second one: expected, and of no use.
bool Prober::is_late(const IpView& packet) const {
    return std::ranges::any_of(checks_,
                               [&](const auto& item) { return comes_from(packet, item.first); });
}

bool Prober::on_tcp(const Target& target, Check& check, const IpView& packet, Millis now) {
    if (packet.payload.size() < kTcpHeader) return false;
    const std::uint8_t flags = packet.payload[13];
    if ((flags & kAck) == 0 || read32(&packet.payload[8]) != check.sequence + 1) return false;
    if ((flags & kRst) != 0) {
        settle(check, false, now);
        return true;
    }
    if ((flags & kSyn) == 0) return false;
    send_(check.source, target.address, kProtocolTcp,
          tcp_segment(check.source, target.address, check.source_port, target.port,
                      check.sequence + 1, kRst));
    settle(check, true, now);
    return true;
}

bool Prober::on_stun(Check& check, const IpView& packet, Millis now) {
    if (packet.payload.size() < kUdpHeader + kStunHeader) return false;
    const std::uint8_t* stun = &packet.payload[kUdpHeader];
    const std::uint16_t type = read16(stun);
    if (type != 0x0101 && type != 0x0111) return false;
    if (read32(stun + 4) != kStunCookie ||
        std::memcmp(stun + 8, check.transaction.data(), check.transaction.size()) != 0)
        return false;
    settle(check, true, now);
    return true;
}

std::vector<Prober::Listed> Prober::list() const {
    std::vector<Listed> out;
    for (const Watched& entry : watched_)
        out.push_back({entry.service_name, entry.node_name, entry.address, entry.up, entry.since});
    return out;
}

}  // namespace portcullis::dataplane
