// The TLS ClientHello at the beginning of a stream, up to TLS 1.3: RFC 8446 4.1.2 and 5.1, RFC 5246
// 7.4.1.2, RFC 6066 3.
//
//     const TlsHello hello = parse_client_hello(stream);
//     if (hello.state == TlsHello::State::complete && hello.has_name()) ... hello.name()
//
// It may lie in several records, and `stream` may end anywhere. Each length is held against those
// around it as soon as it can be read, so that a hello is found malformed without its end.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "rules/inspect/bytes.h"

namespace portcullis::inspect {

struct TlsHello {
    enum class State : std::uint8_t { more, complete, malformed };
    State state = State::more;
    // complete: how long the hello is, record headers included. more: it is not complete before as
    // many bytes have arrived.
    std::uint32_t bytes = 0;

    bool has_name() const { return name_length != 0; }
    std::string_view name() const { return {name_bytes.data(), name_length}; }
    // As sent; printable ASCII.
    std::array<char, 255> name_bytes;
    std::uint8_t name_length = 0;
};

TlsHello parse_client_hello(Bytes stream);

}  // namespace portcullis::inspect
