// The ClientHello parser on streams of any kind. It must say the same of a hello however much of it
// has arrived and however it is cut into records: what a prefix is called, the whole may not deny.
//
// The first byte of an input says how large the records are that a complete hello is cut into.
#include "rules/inspect/tls_hello.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace portcullis {
namespace {

using inspect::TlsHello;
using State = TlsHello::State;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kRecordHeader = 5;

// In memory of just that size, so that a read behind its end is seen.
TlsHello parse(std::span<const std::uint8_t> stream) {
    const auto exact = std::make_unique<std::uint8_t[]>(stream.size());
    std::copy(stream.begin(), stream.end(), exact.get());
    return inspect::parse_client_hello({exact.get(), stream.size()});
}

bool same_name(const TlsHello& a, const TlsHello& b) {
    return a.has_name() == b.has_name() && (!a.has_name() || a.name() == b.name());
}

// The handshake message of a complete hello, in records of `size` bytes.
Bytes in_records(std::span<const std::uint8_t> hello, std::size_t size) {
    Bytes message;
    for (std::size_t at = 0; at + kRecordHeader <= hello.size();) {
        const std::size_t length = hello[at + 3] * 256U + hello[at + 4];
        const auto part = hello.subspan(at + kRecordHeader)
                              .first(std::min(length, hello.size() - at - kRecordHeader));
        message.insert(message.end(), part.begin(), part.end());
        at += kRecordHeader + length;
    }
    Bytes records;
    for (std::size_t at = 0; at < message.size(); at += size) {
        const auto part = std::min(size, message.size() - at);
        records.insert(records.end(), {0x16, 0x03, 0x01, static_cast<std::uint8_t>(part >> 8),
                                       static_cast<std::uint8_t>(part)});
        records.insert(records.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                       message.begin() + static_cast<std::ptrdiff_t>(at + part));
    }
    return records;
}

void require_complete(const TlsHello& hello, std::span<const std::uint8_t> stream,
                      std::size_t record) {
    fuzz::require(hello.bytes > 0 && hello.bytes <= stream.size(),
                  "a hello longer than its stream");
    fuzz::require(std::all_of(hello.name().begin(), hello.name().end(),
                              [](char c) { return c > 0x20 && c < 0x7f; }),
                  "a name that cannot be printed");
    const auto whole = stream.first(hello.bytes);
    const auto alone = parse(whole);
    fuzz::require(
        alone.state == State::complete && alone.bytes == hello.bytes && same_name(alone, hello),
        "a hello that depends on what follows it");
    const auto cut = in_records(whole, record);
    constexpr std::size_t kMostKept = 16384;
    if (cut.size() > kMostKept) return;
    const auto again = parse(cut);
    fuzz::require(again.state == State::complete && same_name(again, hello),
                  "a hello that depends on its records");
}

}  // namespace
}  // namespace portcullis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace portcullis;
    fuzz::Input in(data, size);
    const std::size_t record = 1 + in.u8();
    const auto stream = in.rest();
    const auto hello = parse(stream);
    if (hello.state == State::complete) require_complete(hello, stream, record);
    if (hello.state == State::more)
        fuzz::require(hello.bytes > stream.size(), "more is needed than the stream has already");
    // Of what is complete or open every prefix is open; malformed stays malformed.
    const std::size_t end = hello.state == State::complete ? hello.bytes : stream.size();
    bool malformed = false;
    constexpr std::size_t kMostPrefixes = 600;
    const std::size_t step = 1 + end / kMostPrefixes;
    for (std::size_t length = 0; length < end; length += step) {
        const auto prefix = parse(stream.first(length));
        fuzz::require(prefix.state != State::complete, "complete before its end");
        fuzz::require(!malformed || prefix.state == State::malformed, "malformed, and then not");
        malformed = prefix.state == State::malformed;
        if (prefix.state == State::more)
            fuzz::require(prefix.bytes > length &&
                              (hello.state != State::complete || prefix.bytes <= hello.bytes),
                          "a prefix asks for what is not needed");
    }
    fuzz::require(!malformed || hello.state == State::malformed,
                  "a malformed prefix of a sound hello");
    return 0;
}
