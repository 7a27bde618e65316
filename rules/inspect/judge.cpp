#include "rules/inspect/judge.h"

#include <algorithm>
#include <array>

#include "rules/inspect/dns_question.h"
#include "rules/inspect/http_header.h"
#include "rules/inspect/scan.h"
#include "rules/inspect/sslv2_hello.h"
#include "rules/inspect/tls_hello.h"
#include "rules/inspect/turn_stream.h"
#include "rules/inspect/xmpp_header.h"

namespace portcullis::inspect {

namespace {

using policy::ProtocolClass;

constexpr std::uint8_t kTlsHandshake = 22;
constexpr std::uint32_t kTlsHead = 9;  // record and handshake headers
constexpr std::uint32_t kShortestHello = 41;
constexpr std::uint32_t kLongestDnsQuery = 4096;
// Keepalives are shorter than anything that has a header.
constexpr std::size_t kKeepalive = 2;

Judgement judge_name(const Protocol& protocol, const TlsHello& hello) {
    if (!hello.has_name()) {
        return protocol.missing_name == policy::MissingName::refuse
                   ? Judgement::violation(Violation::name_missing)
                   : Judgement::match(hello.bytes);
    }
    return protocol.names == nullptr || protocol.names->empty() || protocol.publishes(hello.name())
               ? Judgement::match(hello.bytes)
               : Judgement::violation(Violation::name_not_published);
}

// The whole of it, names or not: what only begins as a hello is none.
Judgement judge_hello(const Protocol& protocol, const TlsHello& hello) {
    switch (hello.state) {
        case TlsHello::State::more:
            return Judgement::viable(hello.bytes);
        case TlsHello::State::malformed:
            return Judgement::violation(Violation::bad_hello);
        case TlsHello::State::complete:
            break;
    }
    return judge_name(protocol, hello);
}

// The hello that MS-TURN clients send in front of TURN ([MS-TURN] 2.1.1) is well-formed TLS, and
// nobody who wants TLS offers DH_anon_WITH_RC4_128_MD5 alone.
bool is_pseudo_hello(Bytes hello) {
    constexpr std::array<std::uint8_t, 7> kSuites = {0, 0, 2, 0, 0x18, 1, 0};
    return std::ranges::equal(hello.subspan(43, kSuites.size()), kSuites);
}

Judgement judge_tls(const Protocol& protocol, Bytes stream) {
    constexpr std::uint32_t kPseudoHello = 50;
    if (stream[0] != kTlsHandshake) return judge_hello(protocol, parse_sslv2_hello(stream));
    if (stream.size() < kTlsHead) return Judgement::viable(kTlsHead);
    const std::uint32_t record = be16(stream, 3);
    const std::uint32_t hello = be16(stream, 7);
    if (record == 0 || hello < kShortestHello || record > hello + 4)
        return Judgement::violation(Violation::bad_length);
    if (record == 45 && hello == kShortestHello && stream.size() >= kPseudoHello &&
        is_pseudo_hello(stream))
        return Judgement::violation(Violation::wrong_protocol);
    return judge_hello(protocol, parse_client_hello(stream));
}

Judgement judge_dns_tcp(Bytes stream) {
    if (stream.size() < 2) return Judgement::viable(2);
    const std::uint32_t length = be16(stream, 0);
    if (length < kDnsHeader || length > kLongestDnsQuery)
        return Judgement::violation(Violation::bad_length);
    if (stream.size() < 2 + length) return Judgement::viable(2 + length);
    const auto why = check_dns_question(stream.subspan(2, length));
    return why ? Judgement::violation(*why) : Judgement::match(2 + length);
}

Judgement judge_structure(const Protocol& protocol, Bytes stream, std::uint32_t end) {
    switch (protocol.protocol) {
        case ProtocolClass::sip_tls:
        case ProtocolClass::psom_tls:
        case ProtocolClass::https:
        case ProtocolClass::xmpp_gateway:
        case ProtocolClass::logging:
        case ProtocolClass::sba_https:
            return judge_tls(protocol, stream);
        case ProtocolClass::http:
            return judge_http_header(stream, end);
        case ProtocolClass::dns_tcp:
            return judge_dns_tcp(stream);
        case ProtocolClass::turn_tcp:
        case ProtocolClass::media_tcp:
            return judge_turn_stream(stream);
        case ProtocolClass::xmpp:
            return judge_xmpp_header(stream, end);
        case ProtocolClass::none:
        case ProtocolClass::custom:
        case ProtocolClass::dns_udp:
        case ProtocolClass::turn_udp:
        case ProtocolClass::media_udp:
            break;
    }
    return Judgement::match(end);
}

// What the patterns look at: more bytes change nothing, and cost.
Bytes head_of(const Protocol& protocol, Bytes bytes) {
    return protocol.width == 0 ? bytes
                               : bytes.first(std::min<std::size_t>(bytes.size(), protocol.width));
}

}  // namespace

Judgement judge_stream(const Protocol& protocol, Scratch& scratch, Bytes stream) {
    const Bytes head = head_of(protocol, stream);
    const Found found = scan(protocol.database, scratch.get(), head);
    const auto next = static_cast<std::uint32_t>(stream.size()) + 1;
    const bool all = protocol.width != 0 && stream.size() >= protocol.width;
    switch (found.scan) {
        case Scan::complete:
            return judge_structure(protocol, stream, found.end);
        case Scan::viable:
            break;
        case Scan::nothing:
            if (protocol.twins) return Judgement::violation(Violation::wrong_protocol);
            break;
    }
    return all ? Judgement::violation(Violation::wrong_protocol) : Judgement::viable(next);
}

DatagramJudgement judge_datagram(const Protocol& protocol, Scratch& scratch, Bytes datagram) {
    const bool media = protocol.protocol == ProtocolClass::media_udp ||
                       protocol.protocol == ProtocolClass::turn_udp;
    if (media && datagram.size() <= kKeepalive) return {Judgement::viable(0), {}};
    const Found found = scan(protocol.database, scratch.get(), head_of(protocol, datagram));
    const auto size = static_cast<std::uint32_t>(datagram.size());
    if (found.scan != Scan::complete) return {Judgement::violation(Violation::wrong_protocol), {}};
    if (protocol.protocol == ProtocolClass::dns_udp) {
        const auto why = check_dns_question(datagram);
        return {why ? Judgement::violation(*why) : Judgement::match(size), {}};
    }
    if (!media) return {Judgement::match(size), {}};
    const Media what = classify_media(datagram);
    switch (what.kind) {
        case MediaKind::stun:
            return {Judgement::match(size), what};
        case MediaKind::rtp:
        case MediaKind::rtcp:
            return {Judgement::viable(0), what};
        case MediaKind::broken:
            return {Judgement::violation(Violation::bad_length), what};
        case MediaKind::other:
            break;
    }
    return {Judgement::violation(Violation::wrong_protocol), what};
}

}  // namespace portcullis::inspect
