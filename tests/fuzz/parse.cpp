// The packet parser on frames of any kind: nothing is read behind the frame's end, and what passes
// keeps the promises that the stages behind it rely on.
//
// The first bytes of an input say what the device has said about the frame, and what is to be made
// right in it, so that checksums and addresses are no obstacle.
#include "dataplane/stages/parse.h"

#include "dataplane/nat/icmp_error.h"
#include "dataplane/nat/originate.h"
#include "dataplane/nat/rewrite.h"
#include "dataplane/session/stun.h"
#include "dataplane/session/tcp.h"
#include "dataplane/stages/parse_quickly.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/frames.h"

namespace portcullis::dataplane {
namespace {

constexpr MacAddress kOwn{0x02, 0, 0, 0, 0, 0x01};
constexpr std::uint16_t kDevice = 3;

struct Frame {
    test::Bytes bytes;
    std::uint64_t device_says = 0;  // ol_flags
    std::uint16_t stripped_tag = 0;
};

Frame make_frame(fuzz::Input& in) {
    enum : std::uint8_t {
        kToUs = 1,
        kHeaderChecksum = 2,
        kStripped = 4,
        kSaysGood = 8,
        kSaysBad = 16
    };
    Frame frame;
    const auto how = in.u8();
    frame.stripped_tag = in.u16();
    const auto rest = in.rest();
    frame.bytes.assign(rest.begin(), rest.end());
    auto& bytes = frame.bytes;
    if ((how & kStripped) != 0)
        frame.device_says |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    if ((how & kSaysGood) != 0) frame.device_says |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    if ((how & kSaysBad) != 0) frame.device_says |= RTE_MBUF_F_RX_IP_CKSUM_BAD;
    if ((how & kToUs) != 0 && bytes.size() >= kOwn.size())
        std::copy(kOwn.begin(), kOwn.end(), bytes.begin());
    const std::size_t ip = bytes.size() > 13 && bytes[12] == 0x81 && bytes[13] == 0 ? 18 : 14;
    if ((how & kHeaderChecksum) != 0 && bytes.size() >= ip + 20) {
        test::put16(bytes, ip + 10, 0);
        test::put16(bytes, ip + 10, ~test::slow_sum(bytes, ip, ip + 20) & 0xffff);
    }
    return frame;
}

// The packet that a view shows, for the slow ways of test_packets.h.
test::TestPacket copy_of(const PacketView& view) {
    test::TestPacket packet;
    packet.bytes.assign(view.l3, view.l3 + view.l3_bytes);
    packet.l4 = view.l4_offset;
    packet.family = view.family;
    packet.protocol = view.protocol;
    return packet;
}

void require_view(const PacketView& view, const test::Bytes& frame, const std::uint8_t* start) {
    fuzz::require(view.l3 >= start + 14 && view.l3 + view.l3_bytes <= start + frame.size(),
                  "a packet outside of its frame");
    fuzz::require(view.l4_offset >= (view.family == Family::ipv4 ? 20 : 40) &&
                      view.l3_bytes >= view.l4_offset + 8U,
                  "a transport header outside of its packet");
}

// A flow's key tells its addresses and ports, and it translates to any other, with its checksums.
void require_flow(PacketView& view, const FlowKey& key) {
    auto copy = copy_of(view);
    fuzz::require(key == test::key_of(copy, key.interface), "a key of another packet");
    FlowKey other = key;
    std::swap(other.source, other.destination);
    std::swap(other.source_port, other.destination_port);
    const bool v4 = view.family == Family::ipv4;
    other.destination = test::ip(v4 ? "203.0.113.77" : "2001:db8:7::77");
    if (key.protocol != 1) other.destination_port = 61234;
    const bool right = copy.checksums_right();
    translate(view, other);
    const auto translated = copy_of(view);
    fuzz::require(!right || translated.checksums_right(), "a translation that spoils checksums");
    FlowKey as_sent = key;
    as_sent.source = other.destination;
    if (key.protocol != 1) as_sent.source_port = other.destination_port;
    fuzz::require(as_sent == test::key_of(translated, key.interface), "a translation to elsewhere");
}

// What later stages read of a flow's packet.
void require_readable(const PacketView& view) {
    TcpSegment segment;
    if (view.protocol == 6) {
        fuzz::require(read_tcp_segment(view, segment), "a TCP header that cannot be read");
        fuzz::require(segment.payload <= view.l4_bytes() - 20, "more payload than packet");
        fuzz::require(!segment.has_scale || segment.scale <= 14, "a scale above 14");
    }
    if (view.protocol == 17 && read_stun(view).kind != StunMessage::Kind::none)
        fuzz::require(may_be_stun(view), "STUN that may not be STUN");
    std::array<std::uint8_t, kMaxOriginatedBytes> answer{};
    const auto source =
        view.family == Family::ipv4 ? test::ip("192.0.2.1") : test::ip("2001:db8::1");
    for (const auto error : {IcmpError::time_exceeded, IcmpError::too_big})
        fuzz::require(build_icmp_error(view, error, 1400, source, answer) <= answer.size(),
                      "an ICMP error beyond its buffer");
    if (view.protocol == 6)
        fuzz::require(build_tcp_reset(view, answer) <= answer.size(), "a reset beyond its buffer");
}

// An error's quote lies inside it, and is translated there.
void require_error(PacketView& view, std::uint16_t interface) {
    const auto quoted = parse_icmp_error(view, interface);
    fuzz::require(quoted.has_value(), "an ICMP error that passed once, and not again");
    fuzz::require(
        quoted->l4_offset >= quoted->l3_offset + 20 && quoted->l4_offset + 8U <= view.l3_bytes,
        "a quote outside of its error");
    FlowKey other = quoted->key;
    std::swap(other.source, other.destination);
    std::swap(other.source_port, other.destination_port);
    other.source =
        view.family == Family::ipv4 ? test::ip("203.0.113.77") : test::ip("2001:db8:7::77");
    translate_icmp_error(view, *quoted, other);
}

// The short way says what the long one says, or nothing.
void require_same(rte_mbuf& mbuf, const Parsed& parsed, const Headers& packet) {
    Attachment ingress{kDevice, 0};
    PacketView view;
    FlowKey stored;
    const auto pass = [&stored](const KeyWords& key) { return store(key, stored), true; };
    if (!parse_quickly(mbuf, mac_word(kOwn), ingress, view, pass)) return;
    fuzz::require(parsed.fate == Fate::live && packet.kind == PacketKind::flow,
                  "quickly passed what is to be dropped");
    fuzz::require(stored == packet.key && ingress == packet.ingress, "another key, quickly");
    fuzz::require(view.l3 == packet.view.l3 && view.l3_bytes == packet.view.l3_bytes &&
                      view.l4_offset == packet.view.l4_offset &&
                      view.family == packet.view.family && view.protocol == packet.view.protocol,
                  "another view, quickly");
}

void one_frame(fuzz::Input& in) {
    const auto frame = make_frame(in);
    constexpr std::size_t kLargest = 9000;
    if (frame.bytes.size() > kLargest) return;
    test::HandMadeMbuf buffer(frame.bytes);
    buffer.mbuf().ol_flags = frame.device_says;
    buffer.mbuf().vlan_tci = frame.stripped_tag;
    Attachment ingress{kDevice, 0};
    PacketView view;
    FlowKey key;
    PacketKind kind = PacketKind::flow;
    Headers headers{ingress, view, key, kind};
    auto parsed = parse_ethernet(buffer.mbuf(), mac_word(kOwn), headers);
    if (parsed.fate == Fate::live) parsed = parse_payload(headers);
    require_same(buffer.mbuf(), parsed, headers);
    const auto* start = rte_pktmbuf_mtod(&buffer.mbuf(), const std::uint8_t*);
    if (parsed.fate == Fate::dropped) {
        fuzz::require(!to_string(parsed.reason).empty(), "dropped for no reason");
        return;
    }
    if (parsed.fate == Fate::punted) {
        fuzz::require(parsed.note == NoteKind::arp || parsed.note == NoteKind::nd,
                      "punted as something that parse does not punt");
        fuzz::require(view.l3 >= start + 14 && view.l3 + 28 <= start + frame.bytes.size(),
                      "punted without what its note promises");
        return;
    }
    require_view(view, frame.bytes, start);
    fuzz::require(key.zero == 0 && key.interface == wire_id(ingress), "an untidy key");
    fuzz::require(key.source.family() == view.family && key.destination.family() == view.family,
                  "a key of another family");
    if (kind == PacketKind::icmp_error) return require_error(view, key.interface);
    require_readable(view);
    require_flow(view, key);
}

}  // namespace
}  // namespace portcullis::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    portcullis::fuzz::Input in(data, size);
    portcullis::dataplane::one_frame(in);
    return 0;
}
