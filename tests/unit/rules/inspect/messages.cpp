#include "tests/unit/rules/inspect/messages.h"

namespace portcullis::inspect {

namespace {

Message vector16(const Message& inside) {
    return be16_bytes(inside.size()) + inside;
}
Message extension(std::size_t type, const Message& inside) {
    return be16_bytes(type) + vector16(inside);
}
Message attribute(std::size_t type, const Message& value) {
    return be16_bytes(type) + vector16(value);
}
Message be32_bytes(std::uint32_t value) {
    return be16_bytes(value >> 16) + be16_bytes(value & 0xffff);
}

}  // namespace

Message operator+(Message a, const Message& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Message text(std::string_view characters) {
    return {characters.begin(), characters.end()};
}
Message be16_bytes(std::size_t value) {
    return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Message hello_body(const Hello& hello) {
    Message suites = hello.suites;
    if (suites.empty()) suites = {0x13, 0x01, 0xc0, 0x2f, 0x00, 0x2f};
    Message body = {3, hello.minor};
    body = body + Message(32, 0x5a);
    body.push_back(static_cast<std::uint8_t>(hello.session_id));
    body = body + Message(hello.session_id, 0x11) + vector16(suites) + Message{1, 0};
    if (hello.extensions) {
        Message list = extension(0xff01, {0});
        if (!hello.name.empty())
            list = list + extension(0, vector16(Message{0} + vector16(text(hello.name))));
        list = list + extension(10, vector16({0, 29, 0, 23}));
        if (hello.padding > 0) list = list + extension(21, Message(hello.padding, 0));
        body = body + vector16(list);
    }
    const auto size = static_cast<std::uint32_t>(body.size());
    return Message{1, static_cast<std::uint8_t>(size >> 16)} + be16_bytes(size & 0xffff) + body;
}

Message in_records(const Message& body, const std::vector<std::size_t>& sizes) {
    Message stream;
    std::size_t at = 0;
    const auto add = [&](std::size_t size) {
        size = std::min(size, body.size() - at);
        if (size == 0) return;
        stream = stream + Message{22, 3, 1} + be16_bytes(size);
        stream.insert(stream.end(), body.begin() + at, body.begin() + at + size);
        at += size;
    };
    for (const std::size_t size : sizes) add(size);
    while (at < body.size()) add(16384);
    return stream;
}

Message client_hello(const Hello& hello) {
    const Message body = hello_body(hello);
    return in_records(body, std::vector<std::size_t>(hello.records, body.size() / hello.records));
}

Message stun_binding(std::size_t attributes) {
    Message body;
    for (std::size_t i = 0; i < attributes; ++i)
        body = body + attribute(0x8022, text("lync")) + attribute(0x0025, {});
    return Message{0, 1} + be16_bytes(body.size()) + Message{0x21, 0x12, 0xa4, 0x42} +
           Message(12, 0x77) + body;
}

Message ms_turn_allocate(std::size_t username) {
    const Message body = attribute(0x000f, {0x72, 0xc6, 0x4b, 0xc6}) +
                         attribute(0x8008, {0, 0, 0, 3}) + attribute(6, Message(username, 'u'));
    return Message{0, 3} + be16_bytes(body.size()) + Message(16, 0x42) + body;
}

Message ms_turn_framed(const Message& inside, std::uint8_t type) {
    return Message{type, 0} + vector16(inside);
}
Message rfc4571(const Message& inside) {
    return vector16(inside);
}
Message multiplexed(const Message& inside) {
    return Message{0xff, 0x10} + vector16(Message(8, 0x99) + inside);
}

Message pseudo_hello() {
    return Message{22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1} + Message(32, 0xab) +
           Message{0, 0, 2, 0, 0x18, 1, 0};
}

Message rtp(std::uint32_t ssrc, std::uint16_t sequence, std::size_t payload) {
    return Message{0x80, 114} + be16_bytes(sequence) + be32_bytes(sequence * 320U) +
           be32_bytes(ssrc) + Message(payload, 0xe7);
}
Message rtcp(std::uint32_t ssrc, std::size_t trailer) {
    return Message{0x80, 200, 0, 6} + be32_bytes(ssrc) + Message(20 + trailer, 0x31);
}

Message sslv2_hello(const Message& ciphers, std::uint8_t major) {
    const Message body = Message{1, major, 1} + be16_bytes(ciphers.size()) + Message{0, 0, 0, 16} +
                         ciphers + Message(16, 0x5a);
    return be16_bytes(0x8000 + body.size()) + body;
}

Message http_request(std::string_view line) {
    return text(line) + text("\r\nHost: meet.example.com\r\n\r\n");
}
Message xmpp_stream() {
    return text("<?xml version='1.0'?><stream:stream xmlns='jabber:server' to='example.org'>");
}

Message dns_query(std::string_view name, std::uint16_t type, bool edns) {
    Message query = {0x12, 0x34, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, std::uint8_t{edns}};
    while (!name.empty()) {
        const std::string_view label = name.substr(0, name.find('.'));
        query.push_back(static_cast<std::uint8_t>(label.size()));
        query = query + text(label);
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    query = query + Message{0} + be16_bytes(type) + Message{0, 1};
    if (edns) query = query + Message{0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0};
    return query;
}
Message dns_over_tcp(const Message& query) {
    return vector16(query);
}

}  // namespace portcullis::inspect
