// What each application protocol begins with: the patterns of signatures.yaml as constant tables.
//
//     find(ProtocolClass::turn_tcp)->patterns[0].message == Message::pseudo_tls
//
// A generator writes the tables at build time, so a running program cannot fail to load them.
// compile.h makes databases of them; rules/inspect/ checks the lengths inside what has matched.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "rules/policy/conformance.h"
#include "rules/policy/policy.h"

namespace portcullis::signatures {

// The first message that a pattern recognises.
enum class Message : std::uint8_t {
    tls_hello,         // a TLS ClientHello, from its record header
    sslv2_hello,       // one in the form of SSL 2.0 that offers TLS
    pseudo_tls,        // MS-TURN's 50 canned bytes; more must follow before the session is judged
    framed_turn,       // MS-TURN over TCP: 4 bytes of framing, then as ms_turn
    ms_turn,           // MS-TURN with its cookie as the first attribute; attributes are not padded
    stun,              // STUN or TURN with the magic cookie, over UDP or unframed over TCP
    multiplexed_turn,  // 12 bytes of multiplexing header, then as ms_turn
    multiplexed_stun,  // 12 bytes of multiplexing header, then as stun
    framed_stun,       // STUN behind the 2-byte length of RFC 4571
    rtp,               // never suffices alone
    rtcp,              // likewise
    http_request,
    xmpp_stream,
    dns_query,
    framed_dns_query,  // DNS behind the 2-byte length of TCP
};
std::string_view to_string(Message message);  // "tls-hello"

struct Pattern {
    Message message = Message::tls_hello;
    // Of Hyperscan with DOTALL. `pattern` matches what begins as the message does; `twin` matches
    // what can still become that: every beginning, not empty, of what `pattern` matches at least.
    std::string_view pattern;
    std::string_view twin;
    std::uint32_t bytes = 0;  // that must have arrived before it can match
    std::uint32_t width = 0;  // that it looks at, at most
};

struct SignatureClass {
    policy::ProtocolClass protocol = policy::ProtocolClass::none;
    std::string_view summary;  // "SIP in TLS"
    std::string_view source;   // the documents that say so
    policy::Transport transport = policy::Transport::tcp;
    std::string_view watch_only;        // why it is never enforced; empty if it may be
    bool names = false;                 // opens with a ClientHello that published names apply to
    std::span<const Pattern> patterns;  // in the order in which they are to be tried
};

// One for each class but none and custom, in the order of the enum.
std::span<const SignatureClass> classes();
const SignatureClass* find(policy::ProtocolClass protocol);  // nullptr for none and custom

}  // namespace portcullis::signatures
