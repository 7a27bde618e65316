// What genuine clients and others send first, for tests of conformance.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace portcullis::test {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::string_view text);

// A TLS 1.2 ClientHello that names `server`, "" for none, in one record; `padding` bytes of an
// extension nobody knows make it longer (RFC 8446 4.1.2, RFC 6066 3).
Bytes client_hello(std::string_view server = "sip.example.com", std::size_t padding = 0);

Bytes ssh_banner();

// A STUN binding request without attributes (RFC 5389 6).
Bytes stun_request(std::uint8_t transaction = 1);

// A query for the address of example.com (RFC 1035 4.1).
Bytes dns_query();

}  // namespace portcullis::test
