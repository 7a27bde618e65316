#include "rules/inspect/sslv2_hello.h"

namespace portcullis::inspect {

namespace {

constexpr std::uint32_t kRecordHeader = 2;
constexpr std::uint32_t kHead = 11;  // record header, type, version and three lengths
constexpr std::uint32_t kCipher = 3;

// One that SSL 2.0 does not have: its own begin with a byte that is not 0.
bool offers_tls(Bytes ciphers) {
    for (; ciphers.size() >= kCipher; ciphers = ciphers.subspan(kCipher))
        if (ciphers[0] == 0) return true;
    return false;
}

}  // namespace

TlsHello parse_sslv2_hello(Bytes stream) {
    TlsHello hello;
    hello.bytes = kHead;
    if (stream.size() < kHead) return hello;
    const std::uint32_t length = be16(stream, 0) & 0x7fffU;
    const std::uint32_t ciphers = be16(stream, 5);
    const std::uint32_t session = be16(stream, 7);
    const std::uint32_t challenge = be16(stream, 9);
    const bool fits = ciphers != 0 && ciphers % kCipher == 0 && (session == 0 || session == 16) &&
                      challenge >= 16 && challenge <= 32 &&
                      length == kHead - kRecordHeader + ciphers + session + challenge;
    if (!fits) {
        hello.state = TlsHello::State::malformed;
        return hello;
    }
    hello.bytes = kRecordHeader + length;
    if (stream.size() < hello.bytes) return hello;
    hello.state = offers_tls(stream.subspan(kHead, ciphers)) ? TlsHello::State::complete
                                                             : TlsHello::State::malformed;
    return hello;
}

}  // namespace portcullis::inspect
