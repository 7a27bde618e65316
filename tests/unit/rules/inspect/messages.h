// Genuine first messages, made here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::inspect {

using Message = std::vector<std::uint8_t>;

Message operator+(Message a, const Message& b);
Message text(std::string_view characters);
Message be16_bytes(std::size_t value);

struct Hello {
    std::string name = "meet.example.com";  // "" for none
    bool extensions = true;
    std::size_t padding = 0;  // bytes of an extension more
    std::size_t records = 1;  // that it is cut into
    std::uint8_t minor = 3;   // of the version
    std::size_t session_id = 32;
    Message suites = {};  // none: three usual ones
};
Message client_hello(const Hello& hello = {});
// In the form of SSL 2.0 (RFC 5246 E.2).
Message sslv2_hello(const Message& ciphers = {0, 0, 0x35, 1, 0, 0x80}, std::uint8_t major = 3);
Message hello_body(const Hello& hello);  // the handshake message without records
// `body` in records of these sizes; what is left goes into one more.
Message in_records(const Message& body, const std::vector<std::size_t>& sizes);

Message stun_binding(std::size_t attributes = 2);
Message ms_turn_allocate(std::size_t username = 7);
Message ms_turn_framed(const Message& inside, std::uint8_t type = 2);
Message rfc4571(const Message& inside);
Message multiplexed(const Message& inside);
Message pseudo_hello();
Message rtp(std::uint32_t ssrc, std::uint16_t sequence, std::size_t payload = 160);
Message rtcp(std::uint32_t ssrc, std::size_t trailer = 14);
Message http_request(std::string_view line = "GET /autodiscover HTTP/1.1");
Message xmpp_stream();
Message dns_query(std::string_view name = "sip.example.com", std::uint16_t type = 1,
                  bool edns = true);
Message dns_over_tcp(const Message& query);

}  // namespace portcullis::inspect
