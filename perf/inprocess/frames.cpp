#include "perf/inprocess/frames.h"

#include <algorithm>
#include <cstring>

#include "dataplane/nat/checksum.h"

namespace portcullis::perf {

using dataplane::MacAddress;
using policy::IpAddress;
using policy::NatKind;
using policy::Transport;

namespace {

constexpr unsigned kEthernet = 14, kIpv4 = 20, kIpv6 = 40, kUdp = 8, kTcp = 20;
constexpr std::uint16_t kForbiddenPort = 9;  // discard
constexpr std::uint32_t kClientIsn = 1000, kNodeIsn = 5000;

void put16(std::uint8_t* at, unsigned value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
void put32(std::uint8_t* at, std::uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

// Sums of words as they lie in memory, folded enough to add a few more.
std::uint32_t sum(const std::uint8_t* at, unsigned bytes) {
    std::uint32_t total = 0;
    for (unsigned i = 0; i < bytes; i += 2) total += dataplane::load_word(at + i);
    return total;
}

bool from_client(Kind kind) {
    return kind != Kind::answer && kind != Kind::reply;
}

struct TcpShape {
    std::uint8_t flags;
    std::uint32_t sequence, ack;
};
TcpShape tcp_shape(Kind kind) {
    constexpr std::uint8_t kSyn = 2, kAck = 16, kPushAck = 24;
    switch (kind) {
        case Kind::open:
            return {kSyn, kClientIsn, 0};
        case Kind::answer:
            return {kSyn | kAck, kNodeIsn, kClientIsn + 1};
        case Kind::reply:
            return {kPushAck, kNodeIsn + 1, kClientIsn + 1};
        case Kind::complete:
            return {kAck, kClientIsn + 1, kNodeIsn + 1};
        default:
            return {kPushAck, kClientIsn + 1, kNodeIsn + 1};
    }
}

}  // namespace

Frames::Frames(const Options& options)
    : options_(options), v4_(options.family == policy::Family::ipv4) {
    const unsigned headers =
        kEthernet + (v4_ ? kIpv4 : kIpv6) + (options.transport == Transport::tcp ? kTcp : kUdp);
    // 7:4:1 (RFC 6985 section 3), mixed as evenly as twelve allow.
    static constexpr std::array<unsigned, kSlots> kMix{0, 1, 0, 0, 1, 0, 2, 0, 1, 0, 1, 0};
    for (unsigned slot = 0; slot < kSlots; ++slot) {
        const unsigned of =
            std::min<unsigned>(kMix[slot], static_cast<unsigned>(options.sizes.size()) - 1);
        sizes_[slot] = std::max(options.sizes[of], headers);
        largest_ = std::max(largest_, sizes_[slot]);
    }
    for (unsigned kind = 0; kind < kKinds; ++kind)
        for (unsigned slot = 0; slot < kSlots; ++slot)
            for (unsigned node = 0; node < kNodes; ++node)
                templates_.push_back(make(static_cast<Kind>(kind), sizes_[slot], node));
    replies_.resize(options.sessions);
}

Frames::Template Frames::make(Kind kind, unsigned size, unsigned node_index) const {
    Template made;
    const bool inbound = from_client(kind);
    const bool tcp = options_.transport == Transport::tcp;
    std::uint8_t* frame = made.bytes.data();
    const MacAddress& to = inbound ? kWanMac : kDmzMac;
    const MacAddress& from = inbound ? kGatewayMac : kNodeMac;
    std::copy(to.begin(), to.end(), frame);
    std::copy(from.begin(), from.end(), frame + 6);
    put16(frame + 12, v4_ ? 0x0800 : 0x86dd);

    const Target target = target_of(options_);
    const IpAddress none = v4_ ? IpAddress::from_v4(0) : IpAddress{};
    // The client's address and the port that differs by flow are written later.
    const IpAddress node_address = node(options_, node_index);
    const IpAddress source = inbound ? none : node_address;
    IpAddress destination = inbound ? target.address : none;
    if (!inbound && options_.nat == NatKind::full) destination = target.address;

    std::uint8_t* ip = frame + kEthernet;
    const unsigned l4_bytes = size - kEthernet - (v4_ ? kIpv4 : kIpv6);
    std::uint8_t* l4 = ip + (v4_ ? kIpv4 : kIpv6);
    const std::uint8_t protocol = static_cast<std::uint8_t>(options_.transport);
    if (v4_) {
        ip[0] = 0x45;
        put16(ip + 2, kIpv4 + l4_bytes);
        put16(ip + 6, 0x4000);  // don't fragment
        ip[8] = 64;
        ip[9] = protocol;
        std::copy_n(source.bytes().begin() + 12, 4, ip + 12);
        std::copy_n(destination.bytes().begin() + 12, 4, ip + 16);
        made.ip_sum = sum(ip, kIpv4);
    } else {
        ip[0] = 0x60;
        put16(ip + 4, l4_bytes);
        ip[6] = protocol;
        ip[7] = 64;
        std::copy_n(source.bytes().begin(), 16, ip + 8);
        std::copy_n(destination.bytes().begin(), 16, ip + 24);
    }
    put16(l4 + (inbound ? 2 : 0), kind == Kind::forbidden ? kForbiddenPort : target.port);
    if (tcp) {
        const TcpShape shape = tcp_shape(kind);
        put32(l4 + 4, shape.sequence);
        put32(l4 + 8, shape.ack);
        l4[12] = kTcp / 4 << 4;
        l4[13] = shape.flags;
        put16(l4 + 14, 0xffff);
    } else {
        put16(l4 + 4, l4_bytes);
    }
    // Behind the headers something that is no STUN: RTP version 2 (RFC 3550 section 5.1).
    if (!tcp && size >= kEthernet + (v4_ ? kIpv4 : kIpv6) + kUdp + 2) put16(l4 + kUdp, 0x8000);
    std::uint8_t pseudo[4];
    put16(pseudo, protocol);
    put16(pseudo + 2, l4_bytes);
    made.l4_sum =
        sum(pseudo, 4) + sum(l4, tcp ? kTcp : kUdp + 2) + (v4_ ? sum(ip + 12, 8) : sum(ip + 8, 32));
    return made;
}

void Frames::learn(std::uint32_t flow, const dataplane::FlowKey& responder) {
    replies_[flow].port = responder.destination_port;
    for (unsigned i = 0; i < kNodes; ++i)
        if (node(options_, i) == responder.source)
            replies_[flow].node = static_cast<std::uint8_t>(i);
}

unsigned Frames::write(Kind kind, std::uint32_t flow, std::uint8_t* frame) const {
    const bool inbound = from_client(kind);
    const unsigned slot = options_.sizes.size() == 1 ? 0 : flow % kSlots;
    const unsigned node = inbound ? 0 : replies_[flow].node;
    const Template& base =
        templates_[(static_cast<unsigned>(kind) * kSlots + slot) * kNodes + node];
    std::memcpy(frame, base.bytes.data(), kTemplateBytes);

    const Client client = client_of(flow, options_.family);
    std::uint8_t* ip = frame + kEthernet;
    std::uint8_t* l4 = ip + (v4_ ? kIpv4 : kIpv6);
    std::uint32_t l4_sum = base.l4_sum;
    // Behind a full-NAT VIP the node talks to the VIP, and the client's address is nowhere.
    if (inbound || options_.nat != NatKind::full) {
        const unsigned bytes = v4_ ? 4 : 16;
        std::uint8_t* at = ip + (v4_ ? (inbound ? 12 : 16) : (inbound ? 8 : 24));
        std::memcpy(at, client.address.bytes().data() + (16 - bytes), bytes);
        const std::uint32_t words = sum(at, bytes);
        l4_sum += words;
        if (v4_) dataplane::store_word(ip + 10, dataplane::finish_checksum(base.ip_sum + words));
    } else if (v4_) {
        dataplane::store_word(ip + 10, dataplane::finish_checksum(base.ip_sum));
    }
    std::uint8_t* port = l4 + (inbound ? 0 : 2);
    put16(port, inbound ? client.port : replies_[flow].port);
    l4_sum += dataplane::load_word(port);
    const std::uint16_t checksum = dataplane::finish_checksum(l4_sum);
    if (options_.transport == Transport::tcp)
        dataplane::store_word(l4 + 16, checksum);
    else
        dataplane::store_word(l4 + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
    return sizes_[slot];
}

}  // namespace portcullis::perf
