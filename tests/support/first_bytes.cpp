#include "tests/support/first_bytes.h"

#include <algorithm>

namespace portcullis::test {

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

Bytes client_hello(std::string_view server, std::size_t padding) {
    const auto put = [](Bytes& to, std::size_t value, unsigned bytes) {
        for (unsigned i = bytes; i-- > 0;)
            to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    Bytes extensions;
    if (!server.empty()) {
        put(extensions, 0, 2);
        put(extensions, server.size() + 5, 2);
        put(extensions, server.size() + 3, 2);
        put(extensions, 0, 1);
        put(extensions, server.size(), 2);
        for (const char c : server) extensions.push_back(static_cast<std::uint8_t>(c));
    }
    if (padding != 0) {
        put(extensions, 0x7a7a, 2);
        put(extensions, padding, 2);
        extensions.resize(extensions.size() + padding, 0x55);
    }
    Bytes body;
    put(body, 0x0303, 2);
    for (unsigned i = 0; i < 32; ++i) put(body, 7 * i, 1);  // random
    put(body, 0, 1);                                        // no session
    put(body, 4, 2);                                        // cipher suites
    put(body, 0xc02f002f, 4);
    put(body, 0x0100, 2);  // no compression
    put(body, extensions.size(), 2);
    body.insert(body.end(), extensions.begin(), extensions.end());
    Bytes hello;
    put(hello, 0x160301, 3);
    put(hello, body.size() + 4, 2);
    put(hello, 1, 1);
    put(hello, body.size(), 3);
    hello.insert(hello.end(), body.begin(), body.end());
    return hello;
}

Bytes ssh_banner() {
    return bytes_of("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
}

Bytes stun_request(std::uint8_t transaction) {
    Bytes request(20, transaction);
    const Bytes head = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    std::ranges::copy(head, request.begin());
    return request;
}

Bytes dns_query() {
    using namespace std::string_view_literals;
    return bytes_of(
        "\x12\x34\1\0\0\1\0\0\0\0\0\0\7"
        "example\3com\0\0\1\0\1"sv);
}

}  // namespace portcullis::test
